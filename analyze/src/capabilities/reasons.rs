//! From classes to the list: needs with their reasons, and what was asked besides.
//!
//! Lives here: putting together what is one reason. Does not: judgement (see `class`, `silent`).

use std::collections::{BTreeMap, BTreeSet};

use ctrec_recording::Ended;

use super::class::{Class, Judged};
use super::rows::Row;
use super::{Apart, Function, Need, Reason, ReasonKind};
use crate::text::errno;

/// Capabilities with one reason each.
pub(super) type Reasons = Vec<(String, Reason)>;

/// Reasons without count and functions, and the sums of those.
type Sums = BTreeMap<Reason, (u64, BTreeMap<String, u64>)>;

/// What checks show to be needed.
pub(super) fn of_checks(judged: &[Judged<'_, '_>]) -> Reasons {
    let mut reasons = Reasons::new();
    for Judged { row, verdict } in judged.iter().filter(|one| one.verdict.class == Class::Need) {
        for (capability, note) in &verdict.capabilities {
            let why = note.as_ref().map_or_else(|| verdict.why.clone(), |note| format!("{}; {note}", verdict.why));
            reasons.push((capability.clone(), reason(row, why)));
        }
    }
    reasons
}

fn reason(row: &Row<'_>, why: String) -> Reason {
    let in_call = row.end.ended != Ended::NoCall;
    Reason {
        kind: ReasonKind::Check,
        program: row.kind.source.program.to_string(),
        origin: row.kind.source.origin,
        call: in_call.then(|| row.kind.call.label()),
        abi: in_call.then_some(row.kind.call.abi),
        functions: row.asked.functions(),
        count: row.count,
        why,
    }
}

/// What was asked for and made no need.
pub(super) fn apart(judged: &[Judged<'_, '_>]) -> Vec<Apart> {
    let mut sums: BTreeMap<Apart, u64> = BTreeMap::new();
    for Judged { row, verdict } in judged.iter().filter(|one| one.verdict.class != Class::Need) {
        let in_call = row.end.ended != Ended::NoCall;
        let one = Apart {
            class: verdict.class,
            capability: row.capability.clone(),
            granted: row.kind.granted,
            program: row.kind.source.program.to_string(),
            origin: row.kind.source.origin,
            phase: row.kind.source.phase,
            call: in_call.then(|| row.kind.call.label()),
            abi: in_call.then_some(row.kind.call.abi),
            ended: ended(row.end.ended),
            errno: (row.end.ended == Ended::Failed).then(|| errno(row.end.errno)),
            functions: row.asked.functions(),
            count: 0,
            why: verdict.why.clone(),
        };
        let sum = sums.entry(one).or_default();
        *sum = sum.saturating_add(row.count);
    }
    sums.into_iter().map(|(one, count)| Apart { count, ..one }).collect()
}

/// How a call ended, in the words of the table of checks.
pub(super) fn ended(ended: Ended) -> &'static str {
    match ended {
        Ended::Succeeded => "succeeded",
        Ended::Failed => "failed",
        Ended::Interrupted => "interrupted",
        Ended::Unfinished => "unfinished",
        Ended::NoCall => "no_call",
        Ended::Unknown => "unknown",
    }
}

/// The list: by capability, with what is the same reason summed.
pub(super) fn gather(reasons: Reasons) -> Vec<Need> {
    let mut needs: BTreeMap<String, Sums> = BTreeMap::new();
    let mut sampled: BTreeSet<(String, Reason)> = BTreeSet::new();
    for (capability, reason) in reasons {
        let key = Reason { functions: Vec::new(), count: 0, ..reason.clone() };
        let (count, functions) = needs.entry(capability.clone()).or_default().entry(key.clone()).or_default();
        *count = count.saturating_add(reason.count);
        // Rows of one kind, by how their calls ended, share their samples.
        if sampled.insert((capability, Reason { functions: reason.functions.clone(), ..key })) {
            for function in reason.functions {
                let sum = functions.entry(function.name).or_default();
                *sum = sum.saturating_add(function.samples);
            }
        }
    }
    needs.into_iter().map(|(capability, reasons)| Need { capability, reasons: whole(reasons) }).collect()
}

fn whole(reasons: Sums) -> Vec<Reason> {
    let whole = reasons.into_iter().map(|(key, (count, functions))| {
        let functions = functions.into_iter().map(|(name, samples)| Function { name, samples });
        Reason { functions: functions.collect(), count, ..key }
    });
    whole.collect()
}
