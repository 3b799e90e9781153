//! Whether a call was made, or turned away by the filter that the container ran under.
//!
//! Where the recorder counted refusals, that is known. Elsewhere it follows from the filter and the errnos.

use std::collections::{BTreeMap, BTreeSet};

use ctrec_recording::Abi;
use serde::Serialize;

use crate::abi;
use crate::behaviour::{Behaviour, CallId, ContainerFacts, Filter, Instance, Outcome};
use crate::dialect::oci;
use crate::names;
use crate::profile::{Action, Architecture, Condition, Operator, Profile, Rule};

const ENOSYS: i32 = 38;

/// What became of a call. Ordered: made by one container counts more than refused to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// The filter in force turned it away, every time.
    #[default]
    Refused,
    /// It failed, every time, with what the filter in force would answer, if its arguments asked for that.
    RefusedOrFailed,
    /// The kernel carried it out, some time at least, with or without success; or another filter than the container's
    /// own answered.
    Made,
}

/// The filters that the containers of a behaviour ran under.
#[derive(Debug)]
pub(super) struct Filters {
    /// `None`: the container ran without a filter. Not in here: nobody knows.
    by_instance: BTreeMap<Instance, Option<Enforced>>,
    /// Containers whose filter is not known, and why, unless all of their refusals were counted. Hostile text.
    pub(super) unknown: BTreeSet<(String, String)>,
}

/// A filter as a runtime enforces it.
#[derive(Debug)]
struct Enforced {
    profile: Profile,
    native: Architecture,
    /// runc answers ENOSYS for calls newer than any that the profile names; crun does not. Unknown runtimes may.
    stub: bool,
    /// The largest number of each ABI that some rule names. Found once: a program can make any number of calls that no
    /// rule names, each of which is held against it.
    largest_named: BTreeMap<Abi, i64>,
}

/// What is known of an argument.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bits {
    /// Which argument.
    pub(super) index: u32,
    /// Its bits, as far as they are known.
    pub(super) value: u64,
    /// Which bits are known.
    pub(super) mask: u64,
}

/// What a filter does with a call.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// Lets it through.
    Through,
    /// Turns it away with one of these errnos.
    Errnos(BTreeSet<i32>),
    /// Kills or signals the caller. To the recorder such a call looks like a success.
    Ends,
    /// Its arguments decide; turned away, it gets one of these errnos.
    ByArguments(BTreeSet<i32>),
    /// Someone outside of the filter decides: a tracer, a listener.
    Elsewhere,
}

impl Filters {
    pub(super) fn of(behaviour: &Behaviour) -> Self {
        let mut filters = Self { by_instance: BTreeMap::new(), unknown: BTreeSet::new() };
        let uncounted: BTreeSet<&Instance> = behaviour
            .calls_by_instance()
            .filter(|(_, _, sources)| sources.iter().any(|(_, outcome)| outcome.refused().is_none()))
            .map(|(instance, ..)| instance)
            .collect();
        for (instance, facts) in behaviour.containers() {
            let machine = behaviour.runs().get(&instance.run).and_then(|run| abi::native(&run.machine));
            let Some(native) = machine.map(abi::architecture) else { continue };
            match enforced(facts, native) {
                Ok(enforced) => drop(filters.by_instance.insert(instance.clone(), enforced)),
                Err(_) if !uncounted.contains(instance) => {}
                Err(why) => drop(filters.unknown.insert((facts.name.clone(), why))),
            }
        }
        filters
    }

    /// What became of a call of a container. Without a filter that is known, and where nobody counted, nothing was
    /// refused, and neither is what no filter sees.
    pub(super) fn fate(&self, instance: &Instance, call: CallId, outcome: &Outcome) -> Fate {
        if let Some(refused) = outcome.refused().filter(|_| !call.is_unfiltered()) {
            let always = refused == outcome.total() && self.may_refuse(instance, call);
            return if always { Fate::Refused } else { Fate::Made };
        }
        let Some(enforced) = self.enforced(instance, call) else { return Fate::Made };
        let in_kernel = outcome.interrupted > 0 || outcome.unfinished > 0;
        match enforced.answer(call) {
            Answer::Ends => Fate::Refused,
            Answer::Through => Fate::Made,
            _ if in_kernel => Fate::Made,
            Answer::Errnos(given) if given.contains(&0) && only_zero_or(outcome, &given) => Fate::Refused,
            _ if outcome.succeeded > 0 => Fate::Made,
            Answer::Elsewhere => Fate::RefusedOrFailed,
            Answer::Errnos(given) if only(outcome, &given) => Fate::Refused,
            Answer::Errnos(given) | Answer::ByArguments(given) if some(outcome, &given) => Fate::RefusedOrFailed,
            Answer::Errnos(_) | Answer::ByArguments(_) => Fate::Made,
        }
    }

