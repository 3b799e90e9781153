//! What the container runtime needs under the filter: beside what was recorded, or in place of what could not be.
//!
//! Lives here: which baselines of `profiles/runtime/` a policy asks for. Does not: what is in them (see `known`), or
//! how that is said (see `start`).

use std::collections::BTreeSet;

use ctrec_recording::{Origin, Phase};

use super::{Allowed, NEVER_FROM_BASELINE};
use crate::behaviour::{Behaviour, ContainerFacts, Instance};
use crate::known::{self, BaselineCall, Need};
use crate::policy::{Baseline, Policy};
use crate::profile::{Architecture, Reason};
use crate::{abi, names};

/// Adds the runtime's calls. Each container is looked at alone, so that another run with a better recording never takes
/// a call away.
pub(super) fn add(
    behaviour: &Behaviour,
    policy: &Policy,
    architectures: &BTreeSet<Architecture>,
    allowed: &mut Allowed,
) {
    let recorded = recorded(behaviour);
    for (instance, facts) in behaviour.containers() {
        for origin in origins(policy) {
            for call in calls(policy.baseline, facts, origin, recorded.contains(&(instance, origin))) {
                if !NEVER_FROM_BASELINE.contains(&call.name) && exists(call.name, architectures) {
                    let reason = Reason::Runtime { baseline: call.baseline };
                    allowed.entry(call.name).or_default().insert(reason);
                }
            }
        }
    }
}

/// A runtime's calls for a container. What was recorded with a filter in force needs no baseline but for the calls that
/// depend on timing, as far as the profile is for that runtime alone.
fn calls(baseline: Baseline, facts: &ContainerFacts, origin: Origin, was_recorded: bool) -> Vec<BaselineCall> {
    match baseline {
        Baseline::Any => known::runtime_baseline(None, None, origin),
        Baseline::Runc => known::runtime_baseline(Some(known::RUNC), None, origin),
        Baseline::Crun => known::runtime_baseline(Some(known::CRUN), None, origin),
        Baseline::Recorded => {
            let mut calls = known::runtime_baseline(facts.runtime.as_deref(), facts.no_new_privs, origin);
            calls.retain(|call| !was_recorded || call.need == Need::Sometimes);
            calls
        }
    }
}

/// What no start of these containers succeeds without under a runtime, sorted: for their own `no_new_privs`, for both
/// settings where it is not known.
pub fn needed_to_start(behaviour: &Behaviour, policy: &Policy, runtime: &str) -> BTreeSet<BaselineCall> {
    let settings: BTreeSet<Option<bool>> = behaviour.containers().values().map(|facts| facts.no_new_privs).collect();
    let all = origins(policy).flat_map(|origin| {
        settings.iter().flat_map(move |no_new_privs| known::runtime_baseline(Some(runtime), *no_new_privs, origin))
    });
    all.filter(|call| call.need == Need::Always).collect()
}

/// Containers and origins whose runtime was recorded with the filter in force: that is what the phase means.
pub(super) fn recorded(behaviour: &Behaviour) -> BTreeSet<(&Instance, Origin)> {
    behaviour.origins_in(Phase::Runtime)
}

/// Origins that the profile lets a runtime start.
pub(super) fn origins(policy: &Policy) -> impl Iterator<Item = Origin> {
    [Origin::Init, Origin::Exec].into_iter().filter(|origin| policy.wants(*origin, Phase::Runtime))
}

fn exists(name: &str, architectures: &BTreeSet<Architecture>) -> bool {
    architectures.iter().any(|architecture| names::number(abi::of(*architecture), name).is_some())
}
