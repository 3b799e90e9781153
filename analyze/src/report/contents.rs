//! The contents of a report: plain values, in the order in which they are shown, most important first.

use std::collections::{BTreeMap, BTreeSet};

use ctrec_recording::{Abi, LossKind, Origin, Phase};
use serde::Serialize;

use super::capabilities::CapabilityReport;
use super::values::{ValuesReport, is_false, values_report};
use super::verdict::Verdict;
use crate::behaviour::{Behaviour, CallFacts, CallId, Filter, Outcome, Seen, SeenValues, Source};
use crate::capabilities::Capabilities;
use crate::compare::{Comparison, Measure};
use crate::finding::Finding;
use crate::known::{Verdict as OfDefault, is_behind_pointer};
use crate::policy::Policy;
use crate::profile::Action;
use crate::recommend::{Fate, RecommendError, Recommendation, recommend};
use crate::text::{errno, time};

/// Version of the JSON form that this build writes.
const VERSION: u32 = 1;

/// What recordings show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Version of the JSON form. Changes when a field changes its meaning or goes.
    pub version: u32,
    /// Runs of which nothing is left, whatever containers they had.
    pub losses: Vec<LossReport>,
    /// One for each container identity.
    pub containers: Vec<ContainerReport>,
}

/// What recordings show of one container identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContainerReport {
    /// Name, or the first of several and how many more.
    pub name: String,
    /// What the findings come to.
    pub verdict: Verdict,
    /// Each container of each run.
    pub containers: Vec<WhoReport>,
    /// Runs.
    pub runs: usize,
    /// Windows in which a container lived.
    pub windows: usize,
    /// How long they were, ns.
    pub recorded_ns: u64,
    /// First moment, RFC 3339.
    pub first: Option<String>,
    /// Last moment, RFC 3339.
    pub last: Option<String>,
    /// Windows since the one that last showed a new call.
    pub windows_since_new: Option<usize>,
    /// The recommended profile in numbers.
    pub profile: Comparison,
    /// What the user must know.
    pub findings: Vec<Finding>,
    /// What is known to be missing.
    pub losses: Vec<LossReport>,
    /// Runs whose format has no values of arguments.
    pub runs_without_values: usize,
    /// The capability list; `None` where the recording has no capability checks.
    pub capabilities: Option<CapabilityReport>,
    /// Calls; those that the engine's default would refuse come first.
    pub calls: Vec<CallReport>,
    /// Who started which program.
    pub starts: Vec<StartReport>,
}

/// One container of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WhoReport {
    /// Run.
    pub run: String,
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Image.
    pub image: Option<String>,
    /// `namespace/pod`.
    pub pod: Option<String>,
    /// Engine.
    pub engine: String,
    /// OCI runtime.
    pub runtime: Option<String>,
    /// `no_new_privs`.
    pub no_new_privs: Option<bool>,
    /// Bounding set.
    pub capabilities: Option<BTreeSet<String>>,
    /// `unknown`, `none`, or `in force`.
    pub filter: &'static str,
    /// Argument vector that the runtime executes.
    pub entrypoint: Option<Vec<String>>,
    /// First time that the recorder saw it, RFC 3339.
    pub started: String,
    /// When its last process ended, RFC 3339.
    pub ended: Option<String>,
    /// It ran before recording began.
    pub already_running: bool,
    /// Host.
    pub host: String,
    /// Kernel.
    pub kernel: String,
}

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
    /// Errnos by name, the most frequent first.
    pub errnos: Vec<ErrnoReport>,
    /// First time, RFC 3339.
    pub first: Option<String>,
    /// Last time, RFC 3339.
    pub last: Option<String>,
}

/// How often with which errno.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrnoReport {
    /// Name.
    pub name: String,
    /// How often.
    pub count: u64,
}

/// Who started a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StartReport {
    /// The program that called execve.
    pub parent: String,
    /// The program that was executed.
    pub program: String,
    /// Origin.
    pub origin: Origin,
    /// Phase after the execve.
    pub phase: Phase,
    /// How often.
    pub count: u64,
}

/// Something missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LossReport {
    /// What kind.
    pub kind: LossKind,
    /// Where.
    pub detail: String,
    /// How many.
    pub count: u64,
}

impl Report {
    /// The report on some behaviours, each judged under the policy.
    pub fn of(behaviours: &[Behaviour], policy: &Policy) -> Result<Self, RecommendError> {
        let containers = behaviours.iter().map(|behaviour| {
            let recommendation = recommend(behaviour, policy)?;
            let capabilities = Capabilities::of(behaviour, policy).ok();
            Ok(ContainerReport::of(behaviour, &recommendation, capabilities.as_ref()))
        });
        let containers = containers.collect::<Result<_, RecommendError>>()?;
        Ok(Self { version: VERSION, losses: Vec::new(), containers })
    }

    /// The same, with the ids of runs that were cut off before their first window was written.
    #[must_use]
    pub fn with_lost_runs(mut self, runs: &[String]) -> Self {
        let losses = runs.iter().map(|run| LossReport {
            kind: LossKind::CutOff,
            detail: format!("run {run}: before its first window was written, so nothing of it is left"),
            count: 1,
        });
        self.losses = losses.collect();
        self
    }
}

