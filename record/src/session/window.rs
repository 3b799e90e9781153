//! Windows: what goes to disk when one is over, and when the last one is.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Instant;

use ctrec_recording::{Cost, End, LossKind, StoreError, Window};

use super::news::Patience;
use super::{Notice, Observe, Outcome, Progress, Session, Target};
use crate::error::{RecordError, chain, root};

impl Session<'_> {
    /// Writes what happened since the last sealed window. A disk that is full is not the end: the counts stay, and go
    /// into the next window that can be written.
    pub(super) fn seal(&mut self) -> Result<(), RecordError> {
        self.containers.add_programs(&self.kernel.take_paths()?);
        let of_kernel = self.kernel.containers()?;
        self.containers.forget_provisional(&of_kernel);
        self.look_again()?;
        self.containers.describe_networks(&of_kernel);
        let ended = self.containers.mark_ended(&of_kernel, &self.clock);
        self.give_up(|number| ended.contains(&number));
        self.gather()?;
        let window = Window { window: self.windows + 1, start_ns: self.window_start_ns, end_ns: self.clock.now_ns()? };
        let end_ns = window.end_ns;
        let containers = &self.containers;
        let segment = self.counters.segment(window, |number| containers.has_row(number));
        let (rows, programs) = self.containers.rows();
        match self.writer.write_snapshot(&rows, &programs).and_then(|()| self.writer.seal(&segment)) {
            Ok(()) => {
                self.accounts.add(&segment);
                self.novelty.note(Instant::now(), self.accounts.calls());
                self.counters.written();
                self.windows += 1;
                self.window_start_ns = end_ns;
                self.unwritten = None;
                self.settle(&ended)
            }
            Err(error) => {
                self.counters.lose(LossKind::WriteDelayed, None, &chain(&error));
                self.unwritten = Some(error);
                Ok(())
            }
        }
    }

    fn gather(&mut self) -> Result<(), RecordError> {
        let containers = &self.containers;
        let recorded = |number| containers.is_recorded(number);
        self.counters.gather(&mut self.kernel, &self.clock, self.window_start_ns, recorded)
    }

    /// Gives back what ended containers held, once nobody can enter their cgroups any more.
    pub(super) fn settle(&mut self, ended: &[u32]) -> Result<(), RecordError> {
        self.kernel.free_rested_slots()?;
        if ended.is_empty() {
            return Ok(());
        }
        let owners = self.kernel.cgroup_owners()?;
        let gone: BTreeSet<u32> = ended.iter().copied().filter(|number| !owners.contains(number)).collect();
        self.kernel.forget_containers(&gone)?;
        self.counters.forget_containers(&gone);
        for number in gone {
            self.containers.settled(number);
        }
        Ok(())
    }

    /// The command could not be started, so there is nothing to keep: no run, and no store made for it.
    pub(super) fn abandon(self) {
        let run = self.writer.path().to_owned();
        drop(self);
        if fs::remove_dir_all(&run).is_ok()
            && let Some(store) = run.parent()
        {
            // Refused unless it is empty, which it is if it was made for this run.
            fs::remove_dir(store).unwrap_or_default();
        }
    }

    pub(super) fn finish(mut self, end: End, observe: &mut Observe<'_>) -> Result<Outcome, RecordError> {
        if matches!(self.options.target, Target::Containers { .. }) {
            self.add_missed()?;
        }
        self.meter.end_sample(&self.kernel)?;
        self.kernel.detach();
        self.handle_events()?;
        self.look_again()?;
        self.await_answers()?;
        let kept = self.containers.keep_unannounced(&self.kernel.containers()?, &self.clock);
        for number in kept {
            self.counters.lose(LossKind::Unresolved, Some(number), "its first process was not announced");
        }
        self.give_up(|_| true);
        let left_running = self.left_running();
        for _ in &left_running {
            self.counters.lose(LossKind::LeftRunning, None, "processes of the command");
        }
        // Slots that the last events did not announce must be known before calls are added to them.
        let unfinished = self.kernel.unfinished()?;
        self.gather()?;
        let now_ns = self.clock.now_ns()?;
        self.counters.add_unfinished(&unfinished, &self.kernel.pending()?, now_ns)?;
        // Whether there is room then, sealing says.
        drop(self.writer.make_room());
        self.seal()?;
        self.news.tell(&self.containers, Patience::Over, observe);
        let progress = self.progress()?;
        // One that whoever reads the run counts too: it was cut off.
        let progress = Progress { losses: progress.losses + u64::from(self.unwritten.is_some()), ..progress };
        observe(&Notice::Progress(&progress));
        let path = self.writer.path().to_owned();
        let unwritten = self.unwritten.take();
        let end = self.end_header(end, unwritten.as_ref())?;
        let failure = unwritten.map(|error| lost(&path, error));
        let cost = self.cost()?;
        let kernel_bytes = cost.kernel_bytes;
        self.header.cost = Some(cost);
        let mut outcome = Outcome {
            run: self.header.run.clone(),
            runs: self.runs,
            removed: self.removed,
            path,
            is_gone: false,
            end,
            containers: self.summaries(),
            progress: Progress { cost: Cost { kernel_bytes, ..progress.cost }, ..progress },
            command_code: self.command_code,
            left_running,
            clock_moved_ns: self.clock.wall_moved_ns()?,
            unmerged: None,
            failure,
        };
        let written = match self.writer.finish(&self.header) {
            Err(error @ StoreError::Unmerged { .. }) => {
                outcome.unmerged = Some(error);
                Ok(())
            }
            Err(error @ StoreError::Removed { .. }) => Err(lost(&outcome.path, error)),
            written => written.map_err(RecordError::from),
        };
        let left = match self.options.owner {
            Some(owner) => leave_to(&self.options.store, &outcome.path, owner)
                .map_err(|source| RecordError::Host { path: outcome.path.clone(), source }),
            None => Ok(()),
        };
        outcome.failure = outcome.failure.or(written.and(left).err());
        outcome.is_gone = matches!(outcome.failure, Some(RecordError::Removed { .. }));
        Ok(outcome)
    }

    /// Notes in the header how the run ends. One whose last windows could not be written has no time of its end: so
    /// whoever reads it takes it for cut off, and counts that as a loss.
    fn end_header(&mut self, end: End, unwritten: Option<&StoreError>) -> Result<End, RecordError> {
        let end = match (unwritten, end) {
            (Some(error), End::Duration | End::Signal | End::Command { .. }) => {
                let message = format!("the last counts could not be written, and are lost: {}", root(error));
                End::Failure { message }
            }
            (_, end) => end,
        };
        self.header.ended_ns = if unwritten.is_none() { Some(self.clock.now_ns()?) } else { None };
        self.header.end = Some(end.clone());
        Ok(end)
    }
}

/// What is lost, and what is not, when the last counts could not be written.
fn lost(run: &Path, error: StoreError) -> RecordError {
    match error {
        StoreError::Removed { path } => RecordError::Removed { path },
        error => RecordError::Unwritten { path: run.to_owned(), source: Box::new(error) },
    }
}

/// Gives the run to a user, and the store if it is root's: the user who called sudo made neither.
pub(super) fn leave_to(store: &Path, run: &Path, (user, group): (u32, u32)) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, lchown};
    fn give(path: &Path, user: u32, group: u32) -> io::Result<()> {
        if fs::symlink_metadata(path)?.is_dir() {
            for entry in fs::read_dir(path)? {
                give(&entry?.path(), user, group)?;
            }
        }
        lchown(path, Some(user), Some(group))
    }
    give(run, user, group)?;
    if fs::metadata(store)?.uid() == 0 { lchown(store, Some(user), Some(group)) } else { Ok(()) }
}
