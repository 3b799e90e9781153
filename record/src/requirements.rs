//! What recording needs of this process and this kernel, asked before anything is loaded.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use caps::Capability;
use libbpf_rs::btf::Btf;
use nix::unistd::geteuid;

use crate::differences;
use crate::error::RecordError;

const BTF: &str = "/sys/kernel/btf/vmlinux";
/// There wherever sysfs is mounted, whatever the kernel offers.
const SYSFS: &str = "/sys/kernel";
const STATUS: &str = "/proc/self/status";
const USERS: &str = "/proc/self/ns/user";
/// Inode of the user namespace that the kernel begins with, the same on each (Linux 3.8+).
const INITIAL_USERS: u64 = 0xefff_fffd;

/// Where perf's tracepoints have their numbers; libbpf takes the first that is there.
const TRACEFS: [&str; 2] = ["/sys/kernel/debug/tracing", "/sys/kernel/tracing"];

/// What BTF calls a tracepoint's type, before its name.
pub(crate) const TRACEPOINT: &str = "btf_trace_";

/// Hooks without which nothing can be recorded, as the kernel's BTF names their tracepoints.
pub(crate) const NEEDED: [&str; 8] = [
    "btf_trace_sys_exit",
    "btf_trace_sched_process_fork",
    "btf_trace_sched_process_exec",
    "btf_trace_sched_process_exit",
    "btf_trace_signal_deliver",
    "btf_trace_cgroup_mkdir",
    "btf_trace_cgroup_attach_task",
    "btf_trace_cgroup_rmdir",
];
/// Tells execve and execveat apart, and their ABI (Linux 6.10+).
pub(crate) const PREPARE_EXEC: &str = "btf_trace_sched_prepare_exec";
/// Tells calls that a filter answered, where that is asked for.
pub(crate) const SYS_ENTER: &str = "btf_trace_sys_enter";

/// Whether this process may load programs and this kernel can run them; gives the kernel's types, which take long to read.
pub(crate) fn check() -> Result<Btf<'static>, RecordError> {
    permission()?;
    let btf = types()?;
    differences::note_age(&btf);
    missing_hook(|name| has_hook(&btf, name)).map_or(Ok(btf), |hook| Err(RecordError::NoHook { hook }))
}

/// Whether this process may load programs.
pub(crate) fn permission() -> Result<(), RecordError> {
    // Where it cannot be told, the kernel will.
    let users = fs::metadata(USERS).map_or(INITIAL_USERS, |namespace| namespace.ino());
    judge(fs::read_to_string(STATUS), users, geteuid().is_root())
}

fn judge(status: io::Result<String>, users: u64, is_root: bool) -> Result<(), RecordError> {
    match status {
        Ok(_) if users != INITIAL_USERS => Err(RecordError::OtherUsers),
        Ok(status) => match missing(&status) {
            missing if missing.is_empty() => Ok(()),
            missing if is_root => Err(RecordError::NoCapabilities { missing }),
            _ => Err(RecordError::NotRoot),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(RecordError::NoProc),
        Err(source) => Err(RecordError::Host { path: STATUS.into(), source }),
    }
}

/// The kernel's types.
pub(crate) fn types() -> Result<Btf<'static>, RecordError> {
    if Path::new(BTF).exists() {
        Btf::from_vmlinux().map_err(|source| RecordError::Btf { source })
    } else if Path::new(SYSFS).exists() {
        Err(RecordError::NoBtf)
    } else {
        Err(RecordError::NoSysfs)
    }
}

/// Whether perf's tracepoints on calls are found, which a recording needs where it counts by way of perf; `None`: root may
/// see more.
pub(crate) fn has_tracefs() -> Option<bool> {
    let [first, second] = TRACEFS.map(Path::new);
    let root = if first.exists() { first } else { second };
    fs::exists(root.join("events/raw_syscalls/sys_exit/id")).ok()
}

/// What a process status has not in effect of `CAP_SYS_ADMIN`, or `CAP_BPF` and `CAP_PERFMON` (Linux 5.8+).
fn missing(status: &str) -> Vec<&'static str> {
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    let has = |capability: Capability| effective & capability.bitmask() != 0;
    if has(Capability::CAP_SYS_ADMIN) {
        return Vec::new();
    }
    let both = [(Capability::CAP_BPF, "CAP_BPF"), (Capability::CAP_PERFMON, "CAP_PERFMON")];
    both.into_iter().filter(|(capability, _)| !has(*capability)).map(|(_, name)| name).collect()
}

/// The first needed hook that a kernel does not have.
fn missing_hook(has: impl Fn(&str) -> bool) -> Option<&'static str> {
    NEEDED.into_iter().find(|name| !has(name)).map(bare)
}

/// A tracepoint's own name.
pub(crate) fn bare(name: &str) -> &str {
    name.trim_start_matches(TRACEPOINT)
}

/// Whether the kernel has a tracepoint, by the type that BTF has for it.
pub(crate) fn has_hook(btf: &Btf<'_>, name: &str) -> bool {
    btf.type_by_name::<libbpf_rs::btf::types::Typedef<'_>>(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_without_capabilities_may_not_load() {
        assert!(missing("Name:\tx\nCapEff:\t000001ffffffffff\n").is_empty());
        assert!(missing("CapEff:\t000000c000000000\n").is_empty());
        assert!(missing("CapEff:\t0000000000200000\n").is_empty());
        assert_eq!(missing("CapEff:\t0000008000000000\n"), ["CAP_PERFMON"]);
        for nothing in ["CapEff:\t0000000000000000\n", ""] {
            assert_eq!(missing(nothing), ["CAP_BPF", "CAP_PERFMON"]);
        }
    }

    #[test]
    fn each_is_told_what_helps() {
        let judge = |mask, users, is_root| judge(Ok(format!("CapEff:\t{mask}\n")), users, is_root);
        let (all, none) = ("000001ffffffffff", "0000000000000000");
        assert!(judge(all, INITIAL_USERS, true).is_ok());
        let says = |found: Result<(), RecordError>| found.unwrap_err().to_string();
        let without = says(judge("0000004000000000", INITIAL_USERS, true));
        assert!(without.contains("CAP_BPF, which") && without.contains("--privileged"), "{without}");
        assert!(!without.contains("sudo"), "{without}");
        assert!(says(judge(none, INITIAL_USERS, false)).contains("sudo"));
        let elsewhere = says(judge(all, INITIAL_USERS - 1, true));
        assert!(elsewhere.contains("user namespace"), "{elsewhere}");
    }

    #[test]
    fn who_cannot_tell_what_it_may_is_not_told_to_become_root() {
        let judge = |status| judge(status, INITIAL_USERS, false);
        assert!(matches!(judge(Ok("CapEff:\t0000000000000000\n".to_owned())), Err(RecordError::NotRoot)));
        let error = judge(Err(io::ErrorKind::NotFound.into())).unwrap_err().to_string();
        assert!(error.contains("mount -t proc") && !error.contains("root"), "{error}");
        assert!(matches!(judge(Err(io::ErrorKind::PermissionDenied.into())), Err(RecordError::Host { .. })));
    }

    #[test]
    fn a_missing_hook_is_named() {
        assert_eq!(missing_hook(|_| true), None);
        assert_eq!(missing_hook(|name| name != "btf_trace_cgroup_mkdir"), Some("cgroup_mkdir"));
    }
}
