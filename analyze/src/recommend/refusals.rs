//! What the filter in force turned away, as findings: a recording that it cut short does not show what would have come
//! after.
//!
//! Lives here: their words. Does not: which calls were turned away (see `fate`).

use std::collections::{BTreeMap, BTreeSet};

use super::fate::{Fate, Filters};
use super::findings::{Evidence, START_FIRST, finding};
use super::{Wanted, clone, learn};
use crate::behaviour::CallId;
use crate::bounds;
use crate::finding::{Finding, Kind, Severity};
use crate::names;
use crate::order::sorted;
use crate::text::{counted, errno, visible};

const ENOSYS: i32 = 38;

/// A call, and what was seen of it.
type Seen<'a> = (&'a CallId, &'a Wanted);

/// Calls that the filter in force turned away, or may have. Those without a name cannot be brought into a profile, and
/// have a finding of their own.
pub(super) struct Hidden<'a> {
    /// Every time.
    pub(super) always: Vec<Seen<'a>>,
    /// Every time, with ENOSYS: programs fall back.
    pub(super) absent: Vec<Seen<'a>>,
    /// For some arguments.
    pub(super) sometimes: Vec<Seen<'a>>,
    /// Or failed in the kernel, some time at least.
    pub(super) perhaps: Vec<Seen<'a>>,
}

impl<'a> Hidden<'a> {
    pub(super) fn of(calls: &'a BTreeMap<CallId, Wanted>) -> Self {
        let named = |fate| calls.iter().filter(move |(call, wanted)| wanted.fate == fate && call.name().is_some());
        let (absent, always) =
            named(Fate::Refused).partition(|(_, wanted)| wanted.outcome().errnos.keys().eq([&ENOSYS]));
        let hindered = || named(Fate::Made).filter(|(_, wanted)| !wanted.unhindered);
        let (sometimes, made): (Vec<_>, Vec<_>) = hindered().partition(|(_, wanted)| wanted.refused > 0);
        // What clone was refused for, its flags say.
        let made = made.into_iter().filter(|(call, wanted)| wanted.perhaps > 0 && call.name() != Some(clone::NAME));
        Self { always, absent, sometimes, perhaps: named(Fate::RefusedOrFailed).chain(made).collect() }
    }
}

pub(super) fn refusals(evidence: &Evidence<'_>) -> Vec<Finding> {
    let way_out = learn::way_out(evidence.behaviour);
    let hidden = Hidden::of(evidence.calls);
    let findings = [
        always(evidence, &hidden.always, &way_out),
        reported_absent(evidence, &hidden.absent, &way_out),
        sometimes(hidden.sometimes, &way_out),
        perhaps(hidden.perhaps, &way_out),
        by_another_filter(evidence),
        namespace_flags(evidence),
        unknown_filter(evidence),
    ];
    findings.into_iter().flatten().collect()
}

fn always(evidence: &Evidence<'_>, calls: &[Seen<'_>], way_out: &str) -> Option<Finding> {
    let text = format!(
        "{} refused by the filter that the container ran under{}; what would have come after is not known",
        were(calls.len()),
        match left_out(evidence, calls) {
            0 => ", and not left out, for another reason".to_owned(),
            all if all == calls.len() => ", and left out".to_owned(),
            some => format!(", and {some} left out"),
        }
    );
    let advice = format!("To know it, {way_out}. --include NAME allows a call without knowing.");
    let lines = lines_with_reason(evidence, calls);
    (!calls.is_empty()).then(|| finding(Severity::Incomplete, Kind::Refused, text, &advice, lines))
}

fn reported_absent(evidence: &Evidence<'_>, calls: &[Seen<'_>], way_out: &str) -> Option<Finding> {
    let by_profile = if left_out(evidence, calls) == calls.len() { ", as by the profile" } else { "" };
    let text = format!(
        "{} reported absent (ENOSYS) by the filter in force{by_profile}; programs fall back to older calls",
        were(calls.len())
    );
    let advice = format!("Nothing to do. To see the workload with them, {way_out}.");
    let lines = lines_with_reason(evidence, calls);
    (!calls.is_empty()).then(|| finding(Severity::Note, Kind::Refused, text, &advice, lines))
}

fn sometimes(calls: Vec<Seen<'_>>, way_out: &str) -> Option<Finding> {
    let text = format!(
        "{} refused by the filter that the container ran under for some arguments, and kept; what would have come \
         after is not known",
        were(calls.len())
    );
    let advice = format!("To know it, {way_out}.");
    (!calls.is_empty()).then(|| finding(Severity::Incomplete, Kind::Refused, text, &advice, lines(calls)))
}

fn perhaps(calls: Vec<Seen<'_>>, way_out: &str) -> Option<Finding> {
    let text = format!(
        "{} refused by the filter in force or failed in the kernel, by its arguments; kept in the profile",
        were(calls.len())
    );
    let advice = format!("To know which, record with --refused exact; or {way_out}.");
    (!calls.is_empty()).then(|| finding(Severity::Note, Kind::RefusedOrFailed, text, &advice, lines(calls)))
}

/// They stay: what a listener or a tracer answers for a program's own filter, the kernel no longer asks it once another
/// filter says an errno.
fn by_another_filter(evidence: &Evidence<'_>) -> Option<Finding> {
    let calls: Vec<_> = evidence.calls.iter().filter(|(_, wanted)| wanted.answered > 0).collect();
    let text = format!(
        "{} answered by another filter than the container's own, such as one that a program loads for itself; kept in \
         the profile",
        were(calls.len())
    );
    let advice = "Nothing to do: the profile leaves the answer to that filter.";
    (!calls.is_empty()).then(|| finding(Severity::Note, Kind::AnotherFilter, text, advice, lines(calls)))
}

