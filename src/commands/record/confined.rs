//! ctrec under profiles that it made for itself.
//!
//! Lives here: which profile whose is, and compiling it. Does not: which capabilities are kept (see
//! `ctrec_record::Role`), what is in a profile (see `profiles/own/`).

use anyhow::Context;
use ctrec_analyze::dialect::{ParseContext, parse};
use ctrec_enforce::{CapabilityList, Compiled, Runtime, compile, confine, native_architecture};
use ctrec_record::{Confine, Role};

const RECORDER: &str = include_str!("../../../profiles/own/recorder.json");
const GAUGE: &str = include_str!("../../../profiles/own/gauge.json");

/// What puts a process under its own profile. Compiled at once, while all that this takes is still allowed.
pub(super) fn by_own_profiles() -> Box<Confine> {
    let profiles = compiled(RECORDER).and_then(|recorder| Ok((recorder, compiled(GAUGE)?)));
    Box::new(move |role, kept| {
        let (recorder, gauge) = profiles.as_ref().map_err(|error| format!("{error:#}"))?;
        let profile = match role {
            Role::Recorder => recorder,
            Role::Gauge => gauge,
        };
        Ok(confine(profile, CapabilityList::from_mask(kept))?)
    })
}

/// As crun compiles: nothing is answered before the profile is asked.
fn compiled(file: &'static str) -> anyhow::Result<Compiled> {
    let native = native_architecture().context("ctrec has no call tables for this machine")?;
    let profile = parse(file, &ParseContext::of(native)).context("cannot read ctrec's own profile")?.profile;
    compile(&profile, Runtime::Crun, native).context("cannot compile ctrec's own profile")
}

#[cfg(test)]
mod tests {
    use ctrec_analyze::names;
    use ctrec_analyze::profile::{Abi, Action};
    use ctrec_enforce::{Decision, Query, RawAction};

    use super::*;

    /// Calls that one C library, kernel or processor makes where another makes the other.
    const ALIKE: [&[&str]; 17] = [
        &["open", "openat", "openat2"],
        &["stat", "lstat", "fstat", "newfstatat", "statx"],
        &["access", "faccessat", "faccessat2"],
        &["readlink", "readlinkat"],
        &["mkdir", "mkdirat"],
        &["unlink", "unlinkat", "rmdir"],
        &["rename", "renameat", "renameat2"],
        &["chown", "lchown", "fchownat"],
        &["getdents", "getdents64"],
        &["poll", "ppoll"],
        &["epoll_wait", "epoll_pwait", "epoll_pwait2"],
        &["nanosleep", "clock_nanosleep"],
        &["wait4", "waitid"],
        &["read", "readv"],
        &["write", "writev"],
        &["futex", "futex_waitv"],
        &["recvfrom", "recvmsg"],
    ];

    fn decision(name: &str) -> Option<Decision> {
        let abi = Abi::X86_64;
        let number = names::number(abi, name)?;
        Some(compiled(RECORDER).unwrap().filter.decide(&Query::new(abi, number)))
    }

    fn is_allowed(name: &str) -> bool {
        decision(name) == Some(Decision::Always(RawAction::of(Action::Allow)))
    }

    #[test]
    fn what_another_c_library_calls_instead_is_allowed_too() {
        for alike in ALIKE {
            let calls: Vec<_> = alike.iter().filter(|name| decision(name).is_some()).collect();
            let refused: Vec<_> = calls.iter().filter(|name| !is_allowed(name)).collect();
            assert!(calls.len() > 1 && refused.is_empty(), "{refused:?} of {alike:?}");
        }
    }

    #[test]
    fn a_call_outside_of_the_profile_fails_and_ends_nothing() {
        for name in ["execve", "mount", "ptrace", "process_vm_writev", "init_module", "setns", "capset", "clone3"] {
            let Some(Decision::Always(action)) = decision(name) else { panic!("arguments decide {name}") };
            assert!(matches!(action.action(), Action::Errno(_)), "{name}: {action}");
        }
    }

    #[test]
    fn the_gauge_may_ask_for_measurements_and_nothing_else_of_bpf() {
        let filter = compiled(GAUGE).unwrap().filter;
        let bpf = |command| filter.decide(&Query::new(Abi::X86_64, libc::SYS_bpf).with_argument(0, command, u64::MAX));
        assert_eq!(bpf(32), Decision::Always(RawAction::of(Action::Allow)));
        assert!(matches!(bpf(5), Decision::Always(action) if matches!(action.action(), Action::Errno(_))));
    }
}
