//! What is missing since runs are not here: removed to keep a store within its size, or left behind when stores were
//! moved about. For profiles and for capability lists alike.

use ctrec_recording::Removed;

use super::findings::finding;
use crate::absent::{MissingRun, Side};
use crate::behaviour::{Behaviour, Unseen};
use crate::finding::{Finding, Kind, Severity};
use crate::text::{counted, time, visible};

/// What finds a run again that nobody removed.
const FIND: &str = "Name the store that holds it too, or put its folder back; else record again.";

/// Runs that are not here. They may have seen what no other run did.
pub(crate) fn absent(behaviour: &Behaviour) -> Vec<Finding> {
    let removed = behaviour.removed().iter().map(|removed| of_removed(behaviour, removed));
    removed.chain(behaviour.missing().iter().map(|missing| of_missing(behaviour, missing))).collect()
}

fn of_removed(behaviour: &Behaviour, removed: &Removed) -> Finding {
    let (severity, word) = weight(behaviour.may_have_lost(removed));
    let runs = counted(usize::try_from(removed.runs).unwrap_or(usize::MAX), "run");
    let (verb, who) = if removed.runs == 1 { ("was", "it") } else { ("were", "they") };
    let (first, last) = (time(removed.first_ns), time(removed.last_ns));
    let text = format!(
        "{word}{runs}, recorded from {first} to {last}, {verb} removed to keep the store within its size; what only \
         {who} saw is missing"
    );
    let advice = "Take profiles before runs are removed, or record with a larger --max-size.";
    finding(severity, Kind::RunsRemoved, text, advice, Vec::new())
}

fn of_missing(behaviour: &Behaviour, missing: &MissingRun) -> Finding {
    let (severity, word) = weight(behaviour.may_have_missed(missing));
    let advice = match missing.side {
        Side::Before { .. } => FIND,
        Side::After => "Name the store that holds it too, or put its folder back, run=ID with an id that begins alike.",
    };
    finding(severity, Kind::RunMissing, format!("{word}{}", visible(&missing.text())), advice, Vec::new())
}

fn weight(lost: bool) -> (Severity, &'static str) {
    if lost { (Severity::Incomplete, "incomplete: ") } else { (Severity::Note, "") }
}

/// Containers whose start is in a run that is not here; `what` of it is missing.
pub(crate) fn starts_gone(behaviour: &Behaviour, what: &str) -> Vec<Finding> {
    let removed = "Restart the container while it is recorded and take the profile before that run is removed, or \
                   record with a larger --max-size.";
    let kinds = [(Unseen::Removed, "that was removed", removed), (Unseen::Missing, "that is not here", FIND)];
    let of = counted(behaviour.individuals(), "container");
    let made = |(why, which, advice): (Unseen, &str, &str)| {
        let who = starts_unseen(behaviour, why);
        let text = format!(
            "incomplete: {what} was seen by no run that is here ({} of {of}); a run {which} may have seen it",
            who.len()
        );
        (!who.is_empty()).then(|| finding(Severity::Incomplete, Kind::StartGone, text, advice, who))
    };
    kinds.into_iter().filter_map(made).collect()
}

/// Names of the containers whose start no run saw for this reason.
pub(crate) fn starts_unseen(behaviour: &Behaviour, why: Unseen) -> Vec<String> {
    let of = behaviour.starts_unseen().into_iter().filter(|(_, found)| *found == why);
    of.map(|(facts, _)| facts.name.clone()).collect()
}
