//! How far a recording has come, its containers in numbers, and what it cost.

use std::time::{Duration, Instant};

use ctrec_recording::{Container, Cost};

use super::{Progress, Session, Summary};
use crate::accounts::Numbers;
use crate::error::RecordError;

impl Session<'_> {
    pub(super) fn progress(&mut self) -> Result<Progress, RecordError> {
        Ok(Progress {
            elapsed: self.pace.started.elapsed(),
            left: self.pace.left(),
            windows: self.windows,
            containers: self.containers.recorded().count(),
            calls: self.accounts.calls(),
            new_calls: self.novelty.recent(Instant::now()),
            losses: self.accounts.losses(),
            refused: self.options.exact_refusals.then(|| self.accounts.refused()),
            unwritten: self.unwritten.as_ref().map(ToString::to_string),
            cost: self.meter.so_far()?,
        })
    }

    /// What the run cost, with what the kernel holds for it.
    pub(super) fn cost(&self) -> Result<Cost, RecordError> {
        let kernel_bytes = self.kernel.bytes()? + self.counters.bytes()?;
        Ok(Cost { kernel_bytes: Some(kernel_bytes), ..self.meter.so_far()? })
    }

    /// The containers of the run in numbers.
    pub(super) fn summaries(&self) -> Vec<Summary> {
        let summary = |row: &Container| {
            let start_ns = row.started_ns.max(self.header.started_ns);
            let end_ns = row.ended_ns.unwrap_or(self.window_start_ns);
            summary(row, end_ns.saturating_sub(start_ns), self.accounts.of(row.container))
        };
        self.containers.recorded().map(summary).collect()
    }
}

fn summary(row: &Container, recorded_ns: i64, numbers: Numbers) -> Summary {
    Summary {
        name: row.name.clone(),
        image: row.image.clone(),
        recorded: Duration::from_nanos(u64::try_from(recorded_ns).unwrap_or_default()),
        calls: numbers.calls,
        capabilities: numbers.capabilities,
        losses: numbers.losses,
        start_seen: !row.already_running,
    }
}
