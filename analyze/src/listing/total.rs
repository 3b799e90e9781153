//! Containers of one name and image, over all runs.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use ctrec_recording::{Container, Loss, Recording, Window};
use serde::Serialize;

use super::container::{Seen, lived};
use crate::behaviour::CallId;

/// Containers of one name and image, over all runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Total {
    /// Name. Hostile text.
    pub name: String,
    /// Image. Hostile text.
    pub image: Option<String>,
    /// Runs with one of them.
    pub runs: usize,
    /// Containers. One that runs on from a run into the one that continues it is one.
    pub containers: usize,
    /// Those of them whose start no run saw.
    pub already_running: usize,
    /// Windows in which one of them lived.
    pub windows: usize,
    /// How long those were, ns, as far as one of them lived.
    pub recorded_ns: u64,
    /// Kinds of calls: ABI and number.
    pub call_kinds: usize,
    /// Calls.
    pub calls: u64,
    /// Windows since the one that last showed a call of a new kind; `None` where no call was seen.
    pub windows_since_new: Option<usize>,
    /// What is known to be missing of them, or of their runs as a whole, and so perhaps of them.
    pub losses: u64,
}

/// Totals in the making.
#[derive(Debug, Default)]
pub(super) struct Totals {
    names: BTreeMap<(String, Option<String>), BTreeMap<String, Part>>,
}

/// What one run gives to a total.
#[derive(Debug, Default)]
struct Part {
    /// Start of each window of the run, ns since the epoch; shared by all totals that it gives to.
    starts: Rc<[i64]>,
    /// The windows in which one of the containers lived: from the first to the last.
    lived: Range<usize>,
    recorded_ns: u64,
    /// The run that this one goes on from.
    continues: Option<String>,
    /// Id of each container, and whether it ran before the run began.
    containers: Vec<(String, bool)>,
    /// Start of the first window with a call of a kind, ns since the epoch.
    since_ns: BTreeMap<CallId, i64>,
    calls: u64,
    losses: u64,
}

impl Totals {
    /// Adds some containers of a run. Of two copies of a run the one with more windows counts.
    pub(super) fn add(&mut self, recording: &Recording, containers: &[&Container], seen: &Seen) {
        let starts: Rc<[i64]> = recording.windows.iter().map(|window| window.start_ns).collect();
        let mut alike: BTreeMap<(&str, Option<&str>), Vec<&Container>> = BTreeMap::new();
        for row in containers {
            alike.entry((&row.name, row.image.as_deref())).or_default().push(row);
        }
        for ((name, image), rows) in alike {
            let parts = self.names.entry((name.to_owned(), image.map(str::to_owned))).or_default();
            let held = parts.get(&recording.header.run).map_or(0, |part| part.starts.len());
            if held == 0 || held < starts.len() {
                parts.insert(recording.header.run.clone(), Part::of(recording, &rows, seen, starts.clone()));
            }
        }
    }

    /// The totals, by name and image.
    pub(super) fn finish(self) -> Vec<Total> {
        self.names.into_iter().map(|((name, image), parts)| Total::of(name, image, &parts)).collect()
    }
}

impl Part {
    fn of(recording: &Recording, rows: &[&Container], seen: &Seen, starts: Rc<[i64]>) -> Self {
        let lives = rows.iter().map(|row| lived(&recording.windows, row)).filter(|lived| !lived.is_empty());
        let lived = lives.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end)).unwrap_or_default();
        let first_ns = rows.iter().map(|row| row.started_ns).min().unwrap_or_default();
        let last_ns = rows.iter().map(|row| row.ended_ns.unwrap_or(i64::MAX)).max().unwrap_or_default();
        let mut part = Self {
            starts,
            recorded_ns: recorded_ns(&recording.windows[lived.clone()], first_ns, last_ns),
            lived,
            continues: recording.header.continues.clone(),
            containers: rows.iter().map(|row| (row.id.clone(), row.already_running)).collect(),
            losses: losses(&recording.losses, rows),
            ..Self::default()
        };
        for of in rows.iter().filter_map(|row| seen.get(&row.container)) {
            part.calls = part.calls.saturating_add(of.calls);
            join(&mut part.since_ns, &of.since_ns);
        }
        part
    }

    /// Of its containers those that did not come from the run that this one goes on from: whether each ran before.
    fn begun<'a>(&'a self, parts: &'a BTreeMap<String, Self>) -> impl Iterator<Item = bool> + 'a {
        let before = self.continues.as_ref().and_then(|run| parts.get(run));
        let came =
            move |id: &String| before.is_some_and(|before| before.containers.iter().any(|(other, _)| other == id));
        self.containers
            .iter()
            .filter(move |(id, ran_before)| !(*ran_before && came(id)))
            .map(|(_, ran_before)| *ran_before)
    }
}

impl Total {
    fn of(name: String, image: Option<String>, parts: &BTreeMap<String, Part>) -> Self {
        let mut since_ns = BTreeMap::new();
        for part in parts.values() {
            join(&mut since_ns, &part.since_ns);
        }
        let last_new = since_ns.values().max().copied();
        let starts = || parts.values().flat_map(|part| &part.starts[part.lived.clone()]);
        let begun = || parts.values().flat_map(|part| part.begun(parts));
        let sum = |of: fn(&Part) -> u64| parts.values().map(of).fold(0, u64::saturating_add);
        Self {
            name,
            image,
            runs: parts.len(),
            containers: begun().count(),
            already_running: begun().filter(|ran_before| *ran_before).count(),
            windows: starts().count(),
            recorded_ns: sum(|part| part.recorded_ns),
            call_kinds: since_ns.len(),
            calls: sum(|part| part.calls),
            windows_since_new: last_new.map(|last| starts().filter(|start| **start > last).count()),
            losses: sum(|part| part.losses),
        }
    }
}

fn join(into: &mut BTreeMap<CallId, i64>, from: &BTreeMap<CallId, i64>) {
    for (call, since) in from {
        let held = into.entry(*call).or_insert(*since);
        *held = (*held).min(*since);
    }
}

/// How long some windows are between two moments, ns.
fn recorded_ns(windows: &[Window], first_ns: i64, last_ns: i64) -> u64 {
    let length = |window: &Window| window.end_ns.min(last_ns).saturating_sub(window.start_ns.max(first_ns));
    windows.iter().map(|window| u64::try_from(length(window)).unwrap_or(0)).fold(0, u64::saturating_add)
}

/// Losses of some containers, and those that may be anybody's.
fn losses(all: &[Loss], rows: &[&Container]) -> u64 {
    let is_theirs = |loss: &&Loss| loss.container.is_none_or(|of| rows.iter().any(|row| row.container == of));
    all.iter().filter(is_theirs).map(|loss| loss.count).fold(0, u64::saturating_add)
}
