//! Keeping a store within a size, by removing its oldest runs.
//!
//! Lives here: how large runs are, and which must go. Does not: how one is removed (see `removed`), ending the run that
//! is being written (that is the recorder's).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::files::{self, LOCK, RUN, check_plain, unread};
use crate::nascent::check_id;
use crate::removed::{self, Age, NOTE};

/// A run may take this part of the store: then it is ended, and can go as a whole when its time has come.
const RUNS: u64 = 4;
/// Eighths of the store that are filled. The rest stays free for the next window, and for the files of a run that are
/// there twice while they are merged.
const FILLED: u64 = 5;

/// Keeps a store within a size.
#[derive(Debug)]
pub struct Budget {
    store: PathBuf,
    most: u64,
    /// Sizes of ended runs, which do not change any more.
    sizes: BTreeMap<String, u64>,
}

/// A run that was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedRun {
    /// Its id.
    pub run: String,
    /// When it began, ns since the epoch.
    pub started_ns: i64,
    /// When it ended; `None`: it was cut off.
    pub ended_ns: Option<i64>,
    /// Bytes on disk.
    pub bytes: u64,
}

/// What it took to keep a store within its size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Runs that were removed, oldest first.
    pub removed: Vec<RemovedRun>,
    /// Bytes that its runs take now.
    pub bytes: u64,
    /// That is too much, and whatever is left is being written.
    pub is_over: bool,
}

/// A run that is there.
struct Candidate {
    folder: PathBuf,
    age: Age,
    bytes: u64,
}

impl Budget {
    /// Less is no budget: a run of 64 windows takes up to 4 MB before its small files are merged.
    pub const LEAST_BYTES: u64 = 16_000_000;

    /// A budget of so many bytes for all runs of the store.
    pub fn new(store: &Path, most: u64) -> Result<Self, StoreError> {
        if most < Self::LEAST_BYTES {
            return Err(StoreError::SmallBudget { bytes: most, least: Self::LEAST_BYTES });
        }
        Ok(Self { store: store.to_owned(), most, sizes: BTreeMap::new() })
    }

    /// Size at which a run is to be ended and continued by another.
    pub fn share(&self) -> u64 {
        self.most / RUNS
    }

    /// Where it is noted how much was removed.
    pub fn note(&self) -> PathBuf {
        self.store.join(NOTE)
    }

    /// Bytes in the store that are no run's: nobody but who put them there removes them, so they are not counted.
    pub fn uncounted(&mut self) -> Result<u64, StoreError> {
        let runs: Vec<PathBuf> = self.runs()?.into_iter().map(|run| run.folder).collect();
        let mut bytes = 0;
        for path in files::names(&self.store)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            // A run that is being made or removed, and the note.
            if !runs.contains(&path) && !name.starts_with(&format!(".{RUN}")) && name != NOTE {
                bytes += bytes_at(&path)?;
            }
        }
        Ok(bytes)
    }

    /// Removes runs that nobody writes, oldest first, until the others fit.
    pub fn keep(&mut self) -> Result<Kept, StoreError> {
        let room = self.most / 8 * FILLED;
        let mut runs = self.runs()?;
        let mut kept = Kept { bytes: runs.iter().map(|run| run.bytes).sum(), ..Kept::default() };
        if kept.bytes <= room {
            return Ok(kept);
        }
        // Two recorders must not remove for the same bytes; who comes second looks again at its next window.
        let folder = File::open(&self.store).map_err(unread(&self.store))?;
        match folder.try_lock() {
            Ok(()) => removed::finish_all(&self.store)?,
            Err(fs::TryLockError::WouldBlock) => return Ok(kept),
            Err(fs::TryLockError::Error(error)) => return Err(unread(&self.store)(error)),
        }
        runs.sort_by(|a, b| (a.age.started_ns, &a.age.run).cmp(&(b.age.started_ns, &b.age.run)));
        for Candidate { folder, age, bytes } in runs {
            if kept.bytes <= room {
                break;
            }
            let Holder::Nobody { lock } = holder(&folder)? else { continue };
            removed::remove(&self.store, &folder, &age)?;
            drop(lock);
            self.sizes.remove(&age.run);
            kept.bytes -= bytes;
            let Age { run, started_ns, ended_ns } = age;
            kept.removed.push(RemovedRun { run, started_ns, ended_ns, bytes });
        }
        kept.is_over = kept.bytes > self.most;
        Ok(kept)
    }

    /// What in the store is a run: a folder, no link, with a header that names it.
    fn runs(&mut self) -> Result<Vec<Candidate>, StoreError> {
        let mut runs = Vec::new();
        for folder in files::names(&self.store)? {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some(id) = name.strip_prefix(RUN).filter(|id| check_id(id).is_ok()) else { continue };
            if folder.is_symlink() {
                continue;
            }
            let Some(age) = Age::of(&folder).filter(|age| age.run == id) else { continue };
            let known = self.sizes.get(id).copied().filter(|_| age.ended_ns.is_some());
            let bytes = known.map_or_else(|| bytes_of(&folder), Ok)?;
            // A run that has its end may still be merged.
            if age.ended_ns.is_some() && !folder.join(LOCK).exists() {
                self.sizes.insert(id.to_owned(), bytes);
            }
            runs.push(Candidate { folder, age, bytes });
        }
        Ok(runs)
    }
}

/// Who writes a run.
enum Holder {
    /// Nobody, and nobody can while we have its lock. A run that was ended has none.
    Nobody { lock: Option<File> },
    /// A recorder.
    Recorder,
}

fn holder(folder: &Path) -> Result<Holder, StoreError> {
    let path = folder.join(LOCK);
    let lock = match check_plain(&path).and_then(|()| File::open(&path).map_err(unread(&path))) {
        Err(StoreError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(Holder::Nobody { lock: None });
        }
        lock => lock?,
    };
    match lock.try_lock() {
        Ok(()) => Ok(Holder::Nobody { lock: Some(lock) }),
        Err(fs::TryLockError::WouldBlock) => Ok(Holder::Recorder),
        Err(fs::TryLockError::Error(error)) => Err(unread(&path)(error)),
    }
}

/// Bytes that a folder takes on the disk: a small file takes a whole block.
pub(crate) fn bytes_of(folder: &Path) -> Result<u64, StoreError> {
    files::names(folder)?.iter().map(|path| bytes_at(path)).sum()
}

fn bytes_at(path: &Path) -> Result<u64, StoreError> {
    const BLOCK: u64 = 512;
    match fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => bytes_of(path),
        Ok(about) => Ok(about.len().max(about.blocks() * BLOCK)),
        // Merged into another a moment ago.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(unread(path)(error)),
    }
}