    /// How often the filter may have turned a call away for its arguments, where nobody counted it.
    pub(super) fn perhaps(&self, instance: &Instance, call: CallId, outcome: &Outcome) -> u64 {
        let Some(enforced) = self.enforced(instance, call).filter(|_| outcome.refused().is_none()) else { return 0 };
        let Answer::ByArguments(given) = enforced.answer(call) else { return 0 };
        let given = outcome.errnos.iter().filter(|(errno, _)| given.contains(errno));
        given.fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Whether it can have been the container's filter that turned a call away. Where it lets the call through, it was
    /// one that the workload loaded itself, or one that its engine runs under.
    pub(super) fn may_refuse(&self, instance: &Instance, call: CallId) -> bool {
        match self.by_instance.get(instance) {
            None => true,
            Some(None) => false,
            Some(Some(enforced)) => enforced.answer(call) != Answer::Through,
        }
    }

    /// Whether the container's filter hands calls of this name to a tracer or a listener.
    pub(super) fn hand_on(&self, instance: &Instance, call: CallId) -> bool {
        self.enforced(instance, call).is_some_and(|enforced| {
            let rules = call.name().map(|name| enforced.rules_of(name)).unwrap_or_default();
            let mut actions = rules.iter().map(|rule| rule.action).chain([enforced.profile.default_action]);
            enforced.answer(call) != Answer::Through
                && actions.any(|action| matches!(action, Action::Trace(_) | Action::Notify))
        })
    }

    /// The filter that decided about a call of a container, if it is known.
    fn enforced(&self, instance: &Instance, call: CallId) -> Option<&Enforced> {
        self.by_instance.get(instance)?.as_ref().filter(|_| !call.is_unfiltered())
    }

    /// Whether a call of a container that looks like a success never was one: the filter ended its caller, or answered
    /// 0 in the kernel's place.
    pub(super) fn stop(&self, instance: &Instance, call: CallId) -> bool {
        self.enforced(instance, call).is_some_and(|enforced| match enforced.answer(call) {
            Answer::Ends => true,
            Answer::Errnos(given) => given.contains(&0),
            Answer::Through | Answer::ByArguments(_) | Answer::Elsewhere => false,
        })
    }

    /// Whether a container's filter turns a call away for what is known of an argument. Where that does not tell, it
    /// does not.
    pub(super) fn refuse(&self, instance: &Instance, name: &str, bits: Bits) -> bool {
        let Some(Some(enforced)) = self.by_instance.get(instance) else { return false };
        let rules = enforced.rules_of(name);
        if let Some(action) = unconditional(&rules) {
            return is_refusal(action);
        }
        let fits = |rule: &&&Rule| rule.conditions.iter().all(|condition| bits.meet(condition) != Some(false));
        let surely = |rule: &&Rule| rule.conditions.iter().all(|condition| bits.meet(condition) == Some(true));
        let falls_through = !rules.iter().any(surely);
        let default = falls_through.then_some(enforced.profile.default_action);
        rules.iter().filter(fits).map(|rule| rule.action).chain(default).all(is_refusal)
    }
}

impl Bits {
    /// Whether the argument meets a condition; `None` where what is known does not tell.
    fn meet(self, condition: &Condition) -> Option<bool> {
        let told = condition.index == self.index
            && condition.operator == Operator::MaskedEqual
            && condition.value & !self.mask == 0;
        told.then_some(self.value & condition.value == condition.value_two)
    }
}

/// The filter of a container; `Ok(None)` where it ran without one.
fn enforced(facts: &ContainerFacts, native: Architecture) -> Result<Option<Enforced>, String> {
    let json = match &facts.filter {
        Filter::Unknown => return Err("no bundle was found".to_owned()),
        Filter::None => return Ok(None),
        Filter::Some(json) => json,
    };
    let parsed = oci::parse_spec_seccomp(json, native).map_err(|error| error.to_string())?;
    let stub = facts.runtime.as_deref() != Some("crun");
    Ok(parsed.map(|parsed| Enforced {
        native,
        stub,
        largest_named: abi::ALL
            .into_iter()
            .filter_map(|abi| Some((abi, largest_named(&parsed.profile, abi)?)))
            .collect(),
        profile: parsed.profile,
    }))
}

fn largest_named(profile: &Profile, abi: Abi) -> Option<i64> {
    profile.rules.iter().filter_map(|rule| names::number(abi, &rule.name)).max()
}

impl Enforced {
    fn answer(&self, call: CallId) -> Answer {
        let architecture = abi::architecture(call.abi);
        if architecture != self.native && !self.profile.architectures.contains(&architecture) {
            return Answer::Ends;
        }
        let rules = call.name().map(|name| self.rules_of(name)).unwrap_or_default();
        let default = self.profile.default_action;
        if let Some(action) = unconditional(&rules) {
            return answer_of(action, BTreeSet::new());
        }
        if !rules.is_empty() {
            let actions = rules.iter().map(|rule| rule.action).chain([default]);
            return Answer::ByArguments(actions.filter_map(errno_of).collect());
        }
        let stub = self.stub && is_refusal(default) && self.profile.architectures.contains(&architecture);
        let newer = stub && self.largest_named.get(&call.abi).is_some_and(|largest| call.number > *largest);
        answer_of(default, if newer { BTreeSet::from([ENOSYS]) } else { BTreeSet::new() })
    }

