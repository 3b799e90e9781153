//! What arguments tell of a risk, where the call alone tells none.

use std::collections::{BTreeMap, BTreeSet};

use ctrec_recording::Phase;

use super::fate::Fate;
use super::findings::{Evidence, finding};
use crate::finding::{Finding, Kind, Severity};
use crate::known::{ValueRisk, Values, risks_of, value_names, value_risks};
use crate::order::{natural, sorted};

/// What a call was made with; where there was more than is kept, the last of its program, `None`. Ordered by numbers.
type Used<'a> = (&'a str, &'a str, bool, Values);

/// Who took a risk, and whether with success.
#[derive(Default)]
struct Taken<'a> {
    succeeded: bool,
    /// Among arguments that were not kept it may have been.
    perhaps: bool,
    /// What was used, and whether it failed.
    evidence: BTreeSet<(Used<'a>, bool)>,
}

/// The workload's own alone: what a runtime does is judged elsewhere. What is not known of the arguments of a call is
/// taken to be every risk that they can be: else harmless ones, made first, would hide the others.
pub(super) fn findings(evidence: &Evidence<'_>) -> Vec<Finding> {
    let all = evidence.behaviour.values();
    let mut risks: BTreeMap<&str, (&ValueRisk, Taken<'_>)> = BTreeMap::new();
    let mut many = BTreeSet::new();
    for ((call, source), seen) in &all {
        let Some(wanted) = evidence.calls.get(call).filter(|_| source.phase == Phase::Workload) else { continue };
        let (Some(outcome), Some(name)) = (wanted.sources.get(*source), call.name()) else { continue };
        let mut take = |risk: &'static ValueRisk, values: Option<Values>, succeeded: bool| {
            let (_, taken) = risks.entry(&risk.what).or_insert_with(|| (risk, Taken::default()));
            taken.succeeded |= succeeded && values.is_some();
            taken.perhaps |= succeeded && values.is_none();
            let used = (&*source.program, name, values.is_none(), values.unwrap_or_default());
            taken.evidence.insert((used, !succeeded));
        };
        for (values, succeeded) in &seen.values {
            let succeeded = *succeeded && wanted.fate != Fate::Refused;
            value_risks(name, values).for_each(|risk| take(risk, Some(*values), succeeded));
        }
        if seen.many {
            many.insert(format!("{}: {name}", source.program));
            let some_succeeded = wanted.fate != Fate::Refused && outcome.failed < outcome.total();
            risks_of(name).filter(|_| some_succeeded).for_each(|risk| take(risk, None, true));
        }
    }
    let mut findings: Vec<Finding> = risks.into_values().map(|(risk, taken)| risky(risk, taken)).collect();
    findings.extend(too_many(many));
    findings
}

fn risky(risk: &ValueRisk, taken: Taken<'_>) -> Finding {
    let (severity, how) = match (taken.succeeded, taken.perhaps) {
        (true, _) => (Severity::Risk, "used"),
        (false, true) => (Severity::Risk, "perhaps used, among more different arguments than a recording keeps"),
        (false, false) => (Severity::Note, "tried, and failed each time"),
    };
    let text = format!("{how}: {}", risk.what);
    let mut evidence: Vec<_> = taken.evidence.into_iter().collect();
    evidence.sort_by(|one, other| natural(one.0.0, other.0.0));
    finding(severity, Kind::RiskyValues, text, &risk.advice, evidence.into_iter().map(line).collect())
}

fn line(((program, name, is_many, values), failed): (Used<'_>, bool)) -> String {
    let used = if is_many { "more than are kept".to_owned() } else { value_names(name, &values) };
    format!("{program}: {name}({used}){}", if failed { ", failed" } else { "" })
}

fn too_many(calls: BTreeSet<String>) -> Option<Finding> {
    let text =
        "calls had more different arguments than a recording keeps; each risk that they can be is taken to be there";
    let advice = "Which calls are needed is not affected; look at the program itself.";
    let made = |calls: BTreeSet<String>| finding(Severity::Note, Kind::ManyValues, text, advice, sorted(calls));
    Some(calls).filter(|calls| !calls.is_empty()).map(made)
}
