//! What stores hold: runs, their containers, and how well each was recorded.
//!
//! Lives here: the contents of a listing, made a run at a time, so that of each run only numbers stay in memory. Does
//! not: its forms (see `report`), any judgement of the calls.

mod container;
mod run;
#[cfg(test)]
mod tests;
mod total;

use std::collections::BTreeSet;

use ctrec_recording::{Container, Recording};
use serde::Serialize;

pub use container::ListedContainer;
pub use run::{Ending, ListedRun};
pub use total::Total;
use total::Totals;

/// Version of the JSON form that this build writes.
const VERSION: u32 = 1;

/// What stores hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// Version of the JSON form. Changes when a field changes its meaning or goes.
    pub version: u32,
    /// Containers of one name and image over all runs.
    pub names: Vec<Total>,
    /// The runs, the newest first.
    pub runs: Vec<ListedRun>,
}

/// A listing in the making.
#[derive(Debug, Default)]
pub struct Lister {
    runs: Vec<ListedRun>,
    totals: Totals,
}

impl Lister {
    /// Adds a run of a store, with the containers that are wanted of it.
    pub fn add(&mut self, store: &str, recording: &Recording, wanted: &dyn Fn(&Container) -> bool) {
        let containers: Vec<&Container> = recording.containers.iter().filter(|row| wanted(row)).collect();
        let numbers: BTreeSet<u32> = containers.iter().map(|row| row.container).collect();
        let seen = container::first_windows(recording, &numbers);
        self.runs.push(ListedRun::of(store, recording, &containers, &seen));
        self.totals.add(recording, &containers, &seen);
    }

    /// Everything that was added.
    pub fn finish(mut self) -> Listing {
        self.runs.sort_by(|a, b| (b.started_ns, &b.run, &a.store).cmp(&(a.started_ns, &a.run, &b.store)));
        Listing { version: VERSION, names: self.totals.finish(), runs: self.runs }
    }
}