    /// The rules of a name that a runtime hands to libseccomp: those that repeat the default are left out.
    fn rules_of<'a>(&'a self, name: &'a str) -> Vec<&'a Rule> {
        self.profile.rules_of(name).filter(|rule| rule.action != self.profile.default_action).collect()
    }
}

/// What the first rule without conditions does: to libseccomp it clears what came before, and makes what comes after
/// moot.
fn unconditional(rules: &[&Rule]) -> Option<Action> {
    rules.iter().find(|rule| rule.conditions.is_empty()).map(|rule| rule.action)
}

fn answer_of(action: Action, mut errnos: BTreeSet<i32>) -> Answer {
    match action {
        Action::Allow | Action::Log => Answer::Through,
        Action::Errno(errno) => {
            errnos.insert(i32::from(errno));
            Answer::Errnos(errnos)
        }
        // The stub stands before the filter and so answers first.
        Action::Trap | Action::KillThread | Action::KillProcess if !errnos.is_empty() => Answer::Errnos(errnos),
        Action::Trap | Action::KillThread | Action::KillProcess => Answer::Ends,
        Action::Trace(_) | Action::Notify => Answer::Elsewhere,
    }
}

fn errno_of(action: Action) -> Option<i32> {
    match action {
        Action::Errno(errno) => Some(i32::from(errno)),
        Action::Allow
        | Action::Log
        | Action::Trace(_)
        | Action::Trap
        | Action::Notify
        | Action::KillThread
        | Action::KillProcess => None,
    }
}

fn is_refusal(action: Action) -> bool {
    matches!(action, Action::Errno(_) | Action::Trap | Action::KillThread | Action::KillProcess)
}

/// It failed, and with these errnos alone. An errno that was lost may have been another.
fn only(outcome: &Outcome, given: &BTreeSet<i32>) -> bool {
    outcome.failed > 0 && only_zero_or(outcome, given)
}

/// It failed with no errno but these, if it failed at all.
fn only_zero_or(outcome: &Outcome, given: &BTreeSet<i32>) -> bool {
    outcome.errnos.keys().all(|errno| given.contains(errno)) && told(outcome) >= outcome.failed
}

/// It failed, and some time with one of these errnos, or nobody knows with which.
fn some(outcome: &Outcome, given: &BTreeSet<i32>) -> bool {
    outcome.failed > 0 && (outcome.errnos.keys().any(|errno| given.contains(errno)) || told(outcome) < outcome.failed)
}

/// Failures whose errno is known.
fn told(outcome: &Outcome) -> u64 {
    outcome.errnos.values().fold(0, |sum, count| sum.saturating_add(*count))
}
