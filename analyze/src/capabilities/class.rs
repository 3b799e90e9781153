//! The class of each row of the table of checks.
//!
//! Lives here: classes, and the rules that lead to them, in their order. Does not: which of two capabilities stands for
//! the other (see `pairs`).

use ctrec_recording::{Audit, Ended, Namespace, Phase, Whose};
use serde::Serialize;

use super::rows::{Row, Rows};
use crate::known::Meaning;
use crate::text::errno;

/// What became of a check, and whether it makes a need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Granted, and the call succeeded, or may have.
    Need,
    /// Denied, and the call failed.
    Refused,
    /// Denied, where the call's outcome tells nothing.
    Elsewhere,
    /// Denied, and another capability was taken in its place.
    Fallback,
    /// The call succeeds without it too.
    Harmless,
    /// The call's arguments ask for nothing that needs it.
    Needless,
    /// Granted, and the call failed all the same.
    FailedAnyway,
    /// The kernel only chose between two ways.
    Probe,
    /// With others' credentials.
    Overridden,
    /// In a user namespace that the workload made.
    OwnNamespace,
    /// No added capability cures the denial.
    Unreachable,
    /// The container runtime's own.
    Runtime,
}

/// A class in words, and what the row needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) class: Class,
    pub(super) why: String,
    /// What to recommend, or to speak of, each with a remark.
    pub(super) capabilities: Vec<(String, Option<String>)>,
}

/// A row with its class.
#[derive(Debug)]
pub(super) struct Judged<'r, 'a> {
    pub(super) row: &'r Row<'a>,
    pub(super) verdict: Verdict,
}

impl Verdict {
    fn new(class: Class, why: impl Into<String>) -> Self {
        Self { class, why: why.into(), capabilities: Vec::new() }
    }
}

impl<'a> Rows<'a> {
    /// Every row with its class.
    pub(super) fn judge(&self) -> Vec<Judged<'_, 'a>> {
        self.all.iter().map(|row| Judged { row, verdict: self.verdict(row) }).collect()
    }

    fn verdict(&self, row: &Row<'a>) -> Verdict {
        if let Some(verdict) = self.set_aside(row) {
            return verdict;
        }
        if row.kind.granted { self.granted(row) } else { self.denied(row) }
    }

    /// What cannot be a need, whatever else was asked in its call.
    pub(super) fn set_aside(&self, row: &Row<'a>) -> Option<Verdict> {
        let kind = row.kind;
        if kind.source.phase != Phase::Workload {
            return Some(Verdict::new(Class::Runtime, "the container runtime asked for it, which has its own"));
        }
        if kind.credentials == Whose::Overridden {
            let why = "asked with credentials that the kernel had put on: those of a mount, a file or another process";
            return Some(Verdict::new(Class::Overridden, why));
        }
        if kind.target == Namespace::Inside {
            let why = "asked in a user namespace that the workload made, where it has every capability";
            return Some(Verdict::new(Class::OwnNamespace, why));
        }
        if let Some(why) = probe(row) {
            return Some(Verdict::new(Class::Probe, why));
        }
        if kind.needless {
            return Some(Verdict::new(Class::Needless, "the arguments of the call ask for nothing that needs it"));
        }
        if row.asked.all_of(Meaning::Shown) {
            let why = row.asked.why(|meaning| meaning == Meaning::Shown).unwrap_or_default();
            return Some(Verdict::new(Class::Harmless, format!("the call succeeds either way; {why}")));
        }
        self.beyond_reach(row).map(|why| Verdict::new(Class::Unreachable, why))
    }

