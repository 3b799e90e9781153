//! One run, in numbers.

use std::collections::BTreeMap;

use ctrec_recording::{Container, End, Loss, LossKind, Recording};
use serde::Serialize;

use super::container::{ListedContainer, Seen};
use crate::behaviour::CAPABILITY_HOOK;
use crate::report::LossReport;
use crate::text::time;

/// One run of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedRun {
    /// Its id.
    pub run: String,
    /// The store that it was found in, as it was named.
    pub store: String,
    /// Host. Hostile text, as all of a header that came from elsewhere.
    pub host: String,
    /// `uname -r`.
    pub kernel: String,
    /// `uname -m`.
    pub machine: String,
    /// Version of the ctrec that recorded.
    pub ctrec_version: String,
    /// Start, RFC 3339.
    pub started: String,
    /// Start, ns since the epoch.
    #[serde(skip)]
    pub(super) started_ns: i64,
    /// End, RFC 3339; `None` while it runs, and where it was cut off.
    pub ended: Option<String>,
    /// How it ended.
    pub ending: Ending,
    /// The run of the same recording that it goes on from.
    pub continues: Option<String>,
    /// How long, ns: to its end, else to that of its last window.
    pub lasted_ns: u64,
    /// Windows.
    pub windows: usize,
    /// Length of a window that was asked for, ns.
    pub window_ns: u64,
    /// `--container` patterns; empty: all.
    pub patterns: Vec<String>,
    /// The command of `record -- COMMAND`.
    pub command: Option<Vec<String>>,
    /// The hook that counted capability checks, if any did.
    pub checks: Option<String>,
    /// Whether calls that a filter answered were counted (`--refused exact`).
    pub exact_refusals: bool,
    /// What is missing of the run as a whole.
    pub losses: Vec<LossReport>,
    /// Its containers, by name.
    pub containers: Vec<ListedContainer>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "how")]
pub enum Ending {
    /// `--duration` was over.
    Duration,
    /// Ctrl-C, or another signal that asks to end.
    Signal,
    /// The command ended.
    Command {
        /// Its exit code.
        code: i32,
    },
    /// The recorder failed.
    Failure {
        /// Why.
        message: String,
    },
    /// It had had its share of the store, and another run continues it.
    Continued,
    /// Killed, or the power went.
    CutOff,
    /// It is being recorded right now.
    StillRecording,
}

impl ListedRun {
    pub(super) fn of(store: &str, recording: &Recording, containers: &[&Container], seen: &Seen) -> Self {
        let header = &recording.header;
        let last_ns = header.ended_ns.or(recording.windows.last().map(|window| window.end_ns));
        let lasted_ns = last_ns.map_or(0, |last| last.saturating_sub(header.started_ns));
        let hooks = || header.hooks.iter().map(|hook| hook.name.as_str());
        let mut listed: Vec<ListedContainer> =
            containers.iter().map(|row| ListedContainer::of(recording, row, seen.get(&row.container))).collect();
        listed.sort_by(|a, b| (&a.name, &a.started, &a.id).cmp(&(&b.name, &b.started, &b.id)));
        Self {
            run: header.run.clone(),
            store: store.to_owned(),
            host: header.host.clone(),
            kernel: header.kernel.clone(),
            machine: header.arch.clone(),
            ctrec_version: header.ctrec_version.clone(),
            started: time(header.started_ns),
            started_ns: header.started_ns,
            ended: header.ended_ns.map(time),
            ending: ending(recording),
            continues: header.continues.clone(),
            lasted_ns: u64::try_from(lasted_ns).unwrap_or(0),
            windows: recording.windows.len(),
            window_ns: header.settings.window_ns,
            patterns: header.settings.containers.clone(),
            command: header.settings.command.clone(),
            checks: hooks().find(|hook| hook.ends_with(CAPABILITY_HOOK)).map(str::to_owned),
            exact_refusals: hooks().any(|hook| hook.ends_with("/sys_enter")),
            losses: losses(&recording.losses),
            containers: listed,
        }
    }
}

fn ending(recording: &Recording) -> Ending {
    match &recording.header.end {
        Some(End::Duration) => Ending::Duration,
        Some(End::Signal) => Ending::Signal,
        Some(End::Command { code }) => Ending::Command { code: *code },
        Some(End::Failure { message }) => Ending::Failure { message: message.clone() },
        None if recording.header.is_continued() => Ending::Continued,
        None if recording.losses.iter().any(|loss| loss.kind == LossKind::CutOff) => Ending::CutOff,
        None => Ending::StillRecording,
    }
}

/// Losses of nobody in particular.
fn losses(all: &[Loss]) -> Vec<LossReport> {
    let mut sums: BTreeMap<(LossKind, &str), u64> = BTreeMap::new();
    for loss in all.iter().filter(|loss| loss.container.is_none()) {
        let sum = sums.entry((loss.kind, &loss.detail)).or_default();
        *sum = sum.saturating_add(loss.count);
    }
    let report =
        |((kind, detail), count): ((LossKind, &str), u64)| LossReport { kind, detail: detail.to_owned(), count };
    sums.into_iter().map(report).collect()
}
