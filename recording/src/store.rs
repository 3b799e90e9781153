//! Reading a store.
//!
//! Lives here: [`Store`], which runs there are. Does not: reading one (see `run`), any judgement of what was recorded.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{StoreError, shown};
use crate::files::{RUN, holds_nothing, unread};
use crate::removed::{self, NOTE, Removed};
use crate::rows::Recording;
use crate::run::{self, Outline};

/// A store: the folder that `ctrec record` writes.
#[derive(Debug, Clone)]
pub struct Store {
    path: PathBuf,
    runs: Vec<String>,
    empty: Vec<String>,
    unnamed: Vec<PathBuf>,
}

impl Store {
    /// Finds the runs of a store. One without any is an error.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) => {
                return Err(match error.kind() {
                    io::ErrorKind::NotFound => StoreError::NotFound { path },
                    io::ErrorKind::NotADirectory => StoreError::NotAFolder { path },
                    _ => unread(&path)(error),
                });
            }
        };
        let (mut runs, mut empty, mut unnamed) = (Vec::new(), Vec::new(), Vec::new());
        let mut others = false;
        for entry in entries {
            let entry = entry.map_err(unread(&path))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            match name.strip_prefix(RUN) {
                // One that cannot be looked into is a run: reading it says why.
                Some(run) if holds_nothing(&entry.path()).unwrap_or(false) => empty.push(run.to_owned()),
                Some(_) if entry.file_name().to_str().is_none() => unnamed.push(entry.path()),
                Some(run) => runs.push(run.to_owned()),
                None => others |= !name.starts_with('.') && name != NOTE,
            }
        }
        match (runs.is_empty() && unnamed.is_empty(), others) {
            (true, true) => Err(StoreError::NotAStore { path }),
            (true, false) => Err(StoreError::Empty { path }),
            (false, _) => {
                runs.sort();
                empty.sort();
                unnamed.sort();
                Ok(Self { path, runs, empty, unnamed })
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ids of the runs that were there when the store was opened, sorted.
    pub fn runs(&self) -> &[String] {
        &self.runs
    }

    /// Ids of runs that hold nothing, not even a header, and so are left out: whoever made the folder was killed before
    /// anything was in it. Sorted.
    pub fn empty_runs(&self) -> &[String] {
        &self.empty
    }

    /// Folders that are called like a run, less that the name is no text, so that no id can be told. Sorted.
    pub fn unnamed_runs(&self) -> &[PathBuf] {
        &self.unnamed
    }

    /// What was removed from it to keep it small, and is missing from everything that is made from it. Read when it is
    /// asked for: the runs that are left are readable whatever the note is.
    pub fn removed(&self) -> Result<Option<Removed>, StoreError> {
        removed::read(&self.path)
    }

    /// Reads a run: the rows of its sealed windows, sorted. One that is being written is read as far as it is sealed.
    pub fn read(&self, run: &str) -> Result<Recording, StoreError> {
        self.read_steady(run, run::read)
    }

    /// Reads what a run is and which containers are in it: enough to find out whether to read the rest.
    pub fn outline(&self, run: &str) -> Result<Outline, StoreError> {
        self.read_steady(run, run::outline)
    }

    /// Reads all runs, in the order of their ids.
    pub fn read_all(&self) -> Result<Vec<Recording>, StoreError> {
        if let Some(path) = self.unnamed.first() {
            return Err(StoreError::NoName { path: path.clone() });
        }
        self.runs.iter().map(|run| self.read(run)).collect()
    }

    fn read_steady<T>(&self, run: &str, read: fn(&Path) -> Result<T, StoreError>) -> Result<T, StoreError> {
        /// A live recorder merges files once in 64 windows: to meet that twice in a row is already absurd.
        const TRIES: usize = 5;
        if !self.runs.iter().any(|known| known == run) {
            let runs = self.runs.iter().map(|run| shown(run)).collect();
            return Err(StoreError::NoSuchRun { store: self.path.clone(), run: run.to_owned(), runs });
        }
        let folder = self.path.join(format!("{RUN}{run}"));
        for _ in 0..TRIES {
            match read(&folder) {
                // A file that was there a moment ago was merged into another.
                Err(StoreError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                Err(_) if !folder.exists() => return Err(StoreError::Gone { path: folder }),
                other => return other,
            }
        }
        Err(StoreError::Unsteady { path: folder })
    }
}
