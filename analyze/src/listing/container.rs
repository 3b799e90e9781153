//! One container of one run, in numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use ctrec_recording::{Container, Recording, Window};
use serde::Serialize;

use crate::behaviour::CallId;
use crate::text::time;

/// One container of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedContainer {
    /// Name. Hostile text.
    pub name: String,
    /// The engine's full id.
    pub id: String,
    /// Image. Hostile text.
    pub image: Option<String>,
    /// `namespace/pod`. Hostile text.
    pub pod: Option<String>,
    /// Engine.
    pub engine: String,
    /// OCI runtime.
    pub runtime: Option<String>,
    /// It ran before this run began, so its start was not seen by it; by the one that this goes on from, perhaps.
    pub already_running: bool,
    /// Whether an engine's record or OCI bundle was found for it.
    pub resolved: bool,
    /// First time that the recorder saw it, RFC 3339.
    pub started: String,
    /// When its last process ended, RFC 3339; `None` where it outlived the recording.
    pub ended: Option<String>,
    /// Windows in which it lived.
    pub windows: usize,
    /// How long it was recorded, ns.
    pub recorded_ns: u64,
    /// Kinds of calls: ABI and number.
    pub call_kinds: usize,
    /// Calls.
    pub calls: u64,
    /// Windows since the one that last showed a call of a new kind; `None` where no call was seen.
    pub windows_since_new: Option<usize>,
    /// What is known to be missing of it alone. What is missing of the run may be of it too.
    pub losses: u64,
}

/// Of each container, the kinds of calls that it made: first window of each, and how often over all.
pub(super) type Seen = BTreeMap<u32, SeenCalls>;

/// What one container called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SeenCalls {
    /// Start of the first window with a call of that kind, ns since the epoch.
    pub(super) since_ns: BTreeMap<CallId, i64>,
    /// Calls of all kinds.
    pub(super) calls: u64,
}

/// Reads the calls of some containers, once for all of them.
pub(super) fn first_windows(recording: &Recording, containers: &BTreeSet<u32>) -> Seen {
    let starts: BTreeMap<u32, i64> = recording.windows.iter().map(|row| (row.window, row.start_ns)).collect();
    let mut seen = Seen::new();
    for row in recording.calls.iter().filter(|row| containers.contains(&row.container)) {
        let of = seen.entry(row.container).or_default();
        let start = starts.get(&row.window).copied().unwrap_or(row.first_ns);
        let since = of.since_ns.entry(CallId { abi: row.abi, number: row.number }).or_insert(start);
        *since = start.min(*since);
        for count in [row.succeeded, row.failed, row.interrupted, row.unfinished] {
            of.calls = of.calls.saturating_add(count);
        }
    }
    seen
}

impl ListedContainer {
    pub(super) fn of(recording: &Recording, row: &Container, seen: Option<&SeenCalls>) -> Self {
        let windows = lived(&recording.windows, row);
        let last_new = seen.and_then(|seen| seen.since_ns.values().max());
        let lived = &recording.windows[windows];
        let losses = recording.losses.iter().filter(|loss| loss.container == Some(row.container));
        Self {
            name: row.name.clone(),
            id: row.id.clone(),
            image: row.image.clone(),
            pod: row.pod.clone(),
            engine: row.engine.clone(),
            runtime: row.runtime.clone(),
            already_running: row.already_running,
            resolved: row.resolved,
            started: time(row.started_ns),
            ended: row.ended_ns.map(time),
            windows: lived.len(),
            recorded_ns: lived.iter().map(|window| within(window, row)).fold(0, u64::saturating_add),
            call_kinds: seen.map_or(0, |seen| seen.since_ns.len()),
            calls: seen.map_or(0, |seen| seen.calls),
            windows_since_new: last_new.map(|last| lived.iter().filter(|window| window.start_ns > *last).count()),
            losses: losses.fold(0, |sum, loss| sum.saturating_add(loss.count)),
        }
    }
}

/// The windows in which a container lived, by their place in the run.
pub(super) fn lived(windows: &[Window], row: &Container) -> Range<usize> {
    let start = windows.partition_point(|window| window.end_ns < row.started_ns);
    let end = windows.partition_point(|window| window.start_ns <= row.ended_ns.unwrap_or(i64::MAX));
    start..end.max(start)
}

/// How much of a window a container lived, ns.
fn within(window: &Window, row: &Container) -> u64 {
    let (start, end) = (window.start_ns.max(row.started_ns), window.end_ns.min(row.ended_ns.unwrap_or(i64::MAX)));
    u64::try_from(end.saturating_sub(start)).unwrap_or(0)
}
