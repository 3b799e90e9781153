//! What a filter returns, and what the kernel makes of it.
//!
//! Lives here: the 32-bit return value, its meaning and its rank among the values of several filters. Does not: how a
//! filter comes to it (see [`crate::simulate`]).

use std::fmt;

use ctrec_analyze::profile::Action;

const KILL_PROCESS: u32 = 0x8000_0000;
const KILL_THREAD: u32 = 0x0000_0000;
const TRAP: u32 = 0x0003_0000;
const ERRNO: u32 = 0x0005_0000;
const NOTIFY: u32 = 0x7fc0_0000;
const TRACE: u32 = 0x7ff0_0000;
const LOG: u32 = 0x7ffc_0000;
const ALLOW: u32 = 0x7fff_0000;

const ACTION_MASK: u32 = 0xffff_0000;
/// The kernel cuts the errno of a filter to this.
const LARGEST_ERRNO: u16 = 4095;

/// A filter's return value: action and data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RawAction(pub u32);

impl RawAction {
    /// Lets the call through.
    pub const ALLOW: Self = Self(ALLOW);
    /// Kills the thread.
    pub const KILL_THREAD: Self = Self(KILL_THREAD);

    /// One value of each action, without data.
    pub(crate) const EVERY: [Self; 8] = [
        Self(KILL_PROCESS),
        Self(KILL_THREAD),
        Self(TRAP),
        Self(ERRNO),
        Self(NOTIFY),
        Self(TRACE),
        Self(LOG),
        Self(ALLOW),
    ];

    /// The value that stands for an action in a filter.
    pub fn of(action: Action) -> Self {
        Self(match action {
            Action::Allow => ALLOW,
            Action::Log => LOG,
            Action::Errno(errno) => ERRNO | u32::from(errno),
            Action::Trace(message) => TRACE | u32::from(message),
            Action::Trap => TRAP,
            Action::Notify => NOTIFY,
            Action::KillThread => KILL_THREAD,
            Action::KillProcess => KILL_PROCESS,
        })
    }

    /// What the kernel does on this value. It kills the process on one that it does not know.
    pub fn action(self) -> Action {
        match self.0 & ACTION_MASK {
            ALLOW => Action::Allow,
            LOG => Action::Log,
            ERRNO => Action::Errno(self.data().min(LARGEST_ERRNO)),
            TRACE => Action::Trace(self.data()),
            NOTIFY => Action::Notify,
            TRAP => Action::Trap,
            KILL_THREAD => Action::KillThread,
            _ => Action::KillProcess,
        }
    }

    /// `SECCOMP_RET_DATA`: the errno or the message.
    pub fn data(self) -> u16 {
        // The lower half is meant, by the kernel's definition.
        let [low_0, low_1, ..] = self.0.to_le_bytes();
        u16::from_le_bytes([low_0, low_1])
    }

    /// Whether the call is carried out.
    pub fn permits(self) -> bool {
        matches!(self.action(), Action::Allow | Action::Log)
    }

    /// The value in force of two filters' values, `self` of the one that was installed later. The stricter action
    /// wins, with its data; of two equal ones, the later.
    #[must_use]
    pub fn combine(self, earlier: Self) -> Self {
        if earlier.rank() < self.rank() { earlier } else { self }
    }

    /// The kernel compares actions as signed numbers; the smallest is the strictest.
    fn rank(self) -> i32 {
        (self.0 & ACTION_MASK).cast_signed()
    }
}

impl fmt::Display for RawAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.action() {
            Action::Allow => f.write_str("allow"),
            Action::Log => f.write_str("allow and log"),
            Action::Errno(errno) => write!(f, "errno {errno}"),
            Action::Trace(message) => write!(f, "trace {message}"),
            Action::Trap => f.write_str("trap"),
            Action::Notify => f.write_str("notify"),
            Action::KillThread => f.write_str("kill thread"),
            Action::KillProcess => f.write_str("kill process"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_survives_its_value() {
        for value in RawAction::EVERY {
            assert_eq!(RawAction::of(value.action()), value);
        }
        assert_eq!(RawAction::of(Action::Errno(38)).action(), Action::Errno(38));
        assert_eq!(RawAction::of(Action::Trace(7)).action(), Action::Trace(7));
    }

    #[test]
    fn the_kernel_cuts_errnos_and_kills_on_what_it_does_not_know() {
        assert_eq!(RawAction(ERRNO | 0xffff).action(), Action::Errno(4095));
        assert_eq!(RawAction(0x1234_0000).action(), Action::KillProcess);
    }

    #[test]
    fn the_strictest_wins_and_the_later_wins_ties() {
        // Ordered from strictest to loosest.
        for (strict, stricter) in RawAction::EVERY.iter().enumerate() {
            for looser in &RawAction::EVERY[strict + 1..] {
                assert_eq!(stricter.combine(*looser), *stricter);
                assert_eq!(looser.combine(*stricter), *stricter);
            }
        }
        let (later, earlier) = (RawAction(ERRNO | 1), RawAction(ERRNO | 2));
        assert_eq!(later.combine(earlier), later);
    }
}
