//! Values of arguments that the last window that was written did not have, and the rows that they become.

use std::collections::BTreeSet;

use ctrec_recording::Values;

use super::{CallKey, Gathered};

/// Values that the arguments of a call had together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ValuesRow {
    pub(crate) place: CallKey,
    /// `None`: there were more than are kept.
    pub(crate) values: Option<[Option<u64>; 3]>,
    pub(crate) succeeded: bool,
}

/// Everything about values that is not written yet.
#[derive(Debug, Default)]
pub(super) struct NewValues(BTreeSet<ValuesRow>);

impl Gathered {
    /// Values that were not known before.
    pub(crate) fn add_values(&mut self, row: ValuesRow) {
        self.values.0.insert(row);
    }
}

impl NewValues {
    /// Drops what belongs to a container that is not wanted.
    pub(super) fn drop_container(&mut self, container: u32) {
        self.0.retain(|row| row.place.container != container);
    }

    pub(super) fn rows(&self, window: u32, kept: impl Fn(u32) -> bool) -> Vec<Values> {
        self.0.iter().filter(|row| kept(row.place.container)).map(|row| values_row(window, row)).collect()
    }
}

fn values_row(window: u32, row: &ValuesRow) -> Values {
    let ValuesRow { place, values, succeeded } = *row;
    let [argument_0, argument_1, argument_2] = values.unwrap_or_default();
    Values {
        window,
        container: place.container,
        program: place.program,
        origin: place.origin,
        phase: place.phase,
        abi: place.abi,
        number: place.number,
        many: values.is_none(),
        succeeded,
        argument_0,
        argument_1,
        argument_2,
    }
}
