//! Behaviour and policy to profile and findings.
//!
//! Lives here: which call gets a rule, and why. Does not: any text form of the result (see `dialect`, `report`).

mod absent;
mod baseline;
mod capabilities;
mod clone;
mod errno_rule;
mod fate;
mod findings;
mod learn;
mod refusals;
mod start;
#[cfg(test)]
mod tests;
mod unasked;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use ctrec_recording::Phase;

use crate::behaviour::{Behaviour, CallId, Outcome, Source};
use crate::finding::{Finding, Kind, Severity};
use crate::known;
use crate::policy::Policy;
use crate::profile::{Action, Architecture, Profile, Reason, Rule};
use crate::text::visible;
use crate::{abi, names};

pub(crate) use absent::{absent, starts_gone, starts_unseen};
pub use baseline::needed_to_start;
pub use fate::Fate;
use fate::Filters;
pub(crate) use findings::{losses, nothing_seen};
pub use learn::learn;
pub(crate) use learn::{LEARNED, is_of_plain_runtimes};
pub use start::Start;
pub(crate) use unasked::unasked;

/// Calls of set-up: a runtime makes them before its filter, and what makes them by mistake makes an escape easy. No
/// baseline may bring them in, and neither `clone3`, whose flags no filter can see. Seen in the workload, they count.
const NEVER_FROM_BASELINE: [&str; 5] = ["clone3", "mount", "pivot_root", "setns", "unshare"];

/// A profile, and what to know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recommendation {
    /// The profile.
    pub profile: Profile,
    /// What the user must know, gravest first.
    pub findings: Vec<Finding>,
    /// What became of each call of the recommended phases and origins.
    pub fates: BTreeMap<CallId, Fate>,
    /// How often calls look like a success that a filter stopped: it killed or trapped the caller, or answered in the
    /// kernel's place. Where refusals were counted, those that cannot have looked like anything else.
    pub stopped: BTreeMap<(CallId, Source), u64>,
    /// Under which runtimes the profile starts.
    pub start: Start,
}

impl Recommendation {
    /// Those of the findings that say what the filter in force hid from the recording, or may have.
    pub fn refusals(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| is_refusal(finding))
    }

    /// Those that say what else the recording misses, or may miss: losses, a start that was not seen, too little time.
    pub fn gaps(&self) -> impl Iterator<Item = &Finding> {
        let missing = |finding: &Finding| finding.severity == Severity::Incomplete || finding.kind == Kind::Loss;
        self.findings.iter().filter(move |finding| missing(finding) && !is_refusal(finding))
    }
}

fn is_refusal(finding: &Finding) -> bool {
    matches!(finding.kind, Kind::Refused | Kind::RefusedOrFailed)
}

/// Why nothing can be recommended.
#[derive(Debug, thiserror::Error)]
pub enum RecommendError {
    /// No run was folded.
    #[error("nothing was recorded, so nothing can be recommended: record first")]
    NothingRecorded,
    /// A recording of a machine that ctrec has no call tables for.
    #[error("run {run} was recorded on {machine}, and ctrec has no call tables for it: leave that run out")]
    UnknownMachine {
        /// Id of the run.
        run: String,
        /// `uname -m` of its machine.
        machine: String,
    },
    /// A name to include that no table has.
    #[error("no call is named \"{name}\"{}", did_you_mean(near))]
    UnknownName {
        /// The name, escaped.
        name: String,
        /// Names that look alike.
        near: Vec<&'static str>,
    },
}

/// What was seen of a call in the phases and origins that the policy wants.
#[derive(Debug, Default)]
struct Wanted {
    fate: Fate,
    sources: BTreeMap<Source, Outcome>,
    /// How many of them the containers' filters turned away, where that was counted.
    refused: u64,
    /// How many of them the containers' filters may have turned away for their arguments, where that was not counted.
    perhaps: u64,
    /// How many of them another filter answered: the containers' own let them through.
    answered: u64,
    /// A container's filter asks a tracer or a listener about them.
    handed_on: bool,
    /// A container made them whose filter lets them through, so that what comes after them was recorded there.
    unhindered: bool,
}

