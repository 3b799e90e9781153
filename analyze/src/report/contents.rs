//! The contents of a report: plain values, in the order in which they are shown, most important first.

use std::collections::BTreeSet;

use ctrec_recording::{LossKind, Origin, Phase};
use serde::Serialize;

use super::calls::{CallReport, Calls, Judged, NumbersReport};
use super::capabilities::CapabilityReport;
use super::values::is_none;
use super::verdict::Verdict;
use crate::behaviour::{Behaviour, Filter};
use crate::bounds::{self, LeftOut};
use crate::capabilities::Capabilities;
use crate::compare::{Comparison, Measure};
use crate::finding::Finding;
use crate::order::natural;
use crate::policy::Policy;
use crate::recommend::{RecommendError, Recommendation, recommend};
use crate::text::time;

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
    /// How many others there were.
    #[serde(skip_serializing_if = "is_none")]
    pub containers_left_out: usize,
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
    /// Calls; those that the engine's default would refuse come first. Numbers without a name in order, the first of them.
    pub calls: Vec<CallReport>,
    /// The other numbers without a name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more_numbers: Vec<NumbersReport>,
    /// Who started which program.
    pub starts: Vec<StartReport>,
    /// Who else started which program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_left_out: Option<LeftOut>,
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
        let Calls { calls, more_numbers } = Calls::of(behaviour, &judged);
        let losses = behaviour.losses().into_iter();
        let (starts, starts_left_out) = starts(behaviour);
        let list = capabilities.map(|list| CapabilityReport::of(list).beside_profile());
        Self {
            name: name_of(behaviour),
            verdict: Verdict::of(recommendation.findings.iter().chain(list.iter().flat_map(|list| &list.findings))),
            containers_left_out: behaviour.containers().len().saturating_sub(bounds::CONTAINERS),
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
            more_numbers,
            starts,
            starts_left_out,
        }
    }
}

fn starts(behaviour: &Behaviour) -> (Vec<StartReport>, Option<LeftOut>) {
    let all = behaviour.starts().into_iter().map(|(key, count)| StartReport {
        parent: key.parent.to_string(),
        program: key.source.program.to_string(),
        origin: key.source.origin,
        phase: key.source.phase,
        count,
    });
    let (mut starts, left_out) = bounds::cut(all.collect(), bounds::STARTS, |start: &StartReport| start.count);
    let place = |start: &StartReport| (start.origin, start.phase);
    starts.sort_by(|one, other| {
        let by_parent = natural(&one.parent, &other.parent).then(place(one).cmp(&place(other)));
        by_parent.then_with(|| natural(&one.program, &other.program))
    });
    (starts, left_out)
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
    let containers = behaviour.containers().iter().take(bounds::CONTAINERS);
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
