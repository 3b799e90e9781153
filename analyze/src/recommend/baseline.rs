//! What the container runtime needs under the filter, where the recording could not see it.

use std::collections::BTreeSet;

use ctrec_recording::{Origin, Phase};

use super::{Allowed, NEVER_FROM_BASELINE};
use crate::behaviour::{Behaviour, ContainerFacts, Instance};
use crate::known::{self, Need};
use crate::policy::Policy;
use crate::profile::{Architecture, Reason};
use crate::{abi, names};

/// Adds the runtime's calls for each container: those that depend on timing always, the others where the container's
/// runtime was not recorded with a filter in force. Each container is looked at alone, so that another run with a
/// better recording never takes a call away.
pub(super) fn add(
    behaviour: &Behaviour,
    policy: &Policy,
    architectures: &BTreeSet<Architecture>,
    allowed: &mut Allowed,
) {
    let recorded = recorded(behaviour);
    for (instance, facts) in behaviour.containers() {
        for origin in [Origin::Init, Origin::Exec].into_iter().filter(|origin| policy.wants(*origin, Phase::Runtime)) {
            let was_recorded = recorded.contains(&(instance, origin));
            for call in known::runtime_baseline(facts.runtime.as_deref(), facts.no_new_privs, origin) {
                let needed = !was_recorded || call.need == Need::Sometimes;
                if needed && !NEVER_FROM_BASELINE.contains(&call.name) && exists(call.name, architectures) {
                    let reason = Reason::Runtime { baseline: call.baseline };
                    allowed.entry(call.name).or_default().insert(reason);
                }
            }
        }
    }
}

/// Containers whose runtime nobody could tell, and whose start was not recorded with a filter in force: the union of
/// all baselines stands in for it.
pub(super) fn guessed<'a>(behaviour: &'a Behaviour, policy: &Policy) -> Vec<&'a ContainerFacts> {
    let recorded = recorded(behaviour);
    let guessed = behaviour.containers().iter().filter(|(instance, facts)| {
        let told = matches!(facts.runtime.as_deref(), Some("runc" | "crun")) && facts.no_new_privs.is_some();
        let mut origins = [Origin::Init, Origin::Exec].into_iter();
        !told && origins.any(|origin| policy.wants(origin, Phase::Runtime) && !recorded.contains(&(*instance, origin)))
    });
    guessed.map(|(_, facts)| facts).collect()
}

/// Containers and origins whose runtime was recorded with the filter in force: that is what the phase means.
fn recorded(behaviour: &Behaviour) -> BTreeSet<(&Instance, Origin)> {
    let runtime = behaviour.calls.keys().filter(|(_, key)| key.source.phase == Phase::Runtime);
    runtime.map(|(slice, key)| (&slice.instance, key.source.origin)).collect()
}

fn exists(name: &str, architectures: &BTreeSet<Architecture>) -> bool {
    architectures.iter().any(|architecture| names::number(abi::of(*architecture), name).is_some())
}
