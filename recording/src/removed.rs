//! What was removed from a store to keep it small, and is therefore missing from everything made from it.
//!
//! Lives here: the note that stays in the store, `removed.json`. Does not: when a run is removed (see `budget`).

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{StoreError, shown};
use crate::files::{self, HEADER, RUN, Staged, unwritten};

/// The note's file.
pub(crate) const NOTE: &str = "removed.json";
/// How the folder of a run ends that is being removed. It starts with a dot, so it is no run any more.
const GOING: &str = ".removed";

/// How many runs were removed from a store, and when they were recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Removed {
    /// How many.
    pub runs: u64,
    /// When the first of them began, ns since the epoch.
    pub first_ns: i64,
    /// When the last of them ended, ns since the epoch; when it began, if it was cut off.
    pub last_ns: i64,
}

impl Removed {
    /// What is wrong with it; `None`: nothing.
    fn flaw(&self) -> Option<&'static str> {
        match self {
            Self { runs: 0, .. } => Some("it counts no run"),
            Self { first_ns, last_ns, .. } if first_ns > last_ns => Some("its runs end before they begin"),
            _ => None,
        }
    }

    /// Whether a run may be among them that was recorded until this moment.
    pub fn reaches(&self, ns: i64) -> bool {
        self.first_ns < ns && ns <= self.last_ns
    }

    /// One more.
    fn with(before: Option<Self>, run: &Age) -> Self {
        // A clock that was set back meanwhile makes no note that ends before it begins.
        let ended_ns = run.ended_ns.unwrap_or(run.started_ns).max(run.started_ns);
        match before {
            None => Self { runs: 1, first_ns: run.started_ns, last_ns: ended_ns },
            Some(Self { runs, first_ns, last_ns }) => Self {
                runs: runs.saturating_add(1),
                first_ns: first_ns.min(run.started_ns),
                last_ns: last_ns.max(ended_ns),
            },
        }
    }
}

/// Of a header, what says which run is the oldest. Every format has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Age {
    pub(crate) run: String,
    pub(crate) started_ns: i64,
    pub(crate) ended_ns: Option<i64>,
}

impl Age {
    /// That of a run; `None`: the folder has no header that says so, and is left alone.
    pub(crate) fn of(folder: &Path) -> Option<Self> {
        let bytes = files::read(&folder.join(HEADER)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}

/// What was removed from a store, and what is about to be.
pub(crate) fn read(store: &Path) -> Result<Option<Removed>, StoreError> {
    let going = going(store)?;
    Ok(going
        .iter()
        .filter_map(|folder| Age::of(folder))
        .fold(noted(store)?, |before, run| Some(Removed::with(before, &run))))
}

fn noted(store: &Path) -> Result<Option<Removed>, StoreError> {
    let path = store.join(NOTE);
    let bad = |message: String| StoreError::BadNote { path: path.clone(), message };
    let bytes = match files::read(&path) {
        Err(StoreError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(StoreError::Damaged { source, .. }) => return Err(bad(source.to_string())),
        bytes => bytes?,
    };
    let removed: Removed = serde_json::from_slice(&bytes).map_err(|error| bad(shown(&error.to_string())))?;
    match removed.flaw() {
        Some(flaw) => Err(bad(flaw.to_owned())),
        None => Ok(Some(removed)),
    }
}

/// Notes one more.
fn note(store: &Path, run: &Age) -> Result<(), StoreError> {
    let path = store.join(NOTE);
    let removed = Removed::with(noted(store)?, run);
    let staged = Staged::write(path.clone(), |out| {
        serde_json::to_writer(&mut *out, &removed).map_err(|error| unwritten(&path)(error.into()))?;
        out.write_all(b"\n").map_err(unwritten(&path))
    })?;
    staged.publish()
}

/// Removes a run that nobody writes, and notes it.
///
/// A note that is there and cannot be read comes first: then nothing is removed. In this order: the run loses its name, so that nobody reads half of it; its tables go, so that a disk that is full has
/// room for the note; then the note; then the header, which until then says for itself that the run was removed.
pub(crate) fn remove(store: &Path, folder: &Path, run: &Age) -> Result<(), StoreError> {
    noted(store)?;
    let going = store.join(format!(".{RUN}{}{GOING}", run.run));
    std::fs::rename(folder, &going).map_err(unwritten(folder))?;
    finish(store, &going)
}

/// Removes what somebody left who was killed while removing.
pub(crate) fn finish_all(store: &Path) -> Result<(), StoreError> {
    going(store)?.iter().try_for_each(|folder| finish(store, folder))
}

fn finish(store: &Path, going: &Path) -> Result<(), StoreError> {
    for path in files::names(going)?.iter().filter(|path| !path.ends_with(HEADER)) {
        let gone = if path.is_dir() && !path.is_symlink() {
            std::fs::remove_dir_all(path)
        } else {
            std::fs::remove_file(path)
        };
        gone.map_err(unwritten(path))?;
    }
    if let Some(run) = Age::of(going) {
        note(store, &run)?;
    }
    std::fs::remove_dir_all(going).map_err(unwritten(going))
}

/// Folders of runs that are being removed.
fn going(store: &Path) -> Result<Vec<std::path::PathBuf>, StoreError> {
    let mut folders = files::names(store)?;
    folders.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&format!(".{RUN}")) && name.ends_with(GOING) && path.is_dir() && !path.is_symlink()
    });
    Ok(folders)
}
