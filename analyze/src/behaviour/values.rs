//! Values that the arguments of calls had. Folding is a union, so neither order nor repetition matters.

use std::collections::BTreeMap;

use super::{Behaviour, CallId, Source};
use crate::known::Values;

/// Values of one call from one place.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeenValues {
    /// Each with whether a call with them succeeded.
    pub values: BTreeMap<Values, bool>,
    /// There were more than a recording keeps.
    pub many: bool,
}

impl SeenValues {
    /// Adds a row of a recording.
    pub(super) fn add_row(&mut self, row: &ctrec_recording::Values) {
        if row.many {
            self.many = true;
        } else {
            self.note([row.argument_0, row.argument_1, row.argument_2], row.succeeded);
        }
    }

    fn note(&mut self, values: Values, succeeded: bool) {
        *self.values.entry(values).or_default() |= succeeded;
    }

    fn add(&mut self, other: &Self) {
        self.many |= other.many;
        other.values.iter().for_each(|(values, succeeded)| self.note(*values, *succeeded));
    }
}

impl Behaviour {
    /// Values of the arguments that a recording keeps, by call and where it came from.
    pub fn values(&self) -> BTreeMap<(CallId, &Source), SeenValues> {
        let mut all: BTreeMap<(CallId, &Source), SeenValues> = BTreeMap::new();
        for ((call, source), seen) in self.deeds().flat_map(|(_, deeds)| &deeds.values) {
            all.entry((*call, source)).or_default().add(seen);
        }
        all
    }

    /// How many of the runs are of a format that has no values of arguments.
    pub fn runs_without_values(&self) -> usize {
        self.runs().values().filter(|run| !run.has_values).count()
    }
}
