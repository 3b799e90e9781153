//! What is known of each container so far, in numbers: for people who watch a recording, and for its end.
//!
//! Lives here: distinct calls and capabilities, and losses, of what was written. Does not: counts of any of them, which
//! are in the store alone.

use std::collections::{BTreeMap, BTreeSet};

use ctrec_recording::{Abi, Audit, Phase, Segment, Whose};

/// What was written of one container.
#[derive(Debug, Default)]
struct Account {
    calls: BTreeSet<(Abi, i64)>,
    capabilities: BTreeSet<u32>,
    losses: u64,
}

/// What was written of every container, and of none in particular.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    open: BTreeMap<u32, Account>,
    /// Calls of containers that are closed.
    closed_calls: usize,
    losses: u64,
    refused: u64,
}

/// One container in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// Distinct calls, as a listing of the store counts them.
    pub(crate) calls: usize,
    /// Distinct capabilities that were asked for, of its own credentials, by more than a probe; set-up left out.
    pub(crate) capabilities: usize,
    /// Losses that are known to be its own.
    pub(crate) losses: u64,
}

impl Accounts {
    /// Adds a window that is written.
    pub(crate) fn add(&mut self, segment: &Segment) {
        for call in &segment.calls {
            self.open.entry(call.container).or_default().calls.insert((call.abi, call.number));
        }
        let own = segment.checks.iter().filter(|check| check.credentials == Whose::Own && check.audit != Audit::Probe);
        for check in own.filter(|check| check.phase != Phase::Setup) {
            self.open.entry(check.container).or_default().capabilities.insert(check.capability);
        }
        for loss in &segment.losses {
            self.losses += loss.count;
            if let Some(container) = loss.container {
                self.open.entry(container).or_default().losses += loss.count;
            }
        }
        self.refused += segment.calls.iter().filter_map(|call| call.refused).sum::<u64>();
    }

    /// Distinct calls of distinct containers.
    pub(crate) fn calls(&self) -> usize {
        self.closed_calls + self.open.values().map(|account| account.calls.len()).sum::<usize>()
    }

    /// Everything that is known to be missing.
    pub(crate) fn losses(&self) -> u64 {
        self.losses
    }

    /// Calls that filters answered, where that was counted.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// One container.
    pub(crate) fn of(&self, container: u32) -> Numbers {
        let Some(Account { calls, capabilities, losses }) = self.open.get(&container) else {
            return Numbers::default();
        };
        Numbers { calls: calls.len(), capabilities: capabilities.len(), losses: *losses }
    }

    /// The same, of a container that nothing will be added to.
    pub(crate) fn close(&mut self, container: u32) -> Numbers {
        let numbers = self.of(container);
        self.closed_calls += numbers.calls;
        self.open.remove(&container);
        numbers
    }
}

#[cfg(test)]
mod tests {
    use ctrec_recording::{Call, Loss, LossKind, Origin, Window};

    use super::*;

    fn call(container: u32, number: i64, phase: Phase) -> Call {
        Call {
            window: 1,
            container,
            program: 1,
            origin: Origin::Init,
            phase,
            abi: Abi::X86_64,
            number,
            succeeded: 1,
            failed: 0,
            interrupted: 0,
            unfinished: 0,
            refused: Some(2),
            first_ns: 0,
            last_ns: 0,
        }
    }

    #[test]
    fn a_call_is_known_once_and_one_of_set_up_too() {
        let mut accounts = Accounts::default();
        let loss = Loss { window: 1, container: Some(2), kind: LossKind::MapFull, count: 3, detail: String::new() };
        let nobody = Loss { container: None, ..loss.clone() };
        let segment = Segment {
            window: Window { window: 1, start_ns: 0, end_ns: 1 },
            calls: vec![call(1, 5, Phase::Workload), call(1, 5, Phase::Runtime), call(2, 5, Phase::Setup)],
            errnos: Vec::new(),
            arguments: Vec::new(),
            values: Vec::new(),
            starts: Vec::new(),
            checks: Vec::new(),
            askers: Vec::new(),
            identities: Vec::new(),
            losses: vec![loss, nobody],
        };
        accounts.add(&segment);
        accounts.add(&segment);
        assert_eq!((accounts.calls(), accounts.losses(), accounts.refused()), (2, 12, 12));
        assert_eq!(accounts.of(1), Numbers { calls: 1, capabilities: 0, losses: 0 });
        assert_eq!(accounts.of(2), Numbers { calls: 1, capabilities: 0, losses: 6 });
        assert_eq!(accounts.close(1).calls, 1);
        assert_eq!((accounts.calls(), accounts.of(1).calls), (2, 0));
    }
}
