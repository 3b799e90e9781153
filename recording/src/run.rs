//! Reading one run.
//!
//! Lives here: what counts as recorded, in what order it is read, what is refused. Does not: which runs there are (see
//! `store`), any judgement of what was recorded.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use serde::Deserialize;

use crate::error::{StoreError, TableError, shown};
use crate::files::{self, HEADER, LOCK, check_plain, damaged, unread, window_files};
use crate::format::Format;
use crate::rows::{Container, Loss, LossKind, Recording, Window};
use crate::seal::{Contents, Seal, SealError, Seals};
use crate::table::{LATER_FOLDERS, Rows, Table, Windowed};
use crate::{Header, SchemaVersion};

/// Reads the rows of a run's sealed windows, sorted.
pub(crate) fn read(folder: &Path) -> Result<Recording, StoreError> {
    // First the lock, then the header, then the seals, then the rest: a writer goes the other way round, so whatever
    // it does meanwhile, an ended run is not taken for a broken one and a sealed window is not found without its rows.
    let live = is_live(folder)?;
    let (header, windows, seals) = read_seals(folder)?;
    let mut losses: Vec<Loss> = read_sealed(folder, &seals)?;
    if header.ended_ns.is_none() && !live {
        losses.push(cut_off(&windows));
    }
    Ok(Recording {
        header,
        calls: read_sealed(folder, &seals)?,
        errnos: read_sealed(folder, &seals)?,
        arguments: read_sealed(folder, &seals)?,
        values: read_sealed(folder, &seals)?,
        starts: read_sealed(folder, &seals)?,
        checks: read_sealed(folder, &seals)?,
        askers: read_sealed(folder, &seals)?,
        identities: read_sealed(folder, &seals)?,
        losses,
        programs: read_snapshot(folder, &seals)?,
        containers: read_snapshot(folder, &seals)?,
        windows,
    })
}

/// What a run is, and who is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// Its header.
    pub header: Header,
    /// Its sealed windows, sorted.
    pub windows: Vec<Window>,
    /// Its containers, sorted.
    pub containers: Vec<Container>,
    /// A recorder is writing it now.
    pub live: bool,
}

impl Outline {
    /// Whether it was cut off before its first window was sealed: nothing that was counted then is left.
    pub fn is_lost(&self) -> bool {
        self.header.ended_ns.is_none() && !self.live && self.windows.is_empty()
    }
}

/// Reads a run's outline.
pub(crate) fn outline(folder: &Path) -> Result<Outline, StoreError> {
    let live = is_live(folder)?;
    let (header, windows, seals) = read_seals(folder)?;
    Ok(Outline { header, windows, containers: read_snapshot(folder, &seals)?, live })
}

fn read_seals(folder: &Path) -> Result<(Header, Vec<Window>, Seals), StoreError> {
    let (header, contents) = read_header(folder)?;
    let rows = read_windows(folder)?;
    let seals = Seals::of(&rows, contents).map_err(not_whole(folder))?;
    Ok((header, rows.iter().map(Seal::window).collect(), seals))
}

/// Whether a recorder is writing the run now.
fn is_live(folder: &Path) -> Result<bool, StoreError> {
    let path = folder.join(LOCK);
    let lock = match check_plain(&path).and_then(|()| File::open(&path).map_err(unread(&path))) {
        // A run that was ended has no lock, and a copy of a run may have lost it.
        Err(StoreError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(false),
        lock => lock?,
    };
    match lock.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(fs::TryLockError::WouldBlock) => Ok(true),
        Err(fs::TryLockError::Error(error)) => Err(unread(&path)(error)),
    }
}

fn read_header(folder: &Path) -> Result<(Header, Option<Contents>), StoreError> {
    /// What every format that will ever be has.
    #[derive(Deserialize)]
    struct AnyHeader {
        schema: SchemaVersion,
        ctrec_version: String,
    }
    #[derive(Deserialize)]
    struct Ending {
        contents: Option<Contents>,
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
    let ending: Ending = serde_json::from_slice(&bytes).map_err(broken)?;
    Ok((serde_json::from_slice(&bytes).map_err(broken)?, ending.contents))
}

fn read_windows(folder: &Path) -> Result<Vec<Seal>, StoreError> {
    let mut windows: Vec<Seal> = read_windowed(folder)?.rows;
    windows.sort_by(Table::order);
    match windows.windows(2).find(|pair| pair[0].window == pair[1].window) {
        Some(pair) => Err(damaged(&folder.join(Seal::NAME))(TableError::Twice { window: pair[0].window })),
        None => Ok(windows),
    }
}

fn read_sealed<T: Windowed>(folder: &Path, seals: &Seals) -> Result<Vec<T>, StoreError> {
    let table: Rows<T> = read_windowed(folder)?;
    seals.check(&table).map_err(not_whole(folder))?;
    let mut rows = table.rows;
    rows.retain(|row| seals.has(row.window()));
    rows.sort_by(Table::order);
    Ok(rows)
}

fn read_windowed<T: Windowed>(folder: &Path) -> Result<Rows<T>, StoreError> {
    let mut table = Rows { rows: Vec::new(), lines: Vec::new() };
    let tables = folder.join(T::NAME);
    if LATER_FOLDERS.contains(&T::NAME) && !tables.try_exists().map_err(unread(&tables))? {
        return Ok(table); /* an older run; of a newer one, its seals tell that rows are missing */
    }
    for file in window_files(&tables)? {
        let more: Rows<T> = files::read_table(&file.path, file.format)?;
        if let Some(row) = more.rows.iter().find(|row| !file.windows.contains(&row.window())) {
            return Err(damaged(&file.path)(TableError::Outside { window: row.window() }));
        }
        table.rows.extend(more.rows);
        table.lines.extend(more.lines);
    }
    Ok(table)
}

fn read_snapshot<T: Table>(folder: &Path, seals: &Seals) -> Result<Vec<T>, StoreError> {
    let paths = Format::ALL.map(|format| (folder.join(T::NAME).with_extension(format.ending()), format));
    for (path, format) in &paths {
        if path.try_exists().map_err(unread(path))? {
            let table: Rows<T> = files::read_table(path, *format)?;
            seals.check_snapshot(&table).map_err(not_whole(folder))?;
            let mut rows = table.rows;
            rows.sort_by(Table::order);
            return Ok(rows);
        }
    }
    let [(path, _), _] = paths;
    Err(StoreError::Missing { path })
}

/// Makes an error of what is not as it was sealed.
fn not_whole(run: &Path) -> impl FnOnce(SealError) -> StoreError {
    let path = run.to_owned();
    move |source| StoreError::NotWhole { path, source }
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
