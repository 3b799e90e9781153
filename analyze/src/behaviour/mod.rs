//! What was seen of one container identity, folded over runs and windows.
//!
//! Folding is associative, commutative, and idempotent by (run, window). What a container did in a run is summed over
//! the run's windows as soon as it is read, so that memory grows with containers and their calls, and not with windows;
//! the sum remembers which windows are in it. Of two copies of a run the one with more windows holds, and since a run
//! only ever grows, it has all that the other has. Should it not, [`Behaviour::check`] says so.
//!
//! Lives here: facts and their folding. Does not: which container is meant (see `select`), or what to make of it.

mod checks;
mod container;
mod deeds;
mod fold;
mod questions;
mod refusals;
#[cfg(test)]
mod tests;
mod twice;
mod unseen;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ctrec_recording::{Abi, Origin, Phase, Removed};

use crate::absent::MissingRun;
pub use checks::{CheckCount, CheckEnd, CheckFacts, CheckKind, FileCapabilities, IdentityKey, Stack};
pub use container::{ContainerFacts, Filter};
use deeds::{Deeds, Losses, Summed};
pub use fold::BehaviourError;
pub(crate) use fold::CAPABILITY_HOOK;
pub use questions::{CallFacts, Recorded};
pub use refusals::Refusals;
pub use twice::Twice;
pub use unseen::Unseen;
pub use values::SeenValues;

/// Name of a program whose row is missing from the recording.
pub const UNKNOWN_PROGRAM: &str = "(unknown program)";

const ENOSYS: i32 = 38;

/// What was seen of one container identity: of one container, or of several that are to be judged as one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Behaviour {
    runs: BTreeMap<Arc<str>, RunFacts>,
    containers: BTreeMap<Instance, ContainerFacts>,
    /// Windows of each run, of all its copies.
    windows: BTreeMap<Arc<str>, BTreeMap<u32, Span>>,
    deeds: BTreeMap<Instance, Summed<Deeds>>,
    /// Losses of which nobody knows whose they are.
    losses: BTreeMap<Arc<str>, Summed<Losses>>,
    /// What was removed from the stores.
    removed: BTreeSet<Removed>,
    /// What else is not in them.
    missing: BTreeSet<MissingRun>,
}

/// One container of one run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instance {
    /// Id of the run.
    pub run: Arc<str>,
    /// Number of the container within the run.
    pub container: u32,
}

/// A stretch of time, ns since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Start.
    pub start_ns: i64,
    /// End.
    pub end_ns: i64,
}

/// A run, as far as judgement needs it. Ordered so that the greater of two copies is the later one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunFacts {
    /// Number of the last sealed window; 0 where none is.
    pub last_window: u32,
    /// End, ns since the epoch.
    pub ended_ns: Option<i64>,
    /// It ended without its last window being sealed.
    pub cut_off: bool,
    /// Start, ns since the epoch.
    pub started_ns: i64,
    /// Host.
    pub host: String,
    /// `uname -r`.
    pub kernel: String,
    /// `uname -m`.
    pub machine: String,
    /// What its kernel hooks could not see: hook and what it is blind to.
    pub blind_to: Vec<(String, Vec<String>)>,
    /// The hooks that counted capability checks, with what they could not see; none before format 1.2.
    pub capability_hooks: Vec<(String, Vec<String>)>,
    /// Host sysctls that decide whether a capability is asked for.
    pub sysctls: BTreeMap<String, String>,
    /// The run of the same recording that came before.
    pub continues: Option<String>,
    /// It has values of arguments; none before format 1.4.
    pub has_values: bool,
}

/// A call: a number of an ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId {
    /// The numbering.
    pub abi: Abi,
    /// The number as the kernel saw it.
    pub number: i64,
}

impl CallId {
    /// Its name; `None` where no table knows the number.
    pub fn name(self) -> Option<&'static str> {
        crate::names::name(self.abi, self.number)
    }

    /// Whether the kernel lets it past every filter.
    pub fn is_unfiltered(self) -> bool {
        self.name().is_some_and(|name| crate::known::is_unfiltered(name, crate::abi::architecture(self.abi)))
    }

    /// Its name, or ABI and number.
    pub fn label(self) -> String {
        crate::names::label(self.abi, self.number)
    }
}

/// Where a call came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Origin of the process.
    pub origin: Origin,
    /// Phase of the process.
    pub phase: Phase,
    /// Path of the program as the container sees it. Hostile text.
    pub program: Arc<str>,
}

/// One program started another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StartKey {
    /// Path of the program that called execve.
    pub parent: Arc<str>,
    /// What was executed, and as what.
    pub source: Source,
}

/// How often a call was made and how it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outcome {
    /// Returned without an error.
    pub succeeded: u64,
    /// Returned an errno.
    pub failed: u64,
    /// Torn down by a signal or an exit.
    pub interrupted: u64,
    /// Still blocked when a recording ended.
    pub unfinished: u64,
    /// How often with which errno; sums to `failed` unless something was lost.
    pub errnos: BTreeMap<i32, u64>,
    /// How many of them a filter turned away or answered, as far as that was counted.
    pub refusals: Refusals,
    /// First and last time; `None` where only errnos are known.
    pub seen: Option<Seen>,
}

/// When something was seen, ns since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// First time.
    pub first_ns: i64,
    /// Last time.
    pub last_ns: i64,
}

impl Outcome {
    /// How often the call was made, however it ended.
    pub fn total(&self) -> u64 {
        self.succeeded.saturating_add(self.failed).saturating_add(self.interrupted).saturating_add(self.unfinished)
    }

    /// How many of the calls a filter turned away or answered, whatever that looks like: an errno, a success, a
    /// signal. `None` unless every one of them was counted so.
    pub fn refused(&self) -> Option<u64> {
        self.refusals.among(self.total())
    }

    /// Whether every call was answered as one that the kernel does not have.
    pub fn is_absent(&self) -> bool {
        self.failed > 0 && self.failed == self.total() && self.errnos.keys().eq([&ENOSYS])
    }

    /// Adds what was seen elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.succeeded = self.succeeded.saturating_add(other.succeeded);
        self.failed = self.failed.saturating_add(other.failed);
        self.interrupted = self.interrupted.saturating_add(other.interrupted);
        self.unfinished = self.unfinished.saturating_add(other.unfinished);
        for (errno, count) in &other.errnos {
            let sum = self.errnos.entry(*errno).or_default();
            *sum = sum.saturating_add(*count);
        }
        self.refusals.add(other.refusals);
        self.seen = match (self.seen, other.seen) {
            (Some(a), Some(b)) => {
                Some(Seen { first_ns: a.first_ns.min(b.first_ns), last_ns: a.last_ns.max(b.last_ns) })
            }
            (a, b) => a.or(b),
        };
    }
}