fn namespace_flags(evidence: &Evidence<'_>) -> Option<Finding> {
    let text = "the filter in force refused clone with namespace flags; the profile refuses them too";
    let advice = "Nothing to do, unless a part of the workload did not work while it was recorded.";
    let flags = clone::names(evidence.flags.refused).into_iter().map(str::to_owned).collect();
    (evidence.flags.refused != 0).then(|| finding(Severity::Note, Kind::NamespaceFlags, text, advice, flags))
}

fn unknown_filter(evidence: &Evidence<'_>) -> Option<Finding> {
    let text = "the filter that the container ran under is not known, so calls that it refused cannot be told from failed ones, and stay in the profile";
    let advice = format!("{START_FIRST} Recorded with --refused exact, it needs not be known.");
    let who = who_is_unknown(evidence.filters);
    (!who.is_empty()).then(|| finding(Severity::Note, Kind::FilterUnknown, text, &advice, who))
}

/// Containers whose filter is not known, and why not.
pub(super) fn who_is_unknown(filters: &Filters) -> Vec<String> {
    filters.unknown.iter().map(|(name, why)| format!("{name}: {why}")).collect()
}

pub(super) fn were(count: usize) -> String {
    if count == 1 { "1 call was".to_owned() } else { format!("{count} calls were") }
}

/// How many of some refused calls nothing else brings into the profile.
fn left_out(evidence: &Evidence<'_>, calls: &[Seen<'_>]) -> usize {
    calls.iter().filter(|(call, _)| !is_allowed(evidence, **call)).count()
}

fn is_allowed(evidence: &Evidence<'_>, call: CallId) -> bool {
    call.name().is_some_and(|name| evidence.allowed.contains_key(name))
}

/// Of a refused call that is in the profile all the same, its line says so.
fn lines_with_reason(evidence: &Evidence<'_>, calls: &[Seen<'_>]) -> Vec<String> {
    let lines = calls.iter().map(|(call, wanted)| {
        let reason = if is_allowed(evidence, **call) { "; in the profile for another reason" } else { "" };
        format!("{}{reason}", line(&call.label(), wanted))
    });
    lines.collect()
}

/// Calls with how often they were made, how that ended, and who made them. Of numbers without a name, which a program can
/// make without end, all but a few have a line for each ABI.
pub(super) fn lines(calls: Vec<Seen<'_>>) -> Vec<String> {
    let together = bounds::told_together(calls.iter().map(|(call, wanted)| (**call, wanted.outcome().is_absent())));
    let (many, one_by_one): (Vec<_>, Vec<_>) = calls.into_iter().partition(|(call, _)| together.contains(call));
    let lines = one_by_one.into_iter().map(|(call, wanted)| line(&call.label(), wanted));
    lines.chain(many.chunk_by(|(one, _), (other, _)| one.abi == other.abi).map(line_together)).collect()
}

/// Numbers of one ABI, sorted.
fn line_together(calls: &[Seen<'_>]) -> String {
    let mut sum = Wanted::default();
    for (_, wanted) in calls {
        sum.add(wanted);
    }
    let ((lowest, _), (highest, _)) = (calls[0], calls[calls.len() - 1]);
    let range = names::range_label(lowest.abi, lowest.number, highest.number);
    line(&format!("{range} ({})", counted(calls.len(), "number")), &sum)
}

fn line(label: &str, wanted: &Wanted) -> String {
    let some = wanted.fate == Fate::Made && wanted.refused > 0;
    let sources = wanted.sources.iter().filter(|(_, outcome)| !some || outcome.refused().is_none_or(|count| count > 0));
    let programs: BTreeSet<&str> = sources.map(|(source, _)| &*source.program).collect();
    let programs = sorted(programs.into_iter().map(visible));
    let times = counted(usize::try_from(wanted.outcome().total()).unwrap_or(usize::MAX), "time");
    format!("{label}: {times}, {}, by {}", how(wanted), bounds::listed(&programs, bounds::PROGRAMS))
}

/// How calls ended, and how many of them a filter turned away, if not all.
fn how(wanted: &Wanted) -> String {
    let errnos: Vec<String> = wanted.outcome().errnos.keys().map(|number| errno(*number)).collect();
    let ended = match errnos.as_slice() {
        [] if wanted.fate == Fate::Refused => "killed, trapped or answered by the filter".to_owned(),
        [] => "never with an error".to_owned(),
        some => bounds::listed(some, bounds::ERRNOS),
    };
    let asked = if wanted.handed_on && wanted.refused > 0 { ", after it asked a tracer or a listener" } else { "" };
    match (wanted.fate, wanted.refused, wanted.answered) {
        (Fate::Made, 1.., _) => format!("{} of them refused{asked}, {ended}", wanted.refused),
        (_, _, 1..) => format!("{} of them answered by another filter, {ended}", wanted.answered),
        (Fate::Made, ..) if wanted.perhaps > 0 => format!("{} of them refused or failed, {ended}", wanted.perhaps),
        (Fate::Refused | Fate::RefusedOrFailed | Fate::Made, ..) => format!("{ended}{asked}"),
    }
}
