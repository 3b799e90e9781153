//! The calls of a report, each with where it came from.
//!
//! Lives here: what is told of each, and how much of it. Does not: what else a report holds (see `contents`).

use std::collections::{BTreeMap, BTreeSet};

use ctrec_recording::{Abi, Origin, Phase};
use serde::Serialize;

use super::values::{ValuesReport, is_false, is_none, values_report};
use crate::behaviour::{Behaviour, CallFacts, CallId, Outcome, Seen, SeenValues, Source};
use crate::bounds::{self, LeftOut};
use crate::compare::Measure;
use crate::known::{Verdict as OfDefault, is_behind_pointer};
use crate::names;
use crate::order::natural;
use crate::profile::Action;
use crate::recommend::{Fate, Recommendation};
use crate::text::{counted, errno, time};

/// What a profile does with a number without a name: rules are by name.
const NO_NAME: &str = "left out: no name";

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallReport {
    /// Name, or ABI and number.
    pub name: String,
    /// ABI.
    pub abi: Abi,
    /// Number.
    pub number: i64,
    /// How often, over all sources.
    pub count: Count,
    /// What the engine's default does with it; `None` where it has no name.
    pub engine_default: Option<&'static str>,
    /// What became of it under the filter in force; `None` in set-up, and in what the policy leaves out.
    pub fate: Option<Fate>,
    /// What the recommended profile does with it.
    pub profile: &'static str,
    /// Runs in which it was seen.
    pub runs: usize,
    /// Windows of containers in which it was seen.
    pub windows: usize,
    /// What it is asked to do lies behind a pointer, and is not read.
    #[serde(skip_serializing_if = "is_false")]
    pub behind_pointer: bool,
    /// By where it came from.
    pub sources: Vec<SourceReport>,
    /// Where else it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
}

/// Numbers without a name of one ABI, together: a program can call as many as it likes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NumbersReport {
    /// ABI with the lowest and the highest of them.
    pub name: String,
    /// ABI.
    pub abi: Abi,
    /// How many numbers.
    pub numbers: usize,
    /// The lowest.
    pub lowest: i64,
    /// The highest.
    pub highest: i64,
    /// How often, over all numbers and sources.
    pub count: Count,
    /// What the recommended profile does with them.
    pub profile: &'static str,
    /// Runs in which one of them was seen.
    pub runs: usize,
    /// By where they came from.
    pub sources: Vec<SourceReport>,
    /// Where else they came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
}

/// Where a call came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceReport {
    /// Origin.
    pub origin: Origin,
    /// Phase.
    pub phase: Phase,
    /// Program.
    pub program: String,
    /// How often.
    pub count: Count,
    /// Values of the arguments that a recording keeps; none of most calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<ValuesReport>,
    /// How many others there were that a recording has.
    #[serde(skip_serializing_if = "is_none")]
    pub values_left_out: usize,
    /// There were more than a recording keeps.
    #[serde(skip_serializing_if = "is_false")]
    pub many_values: bool,
}

/// How often, how it ended, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    /// However it ended.
    pub total: u64,
    /// Returned without an error.
    pub succeeded: u64,
    /// Killed, trapped or answered by a filter, and so neither a success nor a failure.
    pub stopped: u64,
    /// Turned away or answered by a filter, among all the others; `None` where that was not counted for every call.
    pub refused: Option<u64>,
    /// Returned an errno.
    pub failed: u64,
    /// Torn down by a signal or an exit.
    pub interrupted: u64,
    /// Still blocked at the end.
    pub unfinished: u64,
    /// Errnos by name, the most frequent first; where there are many, the last stands for the others.
    pub errnos: Vec<ErrnoReport>,
    /// First time, RFC 3339.
    pub first: Option<String>,
    /// Last time, RFC 3339.
    pub last: Option<String>,
}

/// How often with which errno.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrnoReport {
    /// Name; `12 others`.
    pub name: String,
    /// How often.
    pub count: u64,
}

/// The calls of a container.
pub(super) struct Calls {
    pub(super) calls: Vec<CallReport>,
    pub(super) more_numbers: Vec<NumbersReport>,
}

