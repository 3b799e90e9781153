//! Reading a store.
//!
//! Lives here: [`Store`], what counts as recorded, what is refused. Does not: any judgement of what was recorded.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{StoreError, TableError, shown};
use crate::files::{self, HEADER, LOCK, RUN, damaged, unread, window_files};
use crate::format::Format;
use crate::rows::{Loss, LossKind, Recording, Window};
use crate::table::{Table, Windowed};
use crate::{Header, SchemaVersion};

/// A store: the folder that `ctrec record` writes.
#[derive(Debug, Clone)]
pub struct Store {
    path: PathBuf,
    runs: Vec<String>,
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
        let mut runs = Vec::new();
        let mut others = false;
        for entry in entries {
            let name = entry.map_err(unread(&path))?.file_name();
            let name = name.to_string_lossy();
            match name.strip_prefix(RUN) {
                Some(run) => runs.push(run.to_owned()),
                None => others |= !name.starts_with('.'),
            }
        }
        match (runs.is_empty(), others) {
            (true, true) => Err(StoreError::NotAStore { path }),
            (true, false) => Err(StoreError::Empty { path }),
            (false, _) => {
                runs.sort();
                Ok(Self { path, runs })
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

    /// Reads a run: the rows of its sealed windows, sorted. One that is being written is read as far as it is sealed.
    pub fn read(&self, run: &str) -> Result<Recording, StoreError> {
        /// A live recorder merges files once in 64 windows: to meet that twice in a row is already absurd.
        const TRIES: usize = 5;
        if !self.runs.iter().any(|known| known == run) {
            let runs = self.runs.iter().map(|run| shown(run)).collect();
            return Err(StoreError::NoSuchRun { store: self.path.clone(), run: run.to_owned(), runs });
        }
        let folder = self.path.join(format!("{RUN}{run}"));
        for _ in 0..TRIES {
            match read_run(&folder) {
                // A file that was there a moment ago was merged into another.
                Err(StoreError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                other => return other,
            }
        }
        Err(StoreError::Unsteady { path: folder })
    }

    /// Reads all runs, in the order of their ids.
    pub fn read_all(&self) -> Result<Vec<Recording>, StoreError> {
        self.runs.iter().map(|run| self.read(run)).collect()
    }
}

fn read_run(folder: &Path) -> Result<Recording, StoreError> {
    // First the lock, then the header, then the seals, then the rest: a writer goes the other way round, so whatever
    // it does meanwhile, an ended run is not taken for a broken one and a sealed window is not found without its rows.
    let live = is_live(folder)?;
    let header = read_header(folder)?;
    let windows = read_windows(folder)?;
    let sealed = windows.iter().map(|window| window.window).collect::<BTreeSet<_>>();
    let mut losses: Vec<Loss> = read_sealed(folder, &sealed)?;
    if header.ended_ns.is_none() && !live {
        losses.push(cut_off(&windows));
    }
    Ok(Recording {
        header,
        calls: read_sealed(folder, &sealed)?,
        errnos: read_sealed(folder, &sealed)?,
        arguments: read_sealed(folder, &sealed)?,
        starts: read_sealed(folder, &sealed)?,
        losses,
        programs: read_snapshot(folder)?,
        containers: read_snapshot(folder)?,
        windows,
    })
}

/// Whether a recorder is writing the run now.
fn is_live(folder: &Path) -> Result<bool, StoreError> {
    let path = folder.join(LOCK);
    let lock = match File::open(&path) {
        // A run that was ended has no lock, and a copy of a run may have lost it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        lock => lock.map_err(unread(&path))?,
    };
    match lock.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(fs::TryLockError::WouldBlock) => Ok(true),
        Err(fs::TryLockError::Error(error)) => Err(unread(&path)(error)),
    }
}

fn read_header(folder: &Path) -> Result<Header, StoreError> {
    /// What every format that will ever be has.
    #[derive(Deserialize)]
    struct AnyHeader {
        schema: SchemaVersion,
        ctrec_version: String,
    }
    let path = folder.join(HEADER);
    let bytes = match files::read(&path) {
        Err(StoreError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Err(StoreError::Missing { path });
        }
        bytes => bytes?,
    };
    let broken = |error: serde_json::Error| damaged(&path)(TableError::Header { message: shown(&error.to_string()) });
    let any: AnyHeader = serde_json::from_slice(&bytes).map_err(broken)?;
    if any.schema.major != SchemaVersion::CURRENT.major {
        let writer = shown(&any.ctrec_version);
        return Err(StoreError::UnknownFormat { path: folder.to_owned(), writer, found: any.schema });
    }
    serde_json::from_slice(&bytes).map_err(broken)
}

fn read_windows(folder: &Path) -> Result<Vec<Window>, StoreError> {
    let mut windows: Vec<Window> = read_windowed(folder)?;
    windows.sort_by(Table::order);
    match windows.windows(2).find(|pair| pair[0].window == pair[1].window) {
        Some(pair) => Err(damaged(&folder.join(Window::NAME))(TableError::Twice { window: pair[0].window })),
        None => Ok(windows),
    }
}

fn read_sealed<T: Windowed>(folder: &Path, sealed: &BTreeSet<u32>) -> Result<Vec<T>, StoreError> {
    let mut rows: Vec<T> = read_windowed(folder)?;
    rows.retain(|row| sealed.contains(&row.window()));
    rows.sort_by(Table::order);
    Ok(rows)
}

fn read_windowed<T: Windowed>(folder: &Path) -> Result<Vec<T>, StoreError> {
    let mut rows = Vec::new();
    for file in window_files(&folder.join(T::NAME))? {
        let more: Vec<T> = files::read_table(&file.path, file.format)?;
        if let Some(row) = more.iter().find(|row| !file.windows.contains(&row.window())) {
            return Err(damaged(&file.path)(TableError::Outside { window: row.window() }));
        }
        rows.extend(more);
    }
    Ok(rows)
}

fn read_snapshot<T: Table>(folder: &Path) -> Result<Vec<T>, StoreError> {
    let paths = Format::ALL.map(|format| (folder.join(T::NAME).with_extension(format.ending()), format));
    for (path, format) in &paths {
        if path.try_exists().map_err(unread(path))? {
            let mut rows: Vec<T> = files::read_table(path, *format)?;
            rows.sort_by(Table::order);
            return Ok(rows);
        }
    }
    let [(path, _), _] = paths;
    Err(StoreError::Missing { path })
}

fn cut_off(windows: &[Window]) -> Loss {
    let last = windows.last().map_or(0, |window| window.window);
    Loss {
        window: last.saturating_add(1),
        container: None,
        kind: LossKind::CutOff,
        count: 1,
        detail: "the header has no end".to_owned(),
    }
}
