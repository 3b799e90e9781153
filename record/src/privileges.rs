//! What the recorder may still do once its hooks are attached.
//!
//! Lives here: which capabilities that takes, and who is to lose the others. Does not: how they are lost, and under which
//! profile a process goes: the command line hands in a function for that.

use std::error::Error;

use caps::Capability;

/// A process of ctrec that is to lose what it does not need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The recorder itself, when its hooks are attached.
    Recorder,
    /// Its child that has the kernel measure programs, and does nothing else.
    Gauge,
}

/// Takes from the calling process every capability that is not in a mask, and every call that its role does not need.
/// Called while the process has one thread.
pub type Confine = dyn Fn(Role, u64) -> Result<(), Box<dyn Error + Send + Sync>>;

/// What every recording takes after attaching: new maps for counters; `/proc/PID/root` and `/proc/PID/ns` of others; what
/// engines of other users wrote, and their sockets; a store in another user's folder; names of kernel functions. Not
/// PERFMON: the kernel asks for that when programs are loaded and attached, and not when the iterator over tasks, loaded
/// by then, is read.
const ALWAYS: [Capability; 5] = [
    Capability::CAP_BPF,
    Capability::CAP_SYS_PTRACE,
    Capability::CAP_DAC_READ_SEARCH,
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_SYSLOG,
];

/// A mask of the capabilities that a recorder keeps. `leaves_store`: the store is given to another user at the end.
/// `ends_command`: a command, which may have become another user's, is told to end.
pub(crate) fn kept(leaves_store: bool, ends_command: bool) -> u64 {
    let leaving = leaves_store.then_some(Capability::CAP_CHOWN);
    let ending = ends_command.then_some(Capability::CAP_KILL);
    ALWAYS.into_iter().chain(leaving).chain(ending).map(|capability| capability.bitmask()).fold(0, |all, one| all | one)
}

/// The one that the gauge keeps: it alone may have the kernel measure programs.
pub(crate) fn of_gauge() -> u64 {
    Capability::CAP_SYS_ADMIN.bitmask()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_some_recordings_need_only_they_keep() {
        let chown_and_kill = Capability::CAP_CHOWN.bitmask() | Capability::CAP_KILL.bitmask();
        assert_eq!(kept(true, true), kept(false, false) | chown_and_kill);
        assert_eq!(kept(false, false) & (chown_and_kill | of_gauge()), 0);
    }
}
