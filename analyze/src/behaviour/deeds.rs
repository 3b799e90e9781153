//! What one container did in one run, summed over the run's windows.
//!
//! Lives here: the sums, and which of two copies of one holds. Does not: reading tables (see `fold`), questions.

use std::collections::BTreeMap;
use std::sync::Arc;

use ctrec_recording::LossKind;

use super::checks::{CheckFacts, CheckKind, FileCapabilities, IdentityKey};
use super::values::SeenValues;
use super::{CallId, Outcome, Source, StartKey};

/// What was missed: how often, by kind and place.
pub(super) type Losses = BTreeMap<(LossKind, String), u64>;

/// Sums over windows, and over which. Ordered so that the greater of two copies is the one with more windows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Summed<T> {
    /// How many windows: first, for the order.
    count: usize,
    windows: Arc<[u32]>,
    pub(super) what: T,
}

impl<T> Summed<T> {
    pub(super) fn new(windows: Arc<[u32]>, what: T) -> Self {
        Self { count: windows.len(), windows, what }
    }

    /// Over how many windows it is summed.
    pub(super) fn windows(&self) -> usize {
        self.count
    }
}

/// What a container did.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Deeds {
    pub(super) calls: BTreeMap<CallId, CallDeeds>,
    pub(super) arguments: BTreeMap<ArgumentKey, u64>,
    pub(super) values: BTreeMap<(CallId, Source), SeenValues>,
    pub(super) starts: BTreeMap<StartKey, u64>,
    pub(super) checks: BTreeMap<CheckKind, CheckFacts>,
    pub(super) identities: BTreeMap<IdentityKey, u64>,
    /// File capabilities of its programs, by path.
    pub(super) files: BTreeMap<Arc<str>, FileCapabilities>,
    pub(super) losses: Losses,
}

/// One of its calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CallDeeds {
    /// In how many windows it was seen.
    pub(super) windows: usize,
    /// Start of the first of them, ns since the epoch.
    pub(super) since_ns: Option<i64>,
    /// Sorted by source. A map would be larger: most calls come from one place, or two.
    pub(super) sources: Vec<(Source, Outcome)>,
}

impl CallDeeds {
    /// What came from a source, to be added to.
    pub(super) fn of(&mut self, source: Source) -> &mut Outcome {
        let at = match self.sources.binary_search_by(|(known, _)| known.cmp(&source)) {
            Ok(at) => at,
            Err(at) => {
                self.sources.reserve_exact(1);
                self.sources.insert(at, (source, Outcome::default()));
                at
            }
        };
        &mut self.sources[at].1
    }
}

/// A value of an argument of a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ArgumentKey {
    pub(super) call: CallId,
    pub(super) source: Source,
    pub(super) index: u32,
    pub(super) value: u64,
}

/// Adds to a sum that stops at the greatest number: counts of a broken store may be any.
pub(super) fn add(sum: &mut u64, count: u64) {
    *sum = sum.saturating_add(count);
}
