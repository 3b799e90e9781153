//! How far a recording has come, its containers in numbers, and what it cost.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ctrec_recording::{Container, Cost};

use super::{Progress, Session, Summary};
use crate::accounts::Numbers;
use crate::error::{RecordError, chain};

impl Session<'_> {
    pub(super) fn progress(&mut self) -> Result<Progress, RecordError> {
        Ok(Progress {
            elapsed: self.pace.started.elapsed(),
            left: self.pace.left(),
            windows: self.windows,
            first_window: (self.runs == 1 && self.windows == 0).then(|| self.pace.window_left()),
            containers: self.past.count + self.containers.recorded().count(),
            calls: self.accounts.calls(),
            new_calls: self.novelty.recent(Instant::now()),
            losses: self.accounts.losses(),
            refused: self.options.exact_refusals.then(|| self.accounts.refused()),
            unwritten: self.unwritten.as_ref().map(|error| chain(error)),
            beyond: self.beyond.clone(),
            cost: self.meter.of_recording()?,
            unmeasured: self.meter.unmeasured().map(str::to_owned),
        })
    }

    /// What the run cost, with what the kernel holds for it.
    pub(super) fn cost(&self) -> Result<Cost, RecordError> {
        let kernel_bytes = self.kernel.bytes()?;
        Ok(Cost { kernel_bytes: Some(kernel_bytes), ..self.meter.of_run()? })
    }

    /// The containers of all runs in numbers.
    pub(super) fn summaries(&self) -> Vec<Summary> {
        let now = self.containers.recorded().map(|row| self.summary(row));
        self.past.latest.iter().cloned().chain(now).collect()
    }

    /// One container in numbers.
    pub(super) fn summary(&self, row: &Container) -> Summary {
        let start_ns = row.started_ns.max(self.started_ns);
        // What a window that could not be written saw is in no store.
        let end_ns = row.ended_ns.map_or(self.window_start_ns, |ended_ns| ended_ns.min(self.window_start_ns));
        let start_seen = !row.already_running || self.seen_starts.contains(&row.container);
        summary(row, end_ns.saturating_sub(start_ns), start_seen, self.accounts.of(row.container))
    }
}

/// Most containers that have ended in earlier runs and are kept for the end: a recorder may run for months.
const MOST_PAST: usize = 1000;

/// Containers that have ended in earlier runs.
#[derive(Debug, Default)]
pub(super) struct Past {
    latest: VecDeque<Summary>,
    /// How many there were.
    count: usize,
}

impl Past {
    pub(super) fn add(&mut self, ended: Vec<Summary>) {
        self.count += ended.len();
        self.latest.extend(ended);
        let excess = self.latest.len().saturating_sub(MOST_PAST);
        self.latest.drain(..excess);
    }
}

fn summary(row: &Container, recorded_ns: i64, start_seen: bool, numbers: Numbers) -> Summary {
    Summary {
        name: row.name.clone(),
        id: row.id.clone(),
        image: row.image.clone(),
        recorded: Duration::from_nanos(u64::try_from(recorded_ns).unwrap_or_default()),
        calls: numbers.calls,
        capabilities: numbers.capabilities,
        losses: numbers.losses,
        start_seen,
    }
}
