//! What the user must know about a recommendation.

use std::collections::{BTreeMap, BTreeSet};

use ctrec_recording::{LossKind, Phase};

use super::fate::{Fate, Filters};
use super::refusals::{lines, refusals};
use super::{Allowed, Wanted, absent, capabilities, clone, start, values};
use crate::behaviour::{Behaviour, CallId, Twice, Unseen};
use crate::finding::{Finding, Kind, Severity};
use crate::names;
use crate::order::sorted;
use crate::policy::Policy;
use crate::select::short_id;
use crate::text::{counted, visible};

/// Fewer windows than this say nothing about whether a recording was long enough.
const FEWEST_WINDOWS: usize = 5;
/// How a container is recorded whole, with its start and what its engine knows of it.
pub(super) const START_FIRST: &str = "Start the recording first, then the container.";

/// What findings are made from.
pub(super) struct Evidence<'a> {
    pub(super) behaviour: &'a Behaviour,
    pub(super) policy: &'a Policy,
    pub(super) filters: &'a Filters,
    pub(super) calls: &'a BTreeMap<CallId, Wanted>,
    pub(super) flags: &'a clone::Flags,
    pub(super) allowed: &'a Allowed,
}

/// All findings, gravest first.
pub(super) fn all(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut findings = losses(evidence.behaviour);
    findings.extend(recording(evidence));
    findings.extend(refusals(evidence));
    findings.extend(calls(evidence));
    findings.extend(values::findings(evidence));
    findings.extend(names_and_baselines(evidence));
    findings.extend(capabilities::findings(evidence.behaviour, evidence.policy, evidence.allowed));
    findings.sort();
    findings
}

pub(super) fn finding(
    severity: Severity,
    kind: Kind,
    text: impl Into<String>,
    advice: &str,
    evidence: Vec<String>,
) -> Finding {
    Finding::new(severity, kind, text.into(), advice.to_owned(), evidence)
}

/// What is known to be missing.
pub(crate) fn losses(behaviour: &Behaviour) -> Vec<Finding> {
    let mut kinds: BTreeMap<LossKind, (u64, Vec<String>)> = BTreeMap::new();
    for ((kind, detail), count) in behaviour.losses() {
        let (sum, details) = kinds.entry(kind).or_default();
        *sum = sum.saturating_add(count);
        if !detail.is_empty() {
            details.push(format!("{detail}: {count}"));
        }
    }
    kinds.into_iter().map(|(kind, (count, details))| loss(kind, count, details)).collect()
}

fn loss(kind: LossKind, count: u64, details: Vec<String>) -> Finding {
    use Severity::{Incomplete, Note};
    let (severity, what, advice) = match kind {
        LossKind::SlotsFull => (
            Incomplete,
            "incomplete: no slot was free for some programs, and their calls were not counted",
            "Record fewer containers at once (--container), and record again.",
        ),
        LossKind::MapFull => (
            Incomplete,
            "incomplete: a kernel map was full, and something was not kept",
            "Record fewer containers at once (--container), and record again.",
        ),
        LossKind::RingFull => (
            Incomplete,
            "incomplete: the ring buffer was full, so some executions are missing; calls are counted elsewhere and are whole",
            "Programs or who started them may be missing; record again on a quieter host if that matters.",
        ),
        LossKind::RecursionMiss => (
            Incomplete,
            "incomplete: the kernel did not run the recorder for some events, as it was running there already",
            "Record again and compare; what only one of the runs has was missed by the other.",
        ),
        LossKind::MovedOut => (
            Incomplete,
            "incomplete: processes left their container's cgroup, and what they did then was not recorded",
            "Give the container a cgroup namespace of its own, and no cgroup file system of the host; record again.",
        ),
        LossKind::ReadFault => (
            Incomplete,
            "incomplete: kernel memory could not be read for some events, so paths or arguments are missing",
            "Record again; if it persists, try another kernel.",
        ),
        LossKind::AttachGap => (
            Incomplete,
            "incomplete: something was recorded later than it started, so its first calls are missing",
            START_FIRST,
        ),
        LossKind::LeftRunning => (
            Incomplete,
            "incomplete: the command ended before processes that it had started, and what those did then was not recorded",
            "Keep the command in the foreground (nginx -g 'daemon off;', redis-server --daemonize no), and record again.",
        ),
        LossKind::Unresolved => (
            Incomplete,
            "incomplete: containers could not be matched with an engine's record, so their name, runtime and filter are not known",
            "Record a container of an engine that ctrec knows, or choose it by its id.",
        ),
        LossKind::Undecided => (
            Note,
            "containers were recorded although nobody could say whether --container means them, since their engine did not answer",
            "Choose by name, or have the engine answer (podman's service for its labels: systemctl start podman.socket).",
        ),
        LossKind::CutOff => (
            Incomplete,
            "incomplete: a run ended without its last window, killed or by a power cut",
            "What came before is whole; record again for the rest.",
        ),
        LossKind::WriteDelayed => (
            Note,
            "a window could not be written when it was due; its counts are in a later one",
            "Nothing is missing; make room on the disk before the next run.",
        ),
    };
    let category = if kind == LossKind::CutOff { Kind::CutOff } else { Kind::Loss };
    finding(severity, category, format!("{what} ({count})"), advice, details)
}

