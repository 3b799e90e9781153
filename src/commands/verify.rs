//! `ctrec verify`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::process::ExitCode;

use ctrec_analyze::behaviour::{Behaviour, CallId};
use ctrec_analyze::compare::Measure;
use ctrec_analyze::policy::{Dialect, Policy};
use ctrec_analyze::profile::{Action, Profile};
use ctrec_analyze::recommend::{Fate, recommend};
use ctrec_enforce::{Compiled, KnownArgument, Refusal, Verdict, refusal};

use super::{profile_file, stores};
use crate::cli::{PolicyOptions, Verify};
use crate::exit;
use crate::output::{print, tell};

/// Namespace flags of clone: the bits that a recording holds of its first argument.
const NAMESPACE_FLAGS: u64 = 0x7E02_0000;

pub(super) fn run(options: &Verify, quiet: bool) -> anyhow::Result<ExitCode> {
    let behaviour = stores::behaviour(&options.chosen, quiet)?;
    let capabilities: BTreeSet<String> = Measure::of(&behaviour).capabilities;
    let compiled = profile_file::compiled(&options.profile, capabilities, options.runtime, quiet)?;
    let policy = PolicyOptions { without_exec: options.without_exec, include: Vec::new() };
    let policy = stores::policy(&policy, Dialect::default());
    let checked = check(&behaviour, &policy, &compiled)?;
    print(&checked.text)?;
    if !quiet {
        tell(&format!(
            "{} of {} recorded calls would be refused; of {} the arguments decide",
            checked.refused, checked.calls, checked.undecided
        ));
    }
    Ok(if checked.refused == 0 { ExitCode::SUCCESS } else { ExitCode::from(exit::FOUND) })
}

#[derive(Default)]
struct Checked {
    calls: usize,
    refused: usize,
    undecided: usize,
    text: String,
}

/// Runs the filter over every call that the container made under a filter, or would have.
fn check(behaviour: &Behaviour, policy: &Policy, compiled: &Compiled) -> anyhow::Result<Checked> {
    let recommendation = recommend(behaviour, policy)?;
    let filters = std::slice::from_ref(&compiled.filter);
    let mut checked = Checked::default();
    for (call, fate) in &recommendation.fates {
        if *fate == Fate::Refused || call.name().is_none() {
            continue; /* refused today, and the container lives with that; or a number that no profile can name */
        }
        checked.calls += 1;
        let known = arguments(behaviour, &recommendation.profile, *call);
        let refusals = known.iter().filter_map(|argument| refusal(filters, call.abi, call.number, argument.as_slice()));
        let Some(worst) = refusals.max_by_key(|refusal| refusal.decision.verdict() == Verdict::Refused) else {
            continue;
        };
        if worst.decision.verdict() == Verdict::Refused {
            checked.refused += 1;
        } else {
            checked.undecided += 1;
        }
        describe(&worst, &call.label(), &mut checked.text);
    }
    Ok(checked)
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

fn describe(refusal: &Refusal, label: &str, text: &mut String) {
    let actions: Vec<String> = refusal.decision.actions().iter().map(ToString::to_string).collect();
    let verdict = if refusal.decision.verdict() == Verdict::Refused { "refused" } else { "arguments decide" };
    writeln!(text, "{label}\t{verdict}\t{}", actions.join(" or ")).expect("a string takes any text");
}