impl Wanted {
    fn outcome(&self) -> Outcome {
        let mut sum = Outcome::default();
        self.sources.values().for_each(|outcome| sum.add(outcome));
        sum
    }

    /// Adds what was seen of another call.
    fn add(&mut self, other: &Self) {
        self.fate = self.fate.max(other.fate);
        for (source, outcome) in &other.sources {
            self.sources.entry(source.clone()).or_default().add(outcome);
        }
        self.refused = self.refused.saturating_add(other.refused);
        self.perhaps = self.perhaps.saturating_add(other.perhaps);
        self.answered = self.answered.saturating_add(other.answered);
        self.handed_on |= other.handed_on;
        self.unhindered |= other.unhindered;
    }
}

/// Names to allow, with their reasons.
type Allowed = BTreeMap<&'static str, BTreeSet<Reason>>;

/// The least that a behaviour needs, under a policy.
pub fn recommend(behaviour: &Behaviour, policy: &Policy) -> Result<Recommendation, RecommendError> {
    let filters = Filters::of(behaviour);
    let calls = wanted(behaviour, policy, &filters);
    let architectures = architectures(behaviour, &calls)?;
    let flags = clone::flags(behaviour, policy, &filters);

    let mut allowed = observed(&calls);
    baseline::add(behaviour, policy, &architectures, &mut allowed);
    add_always(&architectures, &mut allowed);
    add_included(policy, &mut allowed)?;

    let findings = findings::all(&findings::Evidence {
        behaviour,
        policy,
        filters: &filters,
        calls: &calls,
        flags: &flags,
        allowed: &allowed,
    });
    let start = Start::of(behaviour, policy, &allowed);
    let mut rules = allow(allowed, &flags);
    let default_action = errno_rule::apply(policy.dialect, &architectures, &refused(&calls), &mut rules);
    rules.sort_by(|a, b| (&a.name, &a.conditions).cmp(&(&b.name, &b.conditions)));
    let fates = calls.into_iter().map(|(call, wanted)| (call, wanted.fate)).collect();
    let profile = Profile { default_action, architectures, flags: BTreeSet::new(), rules };
    let stopped = stopped(behaviour, &filters);
    Ok(Recommendation { profile, findings, fates, stopped, start })
}

/// Calls of the wanted phases and origins. What one container was refused and another made counts as made.
fn wanted(behaviour: &Behaviour, policy: &Policy, filters: &Filters) -> BTreeMap<CallId, Wanted> {
    let mut calls: BTreeMap<CallId, Wanted> = BTreeMap::new();
    for (instance, call, sources) in behaviour.calls_by_instance() {
        let mut sum = Outcome::default();
        for (source, outcome) in sources.iter().filter(|(source, _)| policy.wants(source.origin, source.phase)) {
            sum.add(outcome);
            calls.entry(call).or_default().sources.entry(source.clone()).or_default().add(outcome);
        }
        if let Some(wanted) = calls.get_mut(&call)
            && sum != Outcome::default()
        {
            wanted.fate = wanted.fate.max(filters.fate(instance, call, &sum));
            wanted.perhaps = wanted.perhaps.saturating_add(filters.perhaps(instance, call, &sum));
            wanted.handed_on |= filters.hand_on(instance, call);
            let own = filters.may_refuse(instance, call);
            wanted.unhindered |= !own;
            let counted = if own { &mut wanted.refused } else { &mut wanted.answered };
            *counted = counted.saturating_add(sum.refused().unwrap_or_default());
        }
    }
    calls
}

/// Calls that only look like a success, whatever the policy wants.
fn stopped(behaviour: &Behaviour, filters: &Filters) -> BTreeMap<(CallId, Source), u64> {
    let mut stopped: BTreeMap<(CallId, Source), u64> = BTreeMap::new();
    for (instance, call, sources) in behaviour.calls_by_instance() {
        let stop = filters.stop(instance, call);
        for (source, outcome) in sources {
            let count = stopped_of(source, outcome, stop);
            if count > 0 {
                let sum = stopped.entry((call, source.clone())).or_default();
                *sum = sum.saturating_add(count);
            }
        }
    }
    stopped
}