fn recording(evidence: &Evidence<'_>) -> Vec<Finding> {
    let behaviour = evidence.behaviour;
    let recorded = behaviour.recorded();
    let mut findings = Vec::new();
    let of_workload = |wanted: &Wanted| wanted.sources.keys().any(|source| source.phase == Phase::Workload);
    if !evidence.calls.values().any(of_workload) {
        let text = "no call of the workload was seen, so the profile holds only what any container needs";
        findings.push(finding(Severity::Incomplete, Kind::NothingSeen, text, nothing_seen(behaviour), Vec::new()));
    }
    let running = absent::starts_unseen(behaviour, Unseen::RanBefore);
    let starts = behaviour.individuals() - behaviour.starts_unseen().len();
    if !running.is_empty() {
        let of = behaviour.individuals();
        let text = format!(
            "incomplete: {} of {} ran before recording began; how they start was not seen",
            running.len(),
            counted(of, "container")
        );
        findings.push(finding(Severity::Incomplete, Kind::AlreadyRunning, text, START_FIRST, running));
    }
    findings.extend(absent::starts_gone(behaviour, "how containers start"));
    findings.extend(absent::absent(behaviour));
    let too_short = recorded.windows < FEWEST_WINDOWS;
    if too_short {
        let text = format!(
            "{} in {}: too little to say whether more would come",
            counted(recorded.windows, "window"),
            counted(recorded.runs, "run")
        );
        let advice = "Record for longer, over everything that the workload does: reload, backup, shutdown.";
        findings.push(finding(Severity::Incomplete, Kind::TooShort, text, advice, Vec::new()));
    }
    if starts == 1 && !too_short {
        let text = "one start-up only was recorded, and another may go another way";
        let advice = "Record more starts into the same store; they are folded.";
        findings.push(finding(Severity::Note, Kind::OneRun, text, advice, Vec::new()));
    }
    let open = behaviour.runs().iter().filter(|(_, run)| run.ended_ns.is_none() && !run.cut_off);
    let open: Vec<String> = open.map(|(id, _)| id.to_string()).collect();
    if !open.is_empty() {
        let text = "a run is still being recorded; what it has so far is in here";
        findings.push(finding(Severity::Note, Kind::StillRecording, text, "Ask again when it has ended.", open));
    }
    findings.extend(recorded_twice(behaviour));
    findings.extend(blind_hooks(behaviour));
    findings
}

/// What to do where nothing was seen of the workload.
pub(crate) fn nothing_seen(behaviour: &Behaviour) -> &'static str {
    if behaviour.starts_unseen().is_empty() {
        "Its start was seen: look at the engine's message, whether the runtime could start its program at all."
    } else {
        START_FIRST
    }
}

fn recorded_twice(behaviour: &Behaviour) -> Option<Finding> {
    let line = |twice: &Twice<'_>| {
        let runs: Vec<&str> = twice.runs.iter().copied().collect();
        format!("{} {}: runs {}", visible(&twice.facts.name), visible(short_id(&twice.facts.id)), runs.join(", "))
    };
    let lines: Vec<String> = behaviour.recorded_twice().iter().map(line).collect();
    let text = "recorded by several recordings at once, so calls and windows of that time are counted once by each";
    let advice = "The profile has the same calls; for exact counts, name only a store of one of the runs.";
    let made = |lines| finding(Severity::Note, Kind::RecordedTwice, text, advice, lines);
    (!lines.is_empty()).then(|| made(lines))
}