/// What is told of calls besides how often they were made.
pub(super) struct Judged<'a> {
    pub(super) recommendation: &'a Recommendation,
    pub(super) measure: Measure,
    pub(super) values: BTreeMap<(CallId, &'a Source), SeenValues>,
}

/// How a call ended, from one place, and how often it only looks like a success.
#[derive(Default)]
struct Told {
    outcome: Outcome,
    stopped: u64,
}

impl Calls {
    /// What the default refuses is what a reader wants to see first.
    pub(super) fn of(behaviour: &Behaviour, judged: &Judged<'_>) -> Self {
        let all = behaviour.calls();
        let together = bounds::told_together(all.iter().map(|(call, facts)| (*call, facts.outcome().is_absent())));
        let (many, mut one_by_one): (Vec<_>, Vec<_>) = all.into_iter().partition(|(call, _)| together.contains(call));
        one_by_one.sort_by_key(|(call, _)| (rank(judged.measure.verdict(*call)), call.name(), *call));
        let most = bounds::sources(one_by_one.len());
        let of_abi = many.chunk_by(|(one, _), (other, _)| one.abi == other.abi);
        Self {
            calls: one_by_one.iter().map(|(call, facts)| call_report(*call, facts, judged, most)).collect(),
            more_numbers: of_abi.map(|numbers| numbers_report(numbers, judged, most)).collect(),
        }
    }
}

fn call_report(call: CallId, facts: &CallFacts, judged: &Judged<'_>, most: usize) -> CallReport {
    let Judged { recommendation, measure, values } = judged;
    let told: BTreeMap<&Source, Told> =
        facts.sources.iter().map(|(source, outcome)| (source, judged.told(call, source, outcome))).collect();
    let all_stopped = told.values().map(|told| told.stopped).fold(0, u64::saturating_add);
    let (sources, left_out) = sources(told, most, |source| values.get(&(call, source)).map(|seen| (call, seen)));
    CallReport {
        name: call.label(),
        abi: call.abi,
        number: call.number,
        count: Count::of(&facts.outcome(), all_stopped),
        engine_default: measure.verdict(call).map(|verdict| match verdict {
            OfDefault::Allowed => "allowed",
            OfDefault::Conditional => "by argument",
            OfDefault::Refused(_) => "refused",
        }),
        fate: recommendation.fates.get(&call).copied(),
        profile: in_profile(call, facts, recommendation),
        runs: facts.runs.len(),
        windows: facts.windows,
        behind_pointer: call.name().is_some_and(|name| is_behind_pointer(name, call.abi)),
        sources,
        left_out,
    }
}

/// Numbers of one ABI, sorted.
fn numbers_report(calls: &[(CallId, CallFacts)], judged: &Judged<'_>, most: usize) -> NumbersReport {
    let (mut told, mut outcome, mut stopped) = (BTreeMap::<&Source, Told>::new(), Outcome::default(), 0_u64);
    let mut runs = BTreeSet::new();
    for (call, facts) in calls {
        runs.extend(&facts.runs);
        for (source, of_source) in &facts.sources {
            let one = judged.told(*call, source, of_source);
            outcome.add(&one.outcome);
            stopped = stopped.saturating_add(one.stopped);
            told.entry(source).or_default().add(&one);
        }
    }
    let ((first, _), (last, _)) = (&calls[0], &calls[calls.len() - 1]);
    let (sources, left_out) = sources(told, most, |_| None);
    NumbersReport {
        name: names::range_label(first.abi, first.number, last.number),
        abi: first.abi,
        numbers: calls.len(),
        lowest: first.number,
        highest: last.number,
        count: Count::of(&outcome, stopped),
        profile: NO_NAME,
        runs: runs.len(),
        sources,
        left_out,
    }
}

impl Judged<'_> {
    fn told(&self, call: CallId, source: &Source, outcome: &Outcome) -> Told {
        let stopped = self.recommendation.stopped.get(&(call, source.clone()));
        Told { outcome: outcome.clone(), stopped: stopped.copied().unwrap_or_default() }
    }
}

