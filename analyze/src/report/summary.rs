//! What `ctrec recommend` says beside the profile: one screen.

use serde::Serialize;

use super::contents::{LossReport, name_of};
use super::look::Look;
use super::render::{RenderError, render};
use super::verdict::Verdict;
use crate::behaviour::Behaviour;
use crate::compare::{Comparison, Measure};
use crate::finding::{Finding, Severity};
use crate::policy::{Dialect, Policy};
use crate::recommend::{LEARNED, Recommendation, Start, is_of_plain_runtimes};
use crate::text::{time, visible};

/// The profile's name in the line that applies it; the caller's shell knows the real one.
const FILE: &str = "seccomp.json";
/// Most pieces of evidence of a finding that one screen shows; the report has all.
const MOST_EVIDENCE: usize = 4;

#[derive(Serialize)]
struct Summary<'a> {
    name: String,
    verdict: Verdict,
    profile: Comparison,
    start: &'a Start,
    runs: usize,
    windows: usize,
    recorded_ns: u64,
    first: Option<String>,
    last: Option<String>,
    windows_since_new: Option<usize>,
    findings: Vec<Brief<'a>>,
    losses: Vec<LossReport>,
    /// The profile is no use as it is: its engine takes another dialect.
    oci_instead: bool,
    apply: String,
}

/// A finding with as much evidence as one screen shows.
#[derive(Serialize)]
pub(super) struct Brief<'a> {
    severity: Severity,
    text: &'a str,
    advice: &'a str,
    shown: &'a [String],
    more: usize,
    /// The report has all of them.
    all: bool,
}

/// One screen about a recommendation: calls against the engine's default, how long and how often recorded, findings,
/// losses, and the line that applies the profile.
pub fn summary(
    behaviour: &Behaviour,
    recommendation: &Recommendation,
    policy: &Policy,
    look: Look,
) -> Result<String, RenderError> {
    let recorded = behaviour.recorded();
    let losses = behaviour.losses().into_iter();
    let oci_instead = policy.dialect == Dialect::Docker && is_of_plain_runtimes(behaviour);
    let summary = Summary {
        name: name_of(behaviour),
        verdict: Verdict::of(recommendation.findings.iter()),
        profile: Measure::of(behaviour).compare(&recommendation.profile),
        start: &recommendation.start,
        runs: recorded.runs,
        windows: recorded.windows,
        recorded_ns: recorded.duration_ns,
        first: recorded.span.map(|(first, _)| time(first)),
        last: recorded.span.map(|(_, last)| time(last)),
        windows_since_new: recorded.windows_since_new,
        findings: recommendation.findings.iter().map(brief).collect(),
        losses: losses.map(|((kind, detail), count)| LossReport { kind, detail: detail.to_owned(), count }).collect(),
        oci_instead,
        apply: apply(behaviour, if oci_instead { Dialect::Oci } else { policy.dialect }),
    };
    render("summary.txt", &summary, look)
}

pub(super) fn brief(finding: &Finding) -> Brief<'_> {
    let shown = &finding.evidence[..finding.evidence.len().min(MOST_EVIDENCE)];
    Brief {
        severity: finding.severity,
        text: &finding.text,
        advice: &finding.advice,
        shown,
        more: finding.evidence.len() - shown.len() + finding.left_out,
        all: finding.left_out == 0,
    }
}

/// What `ctrec recommend --learn` says beside the profile: what it is for, and the line that applies it.
pub fn learning(dialect: Dialect) -> String {
    let line = match dialect {
        Dialect::Docker => engine_line("docker", LEARNED, "IMAGE"),
        Dialect::Oci => oci_line(LEARNED),
    };
    format!(
        "A filter that refuses nothing: it is in force, so that set-up ends exactly there, and hides no call.\n\
         It protects nothing either: record under it, where that may be. Start the recording, then:\n  {line}\n"
    )
}

/// The line that applies the profile. It is meant to be pasted, so an image that is no plain word is not in it.
fn apply(behaviour: &Behaviour, dialect: Dialect) -> String {
    match dialect {
        Dialect::Docker => {
            let image = behaviour.containers().values().find_map(|facts| facts.image.as_deref());
            let image = visible(image.filter(|image| is_plain(image)).unwrap_or("IMAGE"));
            let all_of = |engine: &str| behaviour.containers().values().all(|facts| facts.engine == engine);
            if all_of("command") {
                format!("ctrec run --profile {FILE} -- COMMAND")
            } else {
                engine_line(if all_of("podman") { "podman" } else { "docker" }, FILE, &image)
            }
        }
        Dialect::Oci => oci_line(FILE),
    }
}

fn engine_line(engine: &str, file: &str, image: &str) -> String {
    format!("{engine} run --security-opt seccomp={file} {image}")
}

fn oci_line(file: &str) -> String {
    format!("jq '.linux.seccomp = input' config.json {file} > config.new && mv config.new config.json")
}

fn is_plain(image: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
    !image.is_empty() && !image.starts_with('-') && image.bytes().all(plain)
}
