//! Windows: what goes to disk when one is over, and when the last one is.

use std::fs;
use std::io;
use std::path::Path;

use ctrec_recording::{End, LossKind, Window};

use super::{Outcome, Progress, Session, Target};
use crate::cgroups::OwnCgroup;
use crate::error::RecordError;

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
                self.losses += segment.losses.iter().map(|loss| loss.count).sum::<u64>();
                self.refused += segment.calls.iter().filter_map(|call| call.refused).sum::<u64>();
                self.counters.written();
                self.windows += 1;
                self.window_start_ns = end_ns;
                self.unwritten = None;
                self.settle(&ended)
            }
            Err(error) => {
                self.counters.lose(LossKind::WriteDelayed, None, &error.to_string());
                self.unwritten = Some(error);
                Ok(())
            }
        }
    }

    fn gather(&mut self) -> Result<(), RecordError> {
        let containers = &self.containers;
        let recorded = |number| containers.is_recorded(number);
        self.counters.gather(&self.kernel, &self.clock, self.window_start_ns, recorded)
    }

    /// Gives back what ended containers held, once nobody can enter their cgroups any more.
    pub(super) fn settle(&mut self, ended: &[u32]) -> Result<(), RecordError> {
        let owners = self.kernel.cgroup_owners()?;
        for number in ended.iter().filter(|number| !owners.contains(number)) {
            self.kernel.forget_container(*number)?;
            self.counters.forget_container(*number);
            self.containers.settled(*number);
        }
        Ok(())
    }

    pub(super) fn progress(&self) -> Progress {
        Progress {
            windows: self.windows,
            containers: self.containers.rows().0.len(),
            calls: self.counters.call_kinds(),
            losses: self.losses,
            refused: self.options.exact_refusals.then_some(self.refused),
            unwritten: self.unwritten.as_ref().map(ToString::to_string),
        }
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

    pub(super) fn finish(mut self, end: End, observe: &mut dyn FnMut(&Progress)) -> Result<Outcome, RecordError> {
        if matches!(self.options.target, Target::Containers { .. }) {
            self.add_missed()?;
        }
        self.kernel.detach();
        self.handle_events()?;
        self.look_again()?;
        let kept = self.containers.keep_unannounced(&self.kernel.containers()?, &self.clock);
        for number in kept {
            self.counters.lose(LossKind::Unresolved, Some(number), "its first process was not announced");
        }
        self.give_up(|_| true);
        let left_running = self.cgroup.as_ref().map(OwnCgroup::processes).unwrap_or_default();
        for _ in &left_running {
            self.counters.lose(LossKind::LeftRunning, None, "processes of the command");
        }
        // Slots that the last events did not announce must be known before calls are added to them.
        let unfinished = self.kernel.unfinished()?;
        self.gather()?;
        let now_ns = self.clock.now_ns()?;
        self.counters.add_unfinished(&unfinished, &self.kernel.pending()?, now_ns)?;
        self.seal()?;
        if let Some(error) = self.unwritten.take() {
            return Err(error.into());
        }
        observe(&self.progress());
        self.header.ended_ns = Some(self.clock.now_ns()?);
        self.header.end = Some(end.clone());
        let outcome = Outcome {
            run: self.header.run.clone(),
            path: self.writer.path().to_owned(),
            end,
            containers: self.containers.rows().0,
            progress: self.progress(),
            command_code: self.command_code,
            left_running,
        };
        self.writer.finish(&self.header)?;
        if let Some(owner) = self.options.owner {
            leave_to(&self.options.store, &outcome.path, owner)
                .map_err(|source| RecordError::Host { path: outcome.path.clone(), source })?;
        }
        Ok(outcome)
    }
}

/// Gives the run to a user, and the store if it is root's: the user who called sudo made neither.
fn leave_to(store: &Path, run: &Path, (user, group): (u32, u32)) -> io::Result<()> {
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
