//! The capability list, for a terminal and for programs, and what `ctrec caps` says beside it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::contents::{LossReport, name_of};
use super::look::Look;
use super::render::{RenderError, render};
use super::summary::{Brief, brief};
use crate::behaviour::Behaviour;
use crate::bounds::{self, LeftOut};
use crate::capabilities::{Apart, Capabilities, Class, Hook, Need, Reason};
use crate::finding::{Finding, Kind};
use crate::order::natural;
use crate::text::json;

/// Version of the JSON form that this build writes.
const VERSION: u32 = 1;

/// The JSON form.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    name: String,
    drop: [&'static str; 1],
    add: Vec<&'a str>,
    needs: &'a [NeedReport],
    apart: Vec<&'a Apart>,
    /// Of each class of which there was too much.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    apart_left_out: BTreeMap<Class, LeftOut>,
    hook: &'a Hook,
    findings: &'a [Finding],
}

/// The list as a report holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CapabilityReport {
    /// Options of `docker run`.
    pub flags: String,
    /// What is needed.
    pub needs: Vec<NeedReport>,
    /// What was asked for and is not needed, by class.
    pub apart: Vec<ClassReport>,
    /// What counted the checks.
    pub hook: Hook,
    /// What the user must know.
    pub findings: Vec<Finding>,
}

/// One capability that is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NeedReport {
    /// `CAP_*`.
    pub capability: String,
    /// What for.
    pub reasons: Vec<Reason>,
    /// What else for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
}

/// What was asked for and is not needed, of one class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassReport {
    /// The class.
    pub class: Class,
    /// The class in words.
    pub title: &'static str,
    /// What was asked for.
    pub checks: Vec<Apart>,
    /// What else was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
}

/// What `ctrec caps` says in words.
#[derive(Serialize)]
struct Screen<'a> {
    name: String,
    capabilities: &'a CapabilityReport,
    briefs: Vec<Brief<'a>>,
    losses: Vec<LossReport>,
}

impl CapabilityReport {
    /// The list as a report holds it.
    pub fn of(capabilities: &Capabilities) -> Self {
        let by_class = capabilities.apart.chunk_by(|a, b| a.class == b.class);
        let of_class = |checks: &[Apart]| {
            let class = checks.first().expect("chunks are not empty").class;
            let (mut checks, left_out) = bounds::cut(checks.to_vec(), bounds::CHECKS, |check| check.count);
            checks.sort_by(|one, other| {
                let kind = |check: &Apart| (check.capability.clone(), check.granted);
                kind(one).cmp(&kind(other)).then_with(|| natural(&one.program, &other.program))
            });
            ClassReport { class, title: title(class), checks, left_out }
        };
        let of_capability = |need: &Need| {
            let (mut reasons, left_out) = bounds::cut(need.reasons.clone(), bounds::CHECKS, |reason| reason.count);
            let in_order = |one: &Reason, other: &Reason| natural(&one.program, &other.program);
            reasons.sort_by(|one, other| one.kind.cmp(&other.kind).then_with(|| in_order(one, other)));
            NeedReport { capability: need.capability.clone(), reasons, left_out }
        };
        Self {
            flags: capabilities.flags(),
            needs: capabilities.needs.iter().map(of_capability).collect(),
            apart: by_class.map(of_class).collect(),
            hook: capabilities.hook.clone(),
            findings: capabilities.findings.clone(),
        }
    }

    /// The same, without what the findings about the profile say of the recording as a whole.
    pub(crate) fn beside_profile(mut self) -> Self {
        let of_profile = |kind| {
            use Kind::{AlreadyRunning, CutOff, FilterUnknown, Loss, Refused, RefusedOrFailed};
            use Kind::{RunMissing, RunsRemoved, StartGone};
            matches!(kind, Loss | CutOff | AlreadyRunning | Refused | RefusedOrFailed | FilterUnknown)
                || matches!(kind, RunMissing | RunsRemoved | StartGone)
        };
        self.findings.retain(|finding| !of_profile(finding.kind));
        self
    }
}

/// The list as JSON.
pub fn capabilities_json(behaviour: &Behaviour, capabilities: &Capabilities) -> Result<String, RenderError> {
    let report = CapabilityReport::of(capabilities);
    let left_out = report.apart.iter().filter_map(|of| Some((of.class, of.left_out?)));
    let document = Document {
        version: VERSION,
        name: name_of(behaviour),
        drop: ["ALL"],
        add: capabilities.names(),
        needs: &report.needs,
        apart: report.apart.iter().flat_map(|of| &of.checks).collect(),
        apart_left_out: left_out.collect(),
        hook: &capabilities.hook,
        findings: &capabilities.findings,
    };
    Ok(json(&document)?)
}

/// The list with its reasons, and everything that was asked besides, for a terminal.
pub fn capabilities_text(
    behaviour: &Behaviour,
    capabilities: &Capabilities,
    look: Look,
) -> Result<String, RenderError> {
    screen("caps.txt", behaviour, capabilities, look)
}

/// One screen about the list.
pub fn capabilities_summary(
    behaviour: &Behaviour,
    capabilities: &Capabilities,
    look: Look,
) -> Result<String, RenderError> {
    screen("caps-summary.txt", behaviour, capabilities, look)
}

fn screen(
    template: &'static str,
    behaviour: &Behaviour,
    capabilities: &Capabilities,
    look: Look,
) -> Result<String, RenderError> {
    let losses = behaviour.losses().into_iter();
    let report = CapabilityReport::of(capabilities);
    let screen = Screen {
        name: name_of(behaviour),
        briefs: report.findings.iter().map(brief).collect(),
        capabilities: &report,
        losses: losses.map(|((kind, detail), count)| LossReport { kind, detail: detail.to_owned(), count }).collect(),
    };
    render(template, &screen, look)
}

fn title(class: Class) -> &'static str {
    match class {
        Class::Need => "needed",
        Class::Refused => "wanted, and refused",
        Class::Elsewhere => "perhaps wanted, and refused",
        Class::Fallback => "another one was taken in its place",
        Class::Harmless => "the call succeeds without",
        Class::Needless => "the arguments of the call need it not",
        Class::FailedAnyway => "granted, and the call failed all the same",
        Class::Probe => "mere probes of the kernel",
        Class::Overridden => "asked with others' credentials",
        Class::OwnNamespace => "in user namespaces of the workload's own",
        Class::Unreachable => "no added capability changes it",
        Class::Runtime => "the container runtime's own",
    }
}
