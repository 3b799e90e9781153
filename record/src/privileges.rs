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

/// What only some recordings do.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Deeds {
    /// The store is given to another user.
    pub(crate) leaves_store: bool,
    /// A command, which may have become another user's, is told to end.
    pub(crate) ends_command: bool,
    /// Runs of others are removed from a folder in which each may remove but their own.
    pub(crate) removes_others_runs: bool,
}

/// A mask of the capabilities that a recorder keeps.
pub(crate) fn kept(deeds: Deeds) -> u64 {
    let only_some = [
        (deeds.leaves_store, Capability::CAP_CHOWN),
        (deeds.ends_command, Capability::CAP_KILL),
        (deeds.removes_others_runs, Capability::CAP_FOWNER),
    ];
    let only_some = only_some.into_iter().filter_map(|(does, capability)| does.then_some(capability));
    ALWAYS.into_iter().chain(only_some).map(|capability| capability.bitmask()).fold(0, |all, one| all | one)
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
        let usual = kept(Deeds::default());
        let deeds = [
            (Deeds { leaves_store: true, ..Deeds::default() }, Capability::CAP_CHOWN),
            (Deeds { ends_command: true, ..Deeds::default() }, Capability::CAP_KILL),
            (Deeds { removes_others_runs: true, ..Deeds::default() }, Capability::CAP_FOWNER),
        ];
        for (deeds, capability) in deeds {
            assert_eq!(kept(deeds) & !usual, capability.bitmask(), "{deeds:?}");
        }
        assert_eq!(usual & of_gauge(), 0);
    }
}
