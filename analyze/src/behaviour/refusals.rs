//! How many of some calls a filter turned away, where the recorder counted that.
//!
//! Lives here: the sum, and when it speaks for all of the calls. Does not: whose filter it was (see `recommend`).

/// Calls that were counted with whether a filter turned them away, and how many it did. Sums of both add up in any
/// order; a sum that lacked them for some rows would not say of which.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusals {
    counted: u64,
    refused: u64,
}

impl Refusals {
    /// Of a row: `None` where nobody counted. A row may have more refused calls than calls: the two are counted one after
    /// the other, and a window may end between.
    pub(super) fn of(refused: Option<u64>, total: u64) -> Self {
        refused.map_or_else(Self::default, |refused| Self { counted: total, refused })
    }

    pub(super) fn add(&mut self, other: Self) {
        self.counted = self.counted.saturating_add(other.counted);
        self.refused = self.refused.saturating_add(other.refused);
    }

    /// How many of `total` calls were turned away, if every one of them was counted.
    pub(super) fn among(self, total: u64) -> Option<u64> {
        (total > 0 && self.counted == total).then_some(self.refused.min(total))
    }
}
