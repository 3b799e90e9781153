//! Keeping the store within its size: a run that has had its share is ended, and another goes on.
//!
//! Lives here: what passes from one run to the next. Does not: which runs must go (see `ctrec_recording::Budget`).
//!
//! Hooks and counters know nothing of runs: what is written is what grew since the last window, whichever run that was
//! in. So nothing is lost between two runs, and nothing counted twice.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use ctrec_recording::{Budget, Header, RunWriter, StoreError};
use nix::unistd::geteuid;

use super::window::leave_to;
use super::{Notice, Observe, Session};
use crate::error::{RecordError, chain};

impl Session<'_> {
    /// After each window: ends the run if it is as large as one may be, and has the oldest removed. What goes wrong
    /// costs no count, and is tried again after the next window.
    pub(super) fn keep_within(&mut self, observe: &mut Observe<'_>) -> Result<(), RecordError> {
        let Some(budget) = &self.budget else { return Ok(()) };
        let has_share = self.writer.bytes().map(|bytes| bytes >= budget.share());
        let begun = match has_share {
            Ok(true) if self.windows > 0 && self.unwritten.is_none() => self.begin_run(observe),
            Ok(_) => Ok(()),
            Err(error) => Err(error.into()),
        };
        match begun {
            Err(RecordError::Store(error)) => self.beyond = Some(chain(&error)),
            begun => {
                begun?;
                self.beyond = None;
            }
        }
        self.remove_oldest(observe)
    }

    pub(super) fn remove_oldest(&mut self, observe: &mut Observe<'_>) -> Result<(), RecordError> {
        let Some(budget) = &mut self.budget else { return Ok(()) };
        match budget.keep() {
            Ok(kept) => {
                for run in &kept.removed {
                    self.removed.all += 1;
                    self.removed.own += u64::from(run.run.starts_with(&self.first_run));
                    observe(&Notice::Removed(run));
                }
                if kept.is_over {
                    let text = format!("it takes {} bytes, and whatever is left is being recorded", kept.bytes);
                    self.beyond.get_or_insert(text);
                }
                let note = budget.note();
                match self.options.owner.filter(|_| !kept.removed.is_empty()) {
                    Some(owner) => leave(&self.options.store, &note, owner),
                    None => Ok(()),
                }
            }
            Err(error) => {
                self.beyond = Some(chain(&error));
                Ok(())
            }
        }
    }

    /// Whether removing runs takes `CAP_FOWNER`.
    pub(super) fn removes_others_runs(&self) -> bool {
        self.budget.is_some()
            && fs::metadata(&self.options.store).is_ok_and(|folder| is_of_another(&folder, self.options.owner))
    }

    /// Tells once what is in the store and is nobody's to remove.
    pub(super) fn tell_uncounted(&mut self, observe: &mut Observe<'_>) {
        match self.budget.as_mut().map(Budget::uncounted) {
            Some(Ok(bytes @ 1..)) => observe(&Notice::Uncounted { bytes }),
            Some(Err(error)) => self.beyond = Some(chain(&error)),
            Some(Ok(0)) | None => {}
        }
    }

    /// Goes on in another run. Its folder is made first: where that fails, everything stays as it was.
    fn begin_run(&mut self, observe: &mut Observe<'_>) -> Result<(), RecordError> {
        let header = Header {
            run: self.next_run(),
            started_ns: self.window_start_ns,
            continues: Some(self.header.run.clone()),
            cost: None,
            ..self.header.clone()
        };
        let writer = RunWriter::create(&self.options.store, &header, self.options.format)?;
        let mut ended = std::mem::replace(&mut self.header, header);
        let old = std::mem::replace(&mut self.writer, writer);
        self.meter.end_sample(&self.kernel)?;
        ended.ended_ns = Some(self.window_start_ns);
        ended.cost = Some(self.cost()?);
        self.meter.begin_run(&self.kernel)?;
        self.windows = 0;
        self.runs += 1;
        self.pass_on();
        observe(&Notice::Continued { from: &ended.run, to: &self.header.run });
        let folder = old.path().to_owned();
        match old.finish(&ended) {
            // Complete, only in more files than it might be.
            Ok(()) | Err(StoreError::Unmerged { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.options.owner.map_or(Ok(()), |owner| leave(&self.options.store, &folder, owner))
    }

    /// What living containers bring into the new run; of those that have ended only numbers stay.
    fn pass_on(&mut self) {
        let ended = self.containers.recorded().filter(|row| row.ended_ns.is_some());
        let ended: Vec<_> = ended.map(|row| self.summary(row)).collect();
        self.past.add(ended);
        self.seen_starts.extend(self.containers.recorded().filter(|row| !row.already_running).map(|row| row.container));
        for number in self.containers.begin_run() {
            self.accounts.close(number);
            self.news.forget(number);
            self.seen_starts.remove(&number);
        }
        self.counters.begin_run();
    }

    /// Ids sort by time: that of the first run, and which one it is.
    fn next_run(&self) -> String {
        format!("{}-{:04}", self.first_run, self.runs + 1)
    }
}

/// Whether a folder is sticky, and another user's, or will be when it is left to the user who called sudo: the kernel lets
/// one remove there only what is one's own.
fn is_of_another(folder: &fs::Metadata, owner: Option<(u32, u32)>) -> bool {
    let is_sticky = folder.mode() & libc::S_ISVTX != 0;
    is_sticky && (folder.uid() != geteuid().as_raw() || owner.is_some_and(|(user, _)| user != folder.uid()))
}

fn leave(store: &Path, path: &Path, owner: (u32, u32)) -> Result<(), RecordError> {
    leave_to(store, path, owner).map_err(|source| RecordError::Host { path: path.to_owned(), source })
}
