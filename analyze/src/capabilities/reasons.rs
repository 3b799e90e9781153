//! From classes to the list: needs with their reasons, and what was asked besides.
//!
//! Lives here: putting together what is one reason. Does not: judgement (see `class`, `silent`).

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use ctrec_recording::Ended;

use super::class::{Class, Judged};
use super::rows::{Asked, Row};
use super::{Apart, Function, Need, Reason, ReasonKind};
use crate::text::errno;

/// A reason for a capability, to be summed with those that say the same.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) capability: String,
    /// Without functions, and with a count of its own.
    pub(super) reason: Reason,
    pub(super) asked: Option<Rc<Asked>>,
}

/// How often, and who asked.
#[derive(Debug, Default)]
struct Sum {
    count: u64,
    functions: BTreeMap<String, u64>,
    /// Samples are of a kind of check, whose rows, by how their calls ended, share them.
    sampled: BTreeSet<*const Asked>,
}

impl Sum {
    fn add(&mut self, count: u64, asked: Option<&Rc<Asked>>) {
        self.count = self.count.saturating_add(count);
        if let Some(asked) = asked.filter(|asked| self.sampled.insert(Rc::as_ptr(asked))) {
            for function in asked.functions() {
                let sum = self.functions.entry(function.name).or_default();
                *sum = sum.saturating_add(function.samples);
            }
        }
    }

    fn functions(self) -> Vec<Function> {
        self.functions.into_iter().map(|(name, samples)| Function { name, samples }).collect()
    }
}

/// What checks show to be needed.
pub(super) fn of_checks(judged: &[Judged<'_, '_>]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for Judged { row, verdict } in judged.iter().filter(|one| one.verdict.class == Class::Need) {
        for (capability, note) in &verdict.capabilities {
            let why = note.as_ref().map_or_else(|| verdict.why.clone(), |note| format!("{}; {note}", verdict.why));
            let asked = Some(row.asked.clone());
            pieces.push(Piece { capability: capability.clone(), reason: reason(row, why), asked });
        }
    }
    pieces
}

fn reason(row: &Row<'_>, why: String) -> Reason {
    let in_call = row.end.ended != Ended::NoCall;
    Reason {
        kind: ReasonKind::Check,
        program: row.kind.source.program.to_string(),
        origin: row.kind.source.origin,
        call: in_call.then(|| row.kind.call.label()),
        abi: in_call.then_some(row.kind.call.abi),
        functions: Vec::new(),
        count: row.count,
        why,
    }
}

/// What was asked for and made no need.
pub(super) fn apart(judged: &[Judged<'_, '_>]) -> Vec<Apart> {
    let mut sums: BTreeMap<Apart, Sum> = BTreeMap::new();
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
            functions: Vec::new(),
            count: 0,
            why: verdict.why.clone(),
        };
        sums.entry(one).or_default().add(row.count, Some(&row.asked));
    }
    sums.into_iter().map(|(one, sum)| Apart { count: sum.count, functions: sum.functions(), ..one }).collect()
}

/// How a call ended, in the words of the table of checks.
fn ended(ended: Ended) -> &'static str {
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
pub(super) fn gather(pieces: Vec<Piece>) -> Vec<Need> {
    let mut needs: BTreeMap<String, BTreeMap<Reason, Sum>> = BTreeMap::new();
    for Piece { capability, reason, asked } in pieces {
        let count = reason.count;
        let sums = needs.entry(capability).or_default();
        sums.entry(Reason { count: 0, ..reason }).or_default().add(count, asked.as_ref());
    }
    needs.into_iter().map(|(capability, sums)| Need { capability, reasons: whole(sums) }).collect()
}

fn whole(sums: BTreeMap<Reason, Sum>) -> Vec<Reason> {
    sums.into_iter().map(|(one, sum)| Reason { count: sum.count, functions: sum.functions(), ..one }).collect()
}
