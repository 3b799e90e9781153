//! What a recording tells while it goes on, and at its end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ctrec_recording::{Container, Cost, End, RemovedRun, StoreError};

use crate::error::RecordError;

/// Something that a watcher wants to know at once.
#[derive(Debug)]
pub enum Notice<'a> {
    /// It records from now on.
    Began,
    /// It records, and still may what it needs no more.
    Unconfined {
        /// Why, and what it has lost all the same.
        reason: &'a str,
    },
    /// A container is recorded. Where its name could not be told by the end of a window, it is its id.
    Seen(&'a Container),
    /// A container that was told of by its id has a name now.
    Named(&'a Container),
    /// The last process of a container has ended.
    Ended(&'a Container),
    /// An engine's socket gave no answer that means anything: what only it knows is missing.
    Silent {
        /// The socket.
        socket: &'a Path,
        /// What happened. Text of whoever listens there.
        reason: &'a str,
    },
    /// The run has had its share of the store, and another one goes on.
    Continued {
        /// The run that has ended.
        from: &'a str,
        /// The one that goes on.
        to: &'a str,
    },
    /// So many bytes in the store are no runs, and nothing keeps them within its size.
    Uncounted {
        /// Bytes on the disk.
        bytes: u64,
    },
    /// A run was removed, to keep the store within its size.
    Removed(&'a RemovedRun),
    /// How far it has come.
    Progress(&'a Progress),
}

/// How far a recording has come.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Since it began.
    pub elapsed: Duration,
    /// Until its duration is over.
    pub left: Option<Duration>,
    /// Windows sealed.
    pub windows: u32,
    /// Until the first counts are read; `None`: some were.
    pub first_window: Option<Duration>,
    /// Containers recorded.
    pub containers: usize,
    /// Distinct calls of distinct containers, as a listing of the store counts them.
    pub calls: usize,
    /// How many of them are new since a minute ago.
    pub new_calls: usize,
    /// Losses so far.
    pub losses: u64,
    /// Calls that filters answered, so far; `None`: not counted.
    pub refused: Option<u64>,
    /// Why the last window could not be written, if it could not. Its counts are kept for the next one.
    pub unwritten: Option<String>,
    /// Why the store cannot be kept within its size, if it cannot.
    pub beyond: Option<String>,
    /// What it has cost so far.
    pub cost: Cost,
    /// Why the kernel does not measure what its programs cost; `None`: it does.
    pub unmeasured: Option<String>,
}

/// One container, at the end of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Name. Hostile text.
    pub name: String,
    /// The engine's full id.
    pub id: String,
    /// Image. Hostile text.
    pub image: Option<String>,
    /// How long it was recorded, as a listing of the store has it.
    pub recorded: Duration,
    /// Distinct calls, as a listing of the store counts them.
    pub calls: usize,
    /// Distinct capabilities that were asked for, set-up and probes left out.
    pub capabilities: usize,
    /// Losses that are its own.
    pub losses: u64,
    /// It was there from its first process on.
    pub start_seen: bool,
}

/// What became of a recording.
#[derive(Debug)]
pub struct Outcome {
    /// The run's id; of several that continue each other, the last one's.
    pub run: String,
    /// How many runs it took.
    pub runs: u32,
    /// Runs that were removed meanwhile.
    pub removed: RunsRemoved,
    /// Its folder.
    pub path: PathBuf,
    /// The folder was removed meanwhile, so that nothing of the run is left.
    pub is_gone: bool,
    /// Why it ended.
    pub end: End,
    /// Containers recorded. Of very many, the later ones.
    pub containers: Vec<Summary>,
    /// How far it came.
    pub progress: Progress,
    /// Exit code of the command of [`Target::Command`](super::Target::Command): 128 + n for signal n.
    pub command_code: Option<i32>,
    /// Processes of the command that still run.
    pub left_running: Vec<u32>,
    /// How much further the wall clock has gone meanwhile than the recording's, ns: it was set, or the machine slept.
    pub clock_moved_ns: i64,
    /// Why the run's small files are still many: it is complete all the same.
    pub unmerged: Option<StoreError>,
    /// Why something is missing at its end, or recording failed. What was written before is kept.
    pub failure: Option<RecordError>,
}

/// Runs that were removed while a recording went on, to keep its store within a size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunsRemoved {
    /// How many.
    pub all: u64,
    /// Those of this recording itself: what only they saw is in its numbers, and not in the store.
    pub own: u64,
}