impl Told {
    fn add(&mut self, other: &Self) {
        self.outcome.add(&other.outcome);
        self.stopped = self.stopped.saturating_add(other.stopped);
    }
}

/// Where calls came from, with the values of their arguments.
fn sources<'a>(
    told: BTreeMap<&'a Source, Told>,
    most: usize,
    values: impl Fn(&'a Source) -> Option<(CallId, &'a SeenValues)>,
) -> (Vec<SourceReport>, Option<LeftOut>) {
    let (mut told, left_out) = bounds::cut(told.into_iter().collect(), most, |(_, told)| told.outcome.total());
    let place = |source: &Source| (source.origin, source.phase);
    told.sort_by(|(one, _), (other, _)| {
        place(one).cmp(&place(other)).then_with(|| natural(&one.program, &other.program))
    });
    let reports = told.into_iter().map(|(source, told)| {
        let count = Count::of(&told.outcome, told.stopped);
        let seen = values(source);
        let all = seen.map(|(call, seen)| values_report(call, seen, count.succeeded > 0)).unwrap_or_default();
        let (values, values_left_out) = bounds::cut(all, bounds::VALUES, |_| 0);
        SourceReport {
            origin: source.origin,
            phase: source.phase,
            program: source.program.to_string(),
            values,
            values_left_out: values_left_out.map_or(0, |left_out| left_out.rows),
            many_values: seen.is_some_and(|(_, seen)| seen.many),
            count,
        }
    });
    (reports.collect(), left_out)
}

/// What the profile does with a call, and if nothing, why.
fn in_profile(call: CallId, facts: &CallFacts, recommendation: &Recommendation) -> &'static str {
    let Some(name) = call.name() else { return NO_NAME };
    let mut allowing = recommendation.profile.rules_of(name).filter(|rule| rule.action == Action::Allow).peekable();
    if allowing.peek().is_some() {
        return if allowing.any(|rule| rule.conditions.is_empty()) { "allowed" } else { "by argument" };
    }
    if call.is_unfiltered() {
        return "needs no rule";
    }
    let only_setup = facts.sources.keys().all(|Source { phase, .. }| *phase == Phase::Setup);
    match recommendation.fates.get(&call) {
        Some(Fate::Refused) => "left out: refused",
        None if only_setup => "left out: set-up",
        _ => "left out",
    }
}

fn rank(verdict: Option<OfDefault>) -> u8 {
    match verdict {
        None => 0,
        Some(OfDefault::Refused(_)) => 1,
        Some(OfDefault::Conditional) => 2,
        Some(OfDefault::Allowed) => 3,
    }
}

impl Count {
    /// `stopped` of the calls that look like a success are none.
    fn of(outcome: &Outcome, stopped: u64) -> Self {
        let mut errnos: Vec<(i32, u64)> = outcome.errnos.iter().map(|(number, count)| (*number, *count)).collect();
        errnos.sort_by_key(|(number, count)| (std::cmp::Reverse(*count), *number));
        let seen = |moment: fn(Seen) -> i64| outcome.seen.map(|seen| time(moment(seen)));
        Self {
            total: outcome.total(),
            succeeded: outcome.succeeded.saturating_sub(stopped),
            stopped,
            refused: outcome.refused(),
            failed: outcome.failed,
            interrupted: outcome.interrupted,
            unfinished: outcome.unfinished,
            errnos: errno_reports(&errnos),
            first: seen(|seen| seen.first_ns),
            last: seen(|seen| seen.last_ns),
        }
    }
}

fn errno_reports(errnos: &[(i32, u64)]) -> Vec<ErrnoReport> {
    let (shown, others) = errnos.split_at(errnos.len().min(bounds::ERRNOS));
    let of_others = || ErrnoReport {
        name: counted(others.len(), "other"),
        count: others.iter().map(|(_, count)| *count).fold(0, u64::saturating_add),
    };
    let shown = shown.iter().map(|(number, count)| ErrnoReport { name: errno(*number), count: *count });
    shown.chain((!others.is_empty()).then(of_others)).collect()
}