/// What a hook cannot see by its nature is no loss: a loss is what it should have seen and did not.
fn blind_hooks(behaviour: &Behaviour) -> Option<Finding> {
    let hooks = behaviour.runs().values().flat_map(|run| &run.blind_to);
    let blind: BTreeSet<String> = hooks.map(|(hook, to)| format!("{hook}: {}", to.join(", "))).collect();
    let text = "there is something that the recorder's hooks cannot see on this kernel";
    let advice = "Where it matters, record on Linux 6.10 or newer.";
    let made = || finding(Severity::Note, Kind::BlindHook, text, advice, blind.iter().cloned().collect());
    (!blind.is_empty()).then(made)
}

fn calls(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let kept = || evidence.calls.iter().filter(|(_, wanted)| wanted.fate != Fate::Refused);
    let unknown: Vec<_> = evidence.calls.iter().filter(|(call, _)| call.name().is_none()).collect();
    if !unknown.is_empty() {
        let text = "no table has a name for some call numbers, so no rule can allow them";
        let advice = "A program that probes for calls needs nothing. If the kernel has them, a newer ctrec may name them, for engines with a libseccomp that does too.";
        findings.push(finding(Severity::Note, Kind::UnknownNumber, text, advice, lines(unknown)));
    }
    let programs = |name: &str| -> Vec<String> {
        let sources =
            kept().filter(|(call, _)| call.name() == Some(name)).flat_map(|(_, wanted)| wanted.sources.keys());
        let programs: BTreeSet<&str> = sources.map(|source| &*source.program).collect();
        sorted(programs.into_iter().map(str::to_owned))
    };
    if evidence.allowed.keys().any(|name| name.starts_with("io_uring_")) {
        let text = "io_uring is allowed: what is done through its ring makes no call, so this recording cannot show it, and no profile can refuse it";
        let advice = "Newer engines refuse io_uring by default. If the workload runs without it (most fall back to epoll), record once more with io_uring refused.";
        findings.push(finding(Severity::Risk, Kind::IoUring, text, advice, programs("io_uring_setup")));
    }
    if evidence.flags.used != 0 {
        let text = format!(
            "clone made new namespaces ({}), so its flags are not restricted",
            clone::names(evidence.flags.used).join(", ")
        );
        let advice =
            "Engines' defaults refuse this. If the workload has a switch for its own sandbox, record with it off.";
        let who = sorted(evidence.flags.programs.iter().cloned());
        findings.push(finding(Severity::Risk, Kind::NamespaceFlags, text, advice, who));
    }
    if evidence.allowed.contains_key("clone3") {
        let text = "clone3 is allowed, and no filter can see its flags: it may make new namespaces";
        let advice = "Record under the engine's default filter, into a store of its own: it answers ENOSYS, and programs fall back to clone. What else it refuses, and the workload needs, --include adds.";
        findings.push(finding(Severity::Risk, Kind::Clone3, text, advice, programs("clone3")));
    }
    findings
}

fn names_and_baselines(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let new = evidence.allowed.keys().filter(|name| names::newer_than_libseccomp_2_5_4(name));
    let new: Vec<String> = new.map(|name| (*name).to_owned()).collect();
    if !new.is_empty() {
        let text =
            "libseccomp 2.5.4 and older cannot name some allowed calls, and engines with it refuse them without a word";
        let advice = "Have libseccomp 2.6 where the profile is used; ctrec verify tells what a profile refuses here.";
        findings.push(finding(Severity::Note, Kind::NewName, text, advice, new));
    }
    for ((runtimes, verbs), who) in start::guesses(evidence.behaviour, evidence.policy) {
        let text = format!(
            "the runtime or its settings are not known, so the calls of {runtimes} are allowed {}",
            verbs.join(" and ")
        );
        let who = who.into_iter().map(str::to_owned).collect();
        findings.push(finding(Severity::Note, Kind::BaselineUnion, text, START_FIRST, who));
    }
    findings
}
