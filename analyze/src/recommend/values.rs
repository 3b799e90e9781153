//! What arguments tell of a risk, where the call alone tells none.

use std::collections::{BTreeMap, BTreeSet};

use ctrec_recording::Phase;

use super::fate::Fate;
use super::findings::{Evidence, finding};
use crate::finding::{Finding, Kind, Severity};
use crate::known::{ValueRisk, value_names, value_risks};

/// Who took a risk, and whether with success.
#[derive(Default)]
struct Taken {
    succeeded: bool,
    evidence: BTreeSet<String>,
}

/// The workload's own alone: what a runtime does is judged elsewhere.
pub(super) fn findings(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut risks: BTreeMap<&str, (&ValueRisk, Taken)> = BTreeMap::new();
    let mut many = BTreeSet::new();
    for ((call, source), seen) in evidence.behaviour.values() {
        let wanted = evidence.calls.get(&call).filter(|wanted| wanted.sources.contains_key(source));
        let (Some(wanted), Some(name)) = (wanted.filter(|_| source.phase == Phase::Workload), call.name()) else {
            continue;
        };
        if seen.many {
            many.insert(format!("{}: {name}", source.program));
        }
        for (values, succeeded) in &seen.values {
            let succeeded = *succeeded && wanted.fate != Fate::Refused;
            let result = if succeeded { "" } else { ", failed" };
            for risk in value_risks(name, values) {
                let (_, taken) = risks.entry(&risk.what).or_insert_with(|| (risk, Taken::default()));
                taken.succeeded |= succeeded;
                taken.evidence.insert(format!("{}: {name}({}){result}", source.program, value_names(name, values)));
            }
        }
    }
    let mut findings: Vec<Finding> = risks.into_values().map(|(risk, taken)| risky(risk, taken)).collect();
    findings.extend(too_many(many));
    findings
}

fn risky(risk: &ValueRisk, taken: Taken) -> Finding {
    let (severity, how) =
        if taken.succeeded { (Severity::Risk, "used") } else { (Severity::Note, "tried, and failed each time") };
    let text = format!("{how}: {}", risk.what);
    finding(severity, Kind::RiskyValues, text, &risk.advice, taken.evidence.into_iter().collect())
}

fn too_many(calls: BTreeSet<String>) -> Option<Finding> {
    let text = "calls had more different arguments than a recording keeps, so a risky one may be missing here";
    let advice = "Which calls are needed is not affected; look at the program itself.";
    let made =
        |calls: BTreeSet<String>| finding(Severity::Note, Kind::ManyValues, text, advice, calls.into_iter().collect());
    Some(calls).filter(|calls| !calls.is_empty()).map(made)
}
