//! Calls that a stop interrupted, and that the filter would not let go on.
//!
//! Lives here: one repair. A task that is stopped in a wait with a time limit (poll, nanosleep, futex) goes on by a call
//! of its own, `restart_syscall`, and that passes the filter. Most profiles allow it; under one that does not,
//! looking at a process would get it an odd errno, or killed. Such a call is made to end with EINTR instead, which
//! programs expect of every wait.

use nix::{errno::Errno, unistd::Pid};

use crate::filter::Filter;

/// Lets an interrupted wait of a stopped, traced task end with EINTR where its filters refuse to restart it.
#[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
pub(crate) fn spare(pid: Pid, filters: &[Filter]) -> Result<(), Errno> {
    use nix::sys::ptrace;

    use crate::simulate::{AuditArch, Query, Verdict, decide};

    /// `ERESTART_RESTARTBLOCK`: the kernel's own note that a wait is to go on by `restart_syscall`.
    const TO_RESTART: u64 = (-516_i64).cast_unsigned();
    const INTERRUPTED: u64 = (-(libc::EINTR as i64)).cast_unsigned();

    let mut registers = ptrace::getregs(pid)?;
    if registers.rax != TO_RESTART {
        return Ok(());
    }
    let architecture = AuditArch(ptrace::syscall_info(pid)?.arch);
    let query = Query::raw(architecture, restart_number(architecture, registers.orig_rax));
    if decide(filters, &query).verdict() != Verdict::Allowed {
        registers.rax = INTERRUPTED;
        ptrace::setregs(pid, registers)?;
    }
    Ok(())
}

/// The number of `restart_syscall` in the ABI of the call that it restarts: x32 keeps its bit.
#[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
fn restart_number(architecture: crate::simulate::AuditArch, interrupted: u64) -> u32 {
    use ctrec_analyze::profile::Abi;

    const X86_64_RESTART: u32 = 219;
    const I386_RESTART: u32 = 0;
    const X32_BIT: u32 = 1 << 30;
    if architecture == Abi::I386.into() {
        I386_RESTART
    } else if interrupted & u64::from(X32_BIT) == 0 {
        X86_64_RESTART
    } else {
        X86_64_RESTART | X32_BIT
    }
}

/// Elsewhere the kernel has arranged the restart before it stops a task, and there is nothing to repair it by.
#[cfg(not(all(target_arch = "x86_64", target_env = "gnu")))]
pub(crate) fn spare(_pid: Pid, _filters: &[Filter]) -> Result<(), Errno> {
    Ok(())
}