/// `stop`: the filter ends the caller, or answers 0. Uncounted, all that look like a success are none then, except in
/// set-up, where there is no filter yet. Counted, every refusal is one that cannot be among the failures.
fn stopped_of(source: &Source, outcome: &Outcome, stop: bool) -> u64 {
    match outcome.refused() {
        Some(refused) if stop => refused.min(outcome.succeeded),
        Some(refused) => refused.saturating_sub(outcome.total().saturating_sub(outcome.succeeded)),
        None if stop && source.phase != Phase::Setup => outcome.succeeded,
        None => 0,
    }
}

/// The native ones of the machines, and every other that was used, refused or not: a filter kills what calls through
/// an architecture that it does not cover.
fn architectures(
    behaviour: &Behaviour,
    calls: &BTreeMap<CallId, Wanted>,
) -> Result<BTreeSet<Architecture>, RecommendError> {
    if behaviour.runs().is_empty() {
        return Err(RecommendError::NothingRecorded);
    }
    let mut architectures: BTreeSet<Architecture> = calls.keys().map(|call| abi::architecture(call.abi)).collect();
    for (run, facts) in behaviour.runs() {
        let native = abi::native(&facts.machine)
            .ok_or_else(|| RecommendError::UnknownMachine { run: run.to_string(), machine: visible(&facts.machine) })?;
        architectures.insert(abi::architecture(native));
    }
    Ok(architectures)
}

fn observed(calls: &BTreeMap<CallId, Wanted>) -> Allowed {
    let mut allowed = Allowed::new();
    for (call, wanted) in calls.iter().filter(|(call, wanted)| wanted.fate != Fate::Refused && !call.is_unfiltered()) {
        let Some(name) = call.name() else { continue };
        let reasons = wanted.sources.iter().map(|(source, outcome)| Reason::Observed {
            program: source.program.to_string(),
            origin: source.origin,
            phase: source.phase,
            abi: call.abi,
            count: outcome.total(),
        });
        allowed.entry(name).or_default().extend(reasons);
    }
    allowed
}

/// Calls that the filter in force refused, by name, and with which errnos.
fn refused(calls: &BTreeMap<CallId, Wanted>) -> BTreeMap<&'static str, BTreeSet<i32>> {
    let mut refused: BTreeMap<&str, BTreeSet<i32>> = BTreeMap::new();
    for (call, wanted) in calls.iter().filter(|(_, wanted)| wanted.fate == Fate::Refused) {
        if let Some(name) = call.name() {
            refused.entry(name).or_default().extend(wanted.outcome().errnos.into_keys());
        }
    }
    refused
}

fn add_always(architectures: &BTreeSet<Architecture>, allowed: &mut Allowed) {
    for call in known::always().iter().filter(|call| !call.architectures.is_disjoint(architectures)) {
        if !NEVER_FROM_BASELINE.contains(&call.name) {
            allowed.entry(call.name).or_default().insert(Reason::Always { why: call.why.to_owned() });
        }
    }
}

fn add_included(policy: &Policy, allowed: &mut Allowed) -> Result<(), RecommendError> {
    for name in &policy.include {
        let name = names::canonical(name)
            .ok_or_else(|| RecommendError::UnknownName { name: visible(name), near: names::near(name) })?;
        allowed.entry(name).or_default().insert(Reason::Included);
    }
    Ok(())
}

fn allow(allowed: Allowed, flags: &clone::Flags) -> Vec<Rule> {
    let rules = allowed.into_iter().map(|(name, reasons)| Rule {
        name: name.to_owned(),
        action: Action::Allow,
        conditions: if name == clone::NAME { flags.conditions() } else { Vec::new() },
        reasons,
    });
    rules.collect()
}

fn did_you_mean(near: &[&str]) -> String {
    if near.is_empty() {
        "; names are those of the system call tables, such as openat".to_owned()
    } else {
        format!("; did you mean {}?", near.join(" or "))
    }
}
