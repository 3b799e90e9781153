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

use ctrec_recording::{Container, Recording, Removed};
use serde::Serialize;

use crate::absent::MissingRun;
use crate::text::time;

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
    /// What was removed from stores to keep them within their size.
    pub removed: Vec<RemovedRuns>,
    /// Runs of a recording that are not there, and that nobody noted to have removed.
    pub missing: Vec<Missing>,
}

/// A run that is not there, told by one that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The one that is there.
    pub run: String,
    /// In words. Hostile text.
    pub text: String,
}

/// What was removed from a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemovedRuns {
    /// The store, as it was named.
    pub store: String,
    /// How many runs.
    pub runs: u64,
    /// When the first of them began, RFC 3339.
    pub first: String,
    /// When the last of them ended, RFC 3339.
    pub last: String,
}

/// A listing in the making.
#[derive(Debug, Default)]
pub struct Lister {
    runs: Vec<ListedRun>,
    totals: Totals,
    removed: Vec<RemovedRuns>,
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

    /// Adds what was removed from a store.
    pub fn add_removed(&mut self, store: &str, removed: &Removed) {
        let Removed { runs, first_ns, last_ns } = *removed;
        self.removed.push(RemovedRuns { store: store.to_owned(), runs, first: time(first_ns), last: time(last_ns) });
    }

    /// Everything that was added, and what is missing beside it.
    pub fn finish(mut self, missing: &BTreeSet<MissingRun>) -> Listing {
        self.runs.sort_by(|a, b| (b.started_ns, &b.run, &a.store).cmp(&(a.started_ns, &a.run, &b.store)));
        let missing =
            missing.iter().map(|missing| Missing { run: missing.run.clone(), text: missing.text() }).collect();
        Listing { version: VERSION, names: self.totals.finish(), runs: self.runs, removed: self.removed, missing }
    }
}
