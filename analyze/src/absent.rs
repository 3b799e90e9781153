//! Runs that are not here and that others speak of: those that a recording went on from or in, and those that were removed.
//!
//! Lives here: finding out which. Does not: what a container lacks by that (see `behaviour`), the words (see `recommend`).

use std::collections::BTreeSet;

use ctrec_recording::{Header, Removed};

/// What is not here, of all stores that were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Absent {
    /// What was removed to keep the stores within their size.
    pub removed: BTreeSet<Removed>,
    /// Runs that nobody noted to have removed.
    pub missing: BTreeSet<MissingRun>,
}

/// A run that is not here, told by one that is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingRun {
    /// Where the two meet, ns since the epoch.
    pub at_ns: i64,
    /// The run that is here.
    pub run: String,
    /// Which is not.
    pub side: Side,
}

/// Where in a recording a run is missing, seen from one that is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The one that it goes on from.
    Before {
        /// Its id.
        run: String,
    },
    /// The one that goes on from it, whose id it cannot know.
    After,
}

impl Absent {
    /// What the headers of all runs tell, beside what was noted. `others` are runs that are there and whose headers are
    /// not: one of them may be any that goes on from another.
    pub fn of(headers: &[&Header], others: &BTreeSet<String>, removed: BTreeSet<Removed>) -> Self {
        let here: BTreeSet<&str> =
            headers.iter().map(|header| &*header.run).chain(others.iter().map(|id| &**id)).collect();
        let continued: BTreeSet<&str> = headers.iter().filter_map(|header| header.continues.as_deref()).collect();
        let before = headers.iter().filter_map(|header| {
            let run = header.continues.clone().filter(|run| !here.contains(&**run))?;
            let is_noted = removed.iter().any(|removed| removed.reaches(header.started_ns));
            let side = Side::Before { run };
            (!is_noted).then(|| MissingRun { at_ns: header.started_ns, run: header.run.clone(), side })
        });
        let after = headers.iter().filter_map(|header| {
            let at_ns = header.ended_ns.filter(|_| header.is_continued())?;
            let is_here = continued.contains(&*header.run) || !others.is_empty();
            (!is_here).then(|| MissingRun { at_ns, run: header.run.clone(), side: Side::After })
        });
        let missing = before.chain(after).collect();
        Self { removed, missing }
    }
}

impl MissingRun {
    /// What is missing, in a sentence. The ids in it are hostile text.
    pub fn text(&self) -> String {
        let run = &self.run;
        match &self.side {
            Side::Before { run: before } => {
                format!("run {run} goes on from run {before}, which is not here: what containers did before is missing")
            }
            Side::After => {
                format!("run {run} is continued by another, which is not here: what containers did after is missing")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Run, START_NS, WINDOW_NS};

    /// Runs `a`, `b` and `c` of one recording, each of one window.
    fn chain() -> [Header; 3] {
        let ids = ["a", "b", "c"];
        [0, 1, 2].map(|at: usize| {
            let mut header = Run::new(ids[at]).recording.header;
            header.started_ns = START_NS + i64::try_from(at).unwrap() * WINDOW_NS;
            header.ended_ns = Some(header.started_ns + WINDOW_NS);
            header.continues = at.checked_sub(1).map(|before| ids[before].to_owned());
            header.end = header.end.filter(|_| at == 2);
            header
        })
    }

    fn missing(headers: &[&Header], others: &[&str], removed: Option<Removed>) -> Vec<String> {
        let others = others.iter().map(|&id| id.to_owned()).collect();
        let absent = Absent::of(headers, &others, removed.into_iter().collect());
        absent.missing.iter().map(MissingRun::text).collect()
    }

    #[test]
    fn a_recording_that_is_whole_misses_nothing() {
        let [a, b, c] = &chain();
        assert_eq!(missing(&[c, a, b], &[], None), [""; 0]);
        assert_eq!(missing(&[&Run::new("r").recording.header], &[], None), [""; 0]);
    }

    #[test]
    fn both_neighbours_of_a_run_that_is_not_here_tell() {
        let [a, b, c] = &chain();
        let after = "run a is continued by another, which is not here: what containers did after is missing";
        let before = "run c goes on from run b, which is not here: what containers did before is missing";
        assert_eq!(missing(&[a, c], &[], None), [after, before]);
        assert_eq!(missing(&[b, c], &[], None).len(), 1);
        assert_eq!(missing(&[a, b], &[], None).len(), 1);
        assert_eq!(missing(&[a, c], &["b"], None), [""; 0], "it is here and cannot be read, which is said elsewhere");
    }

    #[test]
    fn a_run_that_was_removed_and_noted_is_not_missing() {
        let [_, b, c] = &chain();
        let removed = |last_ns| Some(Removed { runs: 1, first_ns: START_NS, last_ns });
        assert_eq!(missing(&[b, c], &[], removed(b.started_ns)), [""; 0]);
        assert_eq!(missing(&[c], &[], removed(b.started_ns)).len(), 1, "the one between was not");
    }
}
