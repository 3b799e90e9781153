//! What the tests ask of a recommendation.

use std::collections::BTreeSet;

use ctrec_recording::Recording;

use super::super::{Recommendation, recommend};
use crate::behaviour::Behaviour;
use crate::finding::Kind;
use crate::policy::{Baseline, Policy};
use crate::profile::Reason;
use crate::testing::Run;

pub(super) fn all(recording: &Recording) -> Behaviour {
    let every: BTreeSet<u32> = recording.containers.iter().map(|container| container.container).collect();
    Behaviour::of_all(recording, &every).unwrap()
}

pub(super) fn judge(run: &Run) -> Recommendation {
    recommend(&all(&run.recording), &Policy::default()).unwrap()
}

pub(super) fn kinds(recommendation: &Recommendation) -> BTreeSet<Kind> {
    recommendation.findings.iter().map(|finding| finding.kind).collect()
}

pub(super) fn allows(recommendation: &Recommendation, name: &str) -> bool {
    recommendation.profile.allowed().contains(name)
}

pub(super) fn observed(recommendation: &Recommendation, name: &str) -> bool {
    recommendation.profile.rules_of(name).any(|rule| rule.reasons.iter().any(|r| matches!(r, Reason::Observed { .. })))
}

/// What the container's own runtime needs is all that is added.
pub(super) fn as_recorded(run: &Run) -> Recommendation {
    recommend(&all(&run.recording), &Policy { baseline: Baseline::Recorded, ..Policy::default() }).unwrap()
}
