//! What a profile would refuse: of what was recorded, and of what the runtimes themselves need under it.
//!
//! Lives here: which calls are put to which compiled filter, and the table of the answers. Does not: how a filter
//! answers (see `ctrec-enforce`), what a runtime needs (see `ctrec-analyze`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use ctrec_analyze::behaviour::{Behaviour, CallId};
use ctrec_analyze::finding::Finding;
use ctrec_analyze::policy::Policy;
use ctrec_analyze::profile::{Action, Profile};
use ctrec_analyze::recommend::{Fate, needed_to_start, recommend};
use ctrec_analyze::{abi, names};
use ctrec_enforce::{Compiled, KnownArgument, Refusal, Runtime, Verdict, native_architecture, refusal};

/// Namespace flags of clone: the bits that a recording holds of its first argument.
const NAMESPACE_FLAGS: u64 = 0x7E02_0000;

/// A profile as a runtime compiles it.
pub(super) struct Candidate {
    pub(super) runtime: Runtime,
    pub(super) compiled: Compiled,
}

/// What was found. Every number is of calls, however many runtimes refuse one.
#[derive(Default)]
pub(super) struct Checked {
    pub(super) recorded: Tally,
    pub(super) start: Tally,
    /// What the filter refused that was in force while it was recorded, and so is not put to the profile.
    pub(super) masked: Vec<Finding>,
    /// What else the recording misses, and so is not put to the profile either.
    pub(super) gaps: Vec<Finding>,
    rows: BTreeMap<Row, BTreeSet<&'static str>>,
}

/// Calls that were put to the filters, and what came of them.
#[derive(Default)]
pub(super) struct Tally {
    calls: BTreeSet<CallId>,
    refused: BTreeSet<CallId>,
    undecided: BTreeSet<CallId>,
}

/// A line of the table, less the runtimes that it is true of.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    label: String,
    verdict: &'static str,
    actions: String,
    why: String,
}

/// The name by which recordings and `profiles/` know a runtime.
pub(super) fn name(runtime: Runtime) -> &'static str {
    match runtime {
        Runtime::Runc => ctrec_analyze::known::RUNC,
        Runtime::Crun => ctrec_analyze::known::CRUN,
    }
}

/// Runs each filter over every call that the container made under a filter, or would have, and over those that the
/// filter's runtime makes itself.
pub(super) fn check(behaviour: &Behaviour, policy: &Policy, candidates: &[Candidate]) -> anyhow::Result<Checked> {
    let recommendation = recommend(behaviour, policy)?;
    let mut checked = Checked::default();
    for candidate in candidates {
        for (call, fate) in &recommendation.fates {
            if *fate == Fate::Refused || call.name().is_none() || call.is_unfiltered() {
                continue; /* refused today, and the container lives with that; or nothing that a profile decides on */
            }
            let arguments = arguments(behaviour, &recommendation.profile, *call);
            checked.put(candidate, *call, &arguments, None);
        }
        for (call, baselines) in needed(behaviour, policy, name(candidate.runtime)) {
            let baselines = baselines.into_iter().collect::<Vec<_>>().join("; ");
            checked.put(candidate, call, &[None], Some(format!("to start it: {baselines}")));
        }
    }
    checked.masked = recommendation.refusals().cloned().collect();
    checked.gaps = recommendation.gaps().cloned().collect();
    Ok(checked)
}

/// What a runtime needs, and for which of its starts.
fn needed(behaviour: &Behaviour, policy: &Policy, runtime: &str) -> BTreeMap<CallId, BTreeSet<String>> {
    let mut needed: BTreeMap<CallId, BTreeSet<String>> = BTreeMap::new();
    let Some(abi) = native_architecture().map(abi::of) else { return needed };
    for call in needed_to_start(behaviour, policy, runtime) {
        if let Some(number) = names::number(abi, call.name) {
            needed.entry(CallId { abi, number }).or_default().insert(call.baseline);
        }
    }
    needed
}

/// What is known of the arguments of a call: for clone, no namespace flags, and each set of them that was seen if the
/// workload needs any, which the recommendation tells: it allows clone without a condition then.
fn arguments(behaviour: &Behaviour, needed: &Profile, call: CallId) -> Vec<Option<KnownArgument>> {
    if call.name() != Some("clone") {
        return vec![None];
    }
    let with_flags = needed.rules_of("clone").any(|rule| rule.action == Action::Allow && rule.conditions.is_empty());
    let seen = behaviour.arguments().filter(|(_, of, _, index, ..)| with_flags && *of == call && *index == 0);
    let values: BTreeSet<u64> = seen.map(|(.., value, _)| value).chain([0]).collect();
    values.into_iter().map(|value| Some(KnownArgument { index: 0, value, mask: NAMESPACE_FLAGS })).collect()
}

impl Checked {
    /// Asks one filter about a call, for each of the arguments that it may have. `start` says what the runtime needs it
    /// for; `None` where the container was recorded with it.
    fn put(&mut self, to: &Candidate, call: CallId, arguments: &[Option<KnownArgument>], start: Option<String>) {
        let tally = if start.is_some() { &mut self.start } else { &mut self.recorded };
        tally.calls.insert(call);
        let filters = std::slice::from_ref(&to.compiled.filter);
        let refusals = arguments.iter().filter_map(|known| refusal(filters, call.abi, call.number, known.as_slice()));
        let Some(worst) = refusals.max_by_key(|refusal| refusal.decision.verdict() == Verdict::Refused) else { return };
        let refused = worst.decision.verdict() == Verdict::Refused;
        let found = if refused { &mut tally.refused } else { &mut tally.undecided };
        found.insert(call);
        let row = Row {
            label: call.label(),
            verdict: if refused { "refused" } else { "arguments decide" },
            actions: actions(&worst),
            why: start.unwrap_or_else(|| "recorded".to_owned()),
        };
        self.rows.entry(row).or_default().insert(name(to.runtime));
    }

    /// Whether anything would be refused.
    pub(super) fn found(&self) -> bool {
        !(self.recorded.refused.is_empty() && self.start.refused.is_empty())
    }

    /// A line for each call that is not simply let through, its columns apart by tabs: call, verdict, what the filter
    /// does, under which runtime, why the call matters.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (Row { label, verdict, actions, why }, runtimes) in &self.rows {
            let runtimes: Vec<&str> = runtimes.iter().copied().collect();
            writeln!(text, "{label}\t{verdict}\t{actions}\t{}\t{why}", runtimes.join(", "))
                .expect("a string takes any text");
        }
        text
    }
}

impl Tally {
    /// `2 of 80 recorded calls would be refused; of 1 the arguments decide`
    pub(super) fn line(&self, what: &str) -> String {
        let (calls, refused, undecided) = (self.calls.len(), self.refused.len(), self.undecided.len());
        format!("{refused} of {calls} {what} would be refused; of {undecided} the arguments decide")
    }
}

fn actions(refusal: &Refusal) -> String {
    let actions: Vec<String> = refusal.decision.actions().iter().map(ToString::to_string).collect();
    actions.join(" or ")
}
