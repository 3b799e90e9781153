//! Under which runtimes a profile starts, in the words that the screen and the findings share.
//!
//! Lives here: what may be claimed. Does not: which calls that takes (see `baseline`).

use std::collections::{BTreeMap, BTreeSet};

use ctrec_recording::Origin;
use serde::Serialize;

use super::{Allowed, baseline};
use crate::behaviour::{Behaviour, ContainerFacts};
use crate::known;
use crate::policy::{Baseline, Policy};
use crate::profile::Reason;

/// Every setting of it: what a profile for any deployment is good for.
const EITHER: &str = ", with and without no_new_privs";

/// Where a profile starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Start {
    /// Runtimes with their settings: `runc and crun, with and without no_new_privs`; one for each way in which the
    /// containers differ.
    pub under: BTreeSet<String>,
    /// Only what was recorded is allowed for, so another runtime may not start it.
    pub as_recorded: bool,
    /// What enters the container later, such as `docker exec`, is allowed for too.
    pub with_exec: bool,
    /// Calls that are allowed for the runtime alone: nothing in the container was seen to make them.
    pub for_that_alone: usize,
}

impl Start {
    pub(super) fn of(behaviour: &Behaviour, policy: &Policy, allowed: &Allowed) -> Self {
        let recorded = baseline::recorded(behaviour);
        let containers = behaviour.containers().iter();
        let under =
            containers.map(|(instance, facts)| under(policy, facts, recorded.contains(&(instance, Origin::Init))));
        let for_a_runtime = |reason: &Reason| matches!(reason, Reason::Runtime { .. });
        Self {
            under: under.collect(),
            as_recorded: policy.baseline == Baseline::Recorded,
            with_exec: baseline::origins(policy).any(|origin| origin == Origin::Exec),
            for_that_alone: allowed.values().filter(|reasons| reasons.iter().all(for_a_runtime)).count(),
        }
    }
}

/// The runtimes whose calls stand in for those of one that nobody could tell, and what these are for.
pub(super) type Guess = (String, Vec<&'static str>);

/// What was guessed, with the containers that it was guessed for: their runtime or its setting is not known, and they
/// were not recorded starting, or being entered, either.
pub(super) fn guesses<'a>(behaviour: &'a Behaviour, policy: &Policy) -> BTreeMap<Guess, BTreeSet<&'a str>> {
    let mut guesses: BTreeMap<Guess, BTreeSet<&str>> = BTreeMap::new();
    if policy.baseline != Baseline::Recorded {
        return guesses; /* chosen, not guessed */
    }
    let recorded = baseline::recorded(behaviour);
    for (instance, facts) in behaviour.containers() {
        let unseen = baseline::origins(policy).filter(|origin| !recorded.contains(&(instance, *origin)));
        let verbs: Vec<&str> = unseen.map(verb).collect();
        let told = has_baseline(facts) && facts.no_new_privs.is_some();
        if !told && !verbs.is_empty() {
            guesses.entry((under(policy, facts, false), verbs)).or_default().insert(&facts.name);
        }
    }
    guesses
}

fn verb(origin: Origin) -> &'static str {
    match origin {
        Origin::Init => "to start it",
        Origin::Exec => "to enter it",
    }
}

/// The runtimes, with their settings, that a container starts under with the profile.
fn under(policy: &Policy, facts: &ContainerFacts, was_recorded: bool) -> String {
    match policy.baseline {
        Baseline::Any => format!("{} and {}{EITHER}", known::RUNC, known::CRUN),
        Baseline::Runc => format!("{}{EITHER}", known::RUNC),
        Baseline::Crun => format!("{}{EITHER}", known::CRUN),
        Baseline::Recorded => {
            let runtime = match facts.runtime.as_deref().filter(|_| has_baseline(facts)) {
                Some(runtime) => runtime.to_owned(),
                None if was_recorded => "its own runtime".to_owned(),
                None => format!("{} and {}", known::RUNC, known::CRUN),
            };
            let setting = match facts.no_new_privs {
                Some(true) => " with no_new_privs",
                Some(false) => " without no_new_privs",
                None if was_recorded => "",
                None => EITHER,
            };
            runtime + setting
        }
    }
}

fn has_baseline(facts: &ContainerFacts) -> bool {
    facts.runtime.as_deref().is_some_and(|runtime| [known::RUNC, known::CRUN].contains(&runtime))
}
