//! Hand-written tables, and what must be made of them.

mod filters;
mod harmless;
mod list;
mod needs;
mod silent;
mod stacks;
mod unasked;

use ctrec_recording::Cause;

use super::{Capabilities, Class};
use crate::behaviour::Behaviour;
use crate::finding::{Finding, Kind};
use crate::policy::Policy;
use crate::testing::{Question, Run};

fn judge(run: &Run) -> Capabilities {
    let behaviour = Behaviour::of(&run.recording, 1).unwrap();
    Capabilities::of(&behaviour, &Policy::default()).unwrap()
}

fn run() -> Run {
    Run::new("r").counting().file(&[]).ran(Cause::Execve, |_| ())
}

fn asked(questions: impl IntoIterator<Item = Question>) -> Capabilities {
    judge(&questions.into_iter().fold(run(), Run::asked))
}

/// The class of the only check.
#[track_caller]
fn class(question: Question) -> Class {
    let judged = asked([question]);
    let reasons = judged.needs.iter().map(|need| need.reasons.len()).sum::<usize>();
    assert_eq!(reasons + judged.apart.len(), 1, "{judged:?}");
    judged.apart.first().map_or(Class::Need, |apart| apart.class)
}

/// Classes of what was set apart, by capability.
fn classes(judged: &Capabilities) -> Vec<(&str, Class)> {
    let mut classes: Vec<_> = judged.apart.iter().map(|one| (&one.capability[4..], one.class)).collect();
    classes.sort();
    classes
}

#[track_caller]
fn found(judged: &Capabilities, kind: Kind) -> &Finding {
    judged.findings.iter().find(|finding| finding.kind == kind).unwrap_or_else(|| panic!("{judged:?}"))
}

/// All reasons of a capability, in words.
#[track_caller]
fn why(judged: &Capabilities, capability: &str) -> String {
    let need = judged.needs.iter().find(|need| need.capability[4..] == *capability);
    let reasons = &need.unwrap_or_else(|| panic!("{judged:?}")).reasons;
    reasons.iter().map(|reason| reason.why.as_str()).collect::<Vec<_>>().join(" / ")
}
