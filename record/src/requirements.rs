//! What recording needs of this process and this kernel, asked before anything is loaded.

use std::fs;
use std::io;
use std::path::Path;

use libbpf_rs::btf::Btf;

use crate::differences;
use crate::error::RecordError;

const BTF: &str = "/sys/kernel/btf/vmlinux";
/// There wherever sysfs is mounted, whatever the kernel offers.
const SYSFS: &str = "/sys/kernel";
const STATUS: &str = "/proc/self/status";

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
    judge(fs::read_to_string(STATUS))
}

fn judge(status: io::Result<String>) -> Result<(), RecordError> {
    match status {
        Ok(status) if may_load(&status) => Ok(()),
        Ok(_) => Err(RecordError::NotRoot),
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

/// Whether a process status has `CAP_SYS_ADMIN`, or `CAP_BPF` with `CAP_PERFMON` (Linux 5.8+), in effect.
fn may_load(status: &str) -> bool {
    const SYS_ADMIN: u64 = 1 << 21;
    const BPF_AND_PERFMON: u64 = 1 << 39 | 1 << 38;
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    effective & SYS_ADMIN != 0 || effective & BPF_AND_PERFMON == BPF_AND_PERFMON
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
        assert!(may_load("Name:\tx\nCapEff:\t000001ffffffffff\n"));
        assert!(may_load("CapEff:\t000000c000000000\n"));
        assert!(!may_load("CapEff:\t0000000000000000\n"));
        assert!(!may_load(""));
    }

    #[test]
    fn who_cannot_tell_what_it_may_is_not_told_to_become_root() {
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
