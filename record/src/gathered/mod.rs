//! What happened since the last window was written, and the rows that it becomes.
//!
//! Lives here: sums by key. Does not: where they come from (see `counters`).

use std::collections::BTreeMap;

use ctrec_recording::{Abi, Argument, Call, Errno, Loss, LossKind, Origin, Phase, Segment, Start, Window};

mod checks;
mod values;

use crate::wire::{self, REFUSED, SUCCEEDED, WireError};
use checks::NewChecks;
pub(crate) use checks::{IdentityRow, Kind};
use values::NewValues;
pub(crate) use values::ValuesRow;

/// -512 to -516 never reach a program: the call was torn down by a signal or an exit, and is often made again.
const INTERRUPTED: std::ops::RangeInclusive<u32> = 512..=516;
/// Outcomes from here on are not errnos.
const FIRST_NO_ERRNO: u32 = 4096;

/// What a count belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CallKey {
    pub(crate) container: u32,
    pub(crate) program: u32,
    pub(crate) origin: Origin,
    pub(crate) phase: Phase,
    pub(crate) abi: Abi,
    pub(crate) number: i64,
}

impl CallKey {
    /// A call of a slot.
    pub(crate) fn of(slot: &wire::SlotKey, number: i64) -> Result<Self, WireError> {
        Ok(Self {
            container: slot.container,
            program: slot.program,
            origin: wire::origin(slot.origin)?,
            phase: wire::phase(slot.phase)?,
            abi: wire::abi(slot.abi, number)?,
            number,
        })
    }
}

/// Counts of one call since the window began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) succeeded: u64,
    pub(crate) interrupted: u64,
    pub(crate) unfinished: u64,
    /// Among the others: a filter gave the answer.
    pub(crate) refused: u64,
    pub(crate) errnos: BTreeMap<u32, u64>,
    pub(crate) times: Option<(i64, i64)>,
}

impl Counts {
    pub(crate) fn seen(&mut self, first_ns: i64, last_ns: i64) {
        let (first, last) = self.times.unwrap_or((first_ns, last_ns));
        self.times = Some((first.min(first_ns), last.max(last_ns)));
    }

    pub(crate) fn add(&mut self, outcome: u32, count: u64) {
        match outcome {
            SUCCEEDED => self.succeeded += count,
            REFUSED => self.refused += count,
            outcome if INTERRUPTED.contains(&outcome) => self.interrupted += count,
            outcome if outcome < FIRST_NO_ERRNO => *self.errnos.entry(outcome).or_default() += count,
            _ => self.unfinished += count,
        }
    }
}

/// What was gathered for the next segment. Stays when a segment cannot be written, and goes into a later one.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) calls: BTreeMap<CallKey, Counts>,
    pub(crate) arguments: BTreeMap<(CallKey, u32, u64), u64>,
    pub(crate) starts: BTreeMap<(u32, u32, u32, Origin, Phase), u64>,
    pub(crate) losses: BTreeMap<(LossKind, Option<u32>, String), u64>,
    checks: NewChecks,
    values: NewValues,
}

impl Gathered {
    pub(crate) fn lose(&mut self, kind: LossKind, container: Option<u32>, detail: &str, count: u64) {
        if count != 0 {
            *self.losses.entry((kind, container, detail.to_owned())).or_default() += count;
        }
    }

    /// Drops what belongs to a container that turned out not to be wanted.
    pub(crate) fn drop_container(&mut self, container: u32) {
        self.calls.retain(|key, _| key.container != container);
        self.arguments.retain(|(key, ..), _| key.container != container);
        self.starts.retain(|(owner, ..), _| *owner != container);
        self.losses.retain(|(_, owner, _), _| *owner != Some(container));
        self.checks.drop_container(container);
        self.values.drop_container(container);
    }

    /// The rows of the containers that are `kept`. `exact`: answers of filters were counted.
    pub(crate) fn segment(&self, window: Window, exact: bool, kept: impl Fn(u32) -> bool) -> Segment {
        let number = window.window;
        let calls = || self.calls.iter().filter(|(key, _)| kept(key.container));
        let arguments = self.arguments.iter().filter(|((key, ..), _)| kept(key.container));
        let starts = self.starts.iter().filter(|((container, ..), _)| kept(*container));
        let losses = self.losses.iter().filter(|((_, container, _), _)| container.is_none_or(&kept));
        Segment {
            calls: calls().map(|(key, counts)| call_row(number, exact, key, counts)).collect(),
            errnos: calls().flat_map(|(key, counts)| errno_rows(number, key, counts)).collect(),
            arguments: arguments
                .map(|((key, index, value), count)| argument_row(number, key, (*index, *value), *count))
                .collect(),
            values: self.values.rows(number, &kept),
            starts: starts.map(|(key, count)| start_row(number, *key, *count)).collect(),
            checks: self.checks.checks(number, &kept),
            askers: self.checks.askers(number, &kept),
            identities: self.checks.identities(number, &kept),
            losses: losses.map(|(key, count)| loss_row(number, key, *count)).collect(),
            window,
        }
    }
}

fn call_row(window: u32, exact: bool, key: &CallKey, counts: &Counts) -> Call {
    let (first_ns, last_ns) = counts.times.unwrap_or_default();
    Call {
        window,
        container: key.container,
        program: key.program,
        origin: key.origin,
        phase: key.phase,
        abi: key.abi,
        number: key.number,
        succeeded: counts.succeeded,
        failed: counts.errnos.values().sum(),
        interrupted: counts.interrupted,
        unfinished: counts.unfinished,
        refused: exact.then_some(counts.refused),
        first_ns,
        last_ns,
    }
}

fn errno_rows(window: u32, key: &CallKey, counts: &Counts) -> impl Iterator<Item = Errno> {
    counts.errnos.iter().map(move |(errno, count)| Errno {
        window,
        container: key.container,
        program: key.program,
        origin: key.origin,
        phase: key.phase,
        abi: key.abi,
        number: key.number,
        errno: i32::try_from(*errno).unwrap_or(i32::MAX),
        count: *count,
    })
}

fn argument_row(window: u32, key: &CallKey, (index, value): (u32, u64), count: u64) -> Argument {
    Argument {
        window,
        container: key.container,
        program: key.program,
        origin: key.origin,
        phase: key.phase,
        abi: key.abi,
        number: key.number,
        index,
        value,
        count,
    }
}

fn start_row(
    window: u32,
    (container, parent, program, origin, phase): (u32, u32, u32, Origin, Phase),
    count: u64,
) -> Start {
    Start { window, container, parent, program, origin, phase, count }
}

fn loss_row(window: u32, (kind, container, detail): &(LossKind, Option<u32>, String), count: u64) -> Loss {
    Loss { window, container: *container, kind: *kind, count, detail: detail.clone() }
}
