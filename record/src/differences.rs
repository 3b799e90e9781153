//! What differs between kernels and decides how the programs are built, loaded and attached. What each means for the
//! programs is in `bpf/kernels.bpf.h`.
//!
//! Lives here: finding out. Does not: what no kernel may lack (see `requirements`), hooks on checks (see `check_hook`).

#![expect(unsafe_code, reason = "one system call; see the SAFETY comment")]

use std::fs;
use std::io;
use std::sync::OnceLock;

use libbpf_rs::btf::Btf;
use libbpf_rs::btf::types::{Enum, Func};

/// How a kernel that chooses when it boots is asked (root's, where debugfs is mounted).
const MODE: &str = "/sys/kernel/debug/sched/preempt";

/// A process sees one kernel.
static OLD: OnceLock<bool> = OnceLock::new();

/// Whether the kernel lacks `bpf_task_pt_regs` (Linux 5.15), and takes only the build for old ones.
pub(crate) fn is_old() -> bool {
    *OLD.get_or_init(|| Btf::from_vmlinux().is_ok_and(|btf| lacks_registers(&btf)))
}

/// Spares [`is_old`] the reading of the kernel's types, which are at hand.
pub(crate) fn note_age(btf: &Btf<'_>) {
    OLD.get_or_init(|| lacks_registers(btf));
}

fn lacks_registers(btf: &Btf<'_>) -> bool {
    !has_helper(btf, "BPF_FUNC_task_pt_regs")
}

fn has_helper(btf: &Btf<'_>, name: &str) -> bool {
    let helpers = btf.type_by_name::<Enum<'_>>("bpf_func_id");
    helpers.is_some_and(|helpers| helpers.iter().any(|helper| helper.name.is_some_and(|found| found == name)))
}

/// Where the kernel may take a CPU from a program that runs there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Preemption {
    /// In programs on functions.
    pub(crate) on_functions: bool,
    /// In programs on tracepoints (Linux 7.0+).
    pub(crate) on_tracepoints: bool,
    /// They can turn that off themselves, in all that they call.
    pub(crate) can_be_held: bool,
}

impl Preemption {
    pub(crate) fn find(btf: &Btf<'_>) -> Self {
        let Ok(names) = nix::sys::utsname::uname() else { return Self::default() };
        let [release, version] = [names.release(), names.version()].map(|text| text.to_string_lossy());
        let holds = btf.type_by_name::<Func<'_>>("bpf_preempt_disable").is_some();
        Self::of(&release, &version, fs::read_to_string(MODE), holds)
    }

    /// `mode`: such as "none voluntary (full) lazy".
    fn of(release: &str, version: &str, mode: io::Result<String>, holds: bool) -> Self {
        let is_off = |mode: &str| mode.contains("(none)") || mode.contains("(voluntary)");
        // Where nobody tells: to be wrong costs time, the other way round it would cost counts.
        let on_functions = version.contains("PREEMPT")
            && !(version.contains("PREEMPT_DYNAMIC") && mode.is_ok_and(|mode| is_off(&mode)));
        let since_7 =
            release.split('.').next().and_then(|major| major.parse().ok()).is_some_and(|major: u32| major >= 7);
        // Before, functions that the verifier checks by themselves could not be called then.
        Self { on_functions, on_tracepoints: on_functions && since_7, can_be_held: holds && since_7 }
    }
}

/// Has no thread but one of a real-time policy take the CPU from this one. While a thread uses a map by a system call, the
/// kernel runs no program of perf's on its CPU, or of a kprobe; where it preempts its own code, that may last. Whoever is
/// refused this counts more losses.
pub(crate) fn keep_the_cpu() {
    let lowest = libc::sched_param { sched_priority: 1 };
    // SAFETY: reads a struct that lives through the call.
    let _refused_or_not =
        unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &raw const lowest) };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(release: &str, version: &str, mode: Option<&str>) -> [bool; 3] {
        let mode = mode.map(str::to_owned).ok_or(io::Error::from(io::ErrorKind::NotFound));
        let Preemption { on_functions, on_tracepoints, can_be_held } = Preemption::of(release, version, mode, true);
        [on_functions, on_tracepoints, can_be_held]
    }

    #[test]
    fn a_kernel_that_chooses_when_it_boots_is_asked() {
        let version = "#1 SMP PREEMPT_DYNAMIC Debian 6.1.1-1";
        assert_eq!(of("6.1.0-56-amd64", version, Some("none (voluntary) full\n")), [false; 3]);
        assert_eq!(of("6.1.0-56-amd64", version, Some("none voluntary (full)\n")), [true, false, false]);
        assert_eq!(of("6.1.0-56-amd64", version, None), [true, false, false]);
        assert_eq!(of("7.3.4+deb13-amd64", version, Some("full (lazy)\n")), [true; 3]);
    }

    #[test]
    fn one_that_was_built_for_it_is_not() {
        assert_eq!(of("6.18.5", "#1 SMP Tue Jan 1 2030", Some("none (voluntary) full")), [false; 3]);
        assert_eq!(of("6.6.1-rt", "#1 SMP PREEMPT_RT", Some("none (voluntary) full")), [true, false, false]);
        assert_eq!(of("7.0", "#1 SMP PREEMPT_LAZY", None), [true; 3]);
    }
}