    /// Why no added capability changes the verdict.
    fn beyond_reach(&self, row: &Row<'a>) -> Option<&'static str> {
        let kind = row.kind;
        if kind.granted {
            let outside = kind.holder == Namespace::Outside;
            return outside.then_some("granted to a process from outside of the container's user namespace");
        }
        if kind.target == Namespace::Outside {
            return Some("asked in a user namespace outside of the container's, which no added capability reaches");
        }
        if kind.holder == Namespace::Inside {
            return Some("a process in a user namespace that the workload made has none in the container's");
        }
        let lost = !kind.root && !self.reaches(row);
        lost.then_some("the user is not root, and an added capability reaches other users by their bounding set only")
    }

    fn granted(&self, row: &Row<'a>) -> Verdict {
        if row.end.ended == Ended::Failed {
            let why = format!("granted, and the call failed all the same with {}", errno(row.end.errno));
            return Verdict::new(Class::FailedAnyway, why);
        }
        let mut why = purpose(row).map_or_else(|| "granted, and the call succeeded".to_owned(), str::to_owned);
        if let Some(end) = untold(row) {
            why = format!("{why}; {end}, so it counts as needed");
        }
        if let Some(part) = part(row) {
            why = format!("{why}; {part}");
        }
        Verdict { class: Class::Need, why, capabilities: self.needed(row) }
    }

    fn denied(&self, row: &Row<'a>) -> Verdict {
        if let Some(why) = self.fallback(row) {
            return Verdict::new(Class::Fallback, why);
        }
        let spoken_of = vec![(self.wanted(row), None)];
        if let Some(end) = untold(row) {
            let why = match purpose(row) {
                Some(purpose) => format!("denied; {end}; {purpose}"),
                None => format!("denied; {end}"),
            };
            return Verdict { class: Class::Elsewhere, why, capabilities: spoken_of };
        }
        let purpose = purpose(row).map(|purpose| format!("; {purpose}")).unwrap_or_default();
        if row.end.ended != Ended::Failed {
            return Verdict::new(Class::Harmless, format!("denied, and the call succeeded all the same{purpose}"));
        }
        if row.kind.bounded {
            let why = format!("the container has it, and the program had given it up itself{purpose}");
            return Verdict::new(Class::Unreachable, why);
        }
        let why = format!("denied, and the call failed with {}{purpose}", errno(row.end.errno));
        Verdict { class: Class::Refused, why, capabilities: spoken_of }
    }
}

/// Why a row is a probe, if it is one. Some functions ask without audit and need it all the same; others probe with
/// audit, on older kernels.
fn probe(row: &Row<'_>) -> Option<&'static str> {
    let asked = &row.asked;
    let unaudited = row.kind.audit == Audit::Probe && asked.of_meaning(Meaning::UnauditedNeed) == 0;
    let known = asked.why(|meaning| meaning == Meaning::Probe);
    if unaudited {
        return Some(known.unwrap_or("asked without audit, to choose between two ways that both succeed"));
    }
    if asked.all_of(Meaning::Probe) { known } else { None }
}

/// What the capability was asked for, if it is known.
fn purpose(row: &Row<'_>) -> Option<&'static str> {
    let audit = row.kind.audit;
    row.asked.why(|meaning| match audit {
        Audit::Probe => meaning == Meaning::UnauditedNeed,
        Audit::Audited | Audit::Unknown => meaning != Meaning::Probe,
    })
}

/// Why nobody knows whether what was asked for came about, if nobody does.
fn untold(row: &Row<'_>) -> Option<&'static str> {
    if row.asked.of_meaning(Meaning::Untold) > 0 {
        return Some("the outcome of the call does not tell");
    }
    match row.end.ended {
        Ended::Succeeded | Ended::Failed => None,
        Ended::Interrupted => Some("the call was interrupted"),
        Ended::Unfinished => Some("the call had not returned when the recording ended"),
        Ended::NoCall => Some("it was asked outside of a call"),
        Ended::Unknown => Some("how the call ended is not known"),
    }
}

/// On the strength of how many samples, where others are probes.
fn part(row: &Row<'_>) -> Option<String> {
    let asked = &row.asked;
    let strong = match row.kind.audit {
        Audit::Probe => asked.of_meaning(Meaning::UnauditedNeed),
        Audit::Audited | Audit::Unknown => asked.samples - asked.of_meaning(Meaning::Probe),
    };
    (strong < asked.samples).then(|| format!("{strong} of {} samples, the others are probes", asked.samples))
}