impl ContainerReport {
    /// The report on one behaviour and what is recommended for it.
    pub fn of(behaviour: &Behaviour, recommendation: &Recommendation, capabilities: Option<&Capabilities>) -> Self {
        let recorded = behaviour.recorded();
        let judged = Judged { recommendation, measure: Measure::of(behaviour), values: behaviour.values() };
        let mut calls: Vec<CallReport> =
            behaviour.calls().iter().map(|(call, facts)| call_report(*call, facts, &judged)).collect();
        calls.sort_by(|a, b| (rank(a), &a.name, a.abi, a.number).cmp(&(rank(b), &b.name, b.abi, b.number)));
        let losses = behaviour.losses().into_iter();
        let starts = behaviour.starts().into_iter();
        let list = capabilities.map(|list| CapabilityReport::of(list).beside_profile());
        Self {
            name: name_of(behaviour),
            verdict: Verdict::of(recommendation.findings.iter().chain(list.iter().flat_map(|list| &list.findings))),
            containers: who(behaviour),
            runs: recorded.runs,
            windows: recorded.windows,
            recorded_ns: recorded.duration_ns,
            first: recorded.span.map(|(first, _)| time(first)),
            last: recorded.span.map(|(_, last)| time(last)),
            windows_since_new: recorded.windows_since_new,
            profile: judged.measure.compare(&recommendation.profile),
            findings: recommendation.findings.clone(),
            losses: losses
                .map(|((kind, detail), count)| LossReport { kind, detail: detail.to_owned(), count })
                .collect(),
            runs_without_values: behaviour.runs_without_values(),
            capabilities: list,
            calls,
            starts: starts
                .map(|(key, count)| StartReport {
                    parent: key.parent.to_string(),
                    program: key.source.program.to_string(),
                    origin: key.source.origin,
                    phase: key.source.phase,
                    count,
                })
                .collect(),
        }
    }
}

/// What to call several containers that are judged as one.
pub(super) fn name_of(behaviour: &Behaviour) -> String {
    let names: BTreeSet<&str> = behaviour.containers().values().map(|facts| facts.name.as_str()).collect();
    let mut names = names.into_iter();
    match (names.next(), names.count()) {
        (None, _) => String::new(),
        (Some(name), 0) => name.to_owned(),
        (Some(name), more) => format!("{name} and {more} more"),
    }
}

fn who(behaviour: &Behaviour) -> Vec<WhoReport> {
    let containers = behaviour.containers().iter();
    let one = containers.map(|(instance, facts)| {
        let run = behaviour.runs().get(&instance.run);
        WhoReport {
            run: instance.run.to_string(),
            id: facts.id.clone(),
            name: facts.name.clone(),
            image: facts.image.clone(),
            pod: facts.pod.clone(),
            engine: facts.engine.clone(),
            runtime: facts.runtime.clone(),
            no_new_privs: facts.no_new_privs,
            capabilities: facts.capabilities.clone(),
            filter: match facts.filter {
                Filter::Unknown => "unknown",
                Filter::None => "none",
                Filter::Some(_) => "in force",
            },
            entrypoint: facts.entrypoint.clone(),
            started: time(facts.started_ns),
            ended: facts.ended_ns.map(time),
            already_running: facts.already_running,
            host: run.map(|run| run.host.clone()).unwrap_or_default(),
            kernel: run.map(|run| run.kernel.clone()).unwrap_or_default(),
        }
    });
    one.collect()
}

/// What is told of calls besides how often they were made.
struct Judged<'a> {
    recommendation: &'a Recommendation,
    measure: Measure,
    values: BTreeMap<(CallId, &'a Source), SeenValues>,
}

fn call_report(call: CallId, facts: &CallFacts, judged: &Judged<'_>) -> CallReport {
    let Judged { recommendation, measure, values } = judged;
    let stopped = |source: &Source| recommendation.stopped.get(&(call, source.clone())).copied().unwrap_or_default();
    let all_stopped = facts.sources.keys().map(stopped).fold(0, u64::saturating_add);
    let sources = facts.sources.iter().map(|(source, outcome)| {
        let count = Count::of(outcome, stopped(source));
        let seen = values.get(&(call, source));
        SourceReport {
            origin: source.origin,
            phase: source.phase,
            program: source.program.to_string(),
            values: seen.map(|seen| values_report(call, seen, count.succeeded > 0)).unwrap_or_default(),
            many_values: seen.is_some_and(|seen| seen.many),
            count,
        }
    });
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
        sources: sources.collect(),
    }
}

/// What the profile does with a call, and if nothing, why.
fn in_profile(call: CallId, facts: &CallFacts, recommendation: &Recommendation) -> &'static str {
    let Some(name) = call.name() else { return "left out: no name" };
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

/// What the default refuses is what a reader wants to see first.
fn rank(call: &CallReport) -> u8 {
    match call.engine_default {
        None => 0,
        Some("refused") => 1,
        Some("by argument") => 2,
        Some(_) => 3,
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
            errnos: errnos.into_iter().map(|(number, count)| ErrnoReport { name: errno(number), count }).collect(),
            first: seen(|seen| seen.first_ns),
            last: seen(|seen| seen.last_ns),
        }
    }
}
