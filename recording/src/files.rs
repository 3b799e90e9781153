//! Files and folders of a run: their names, writing them whole or not at all, and finding them again.
//!
//! Lives here: what a kill at any moment may leave behind, and what a reader makes of it. Does not: rows.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use crate::checksum::Signer;
use crate::error::{StoreError, TableError};
use crate::format::Format;
use crate::parquet::Encoder;
use crate::table::{Rows, Table};
use crate::{ndjson, parquet};

/// The header's file.
pub(crate) const HEADER: &str = "run.json";
/// The file that a recorder holds locked while it writes the run.
pub(crate) const LOCK: &str = ".lock";
/// Far more than 64 windows of a large host: what is longer was made to exhaust the reader's memory.
const MOST_BYTES: u64 = 4 << 30;
/// What a run's folder starts with, as engines expect of a partition.
pub(crate) const RUN: &str = "run=";

/// Makes an error of a failed write.
pub(crate) fn unwritten(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Write { path, source }
}

/// Makes an error of a failed read.
pub(crate) fn unread(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Read { path, source }
}

/// Makes an error of bytes that are not what they should be.
pub(crate) fn damaged(path: &Path) -> impl FnOnce(TableError) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Damaged { path, source }
}

/// A file under a temporary name: written and synced, not yet visible. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Staged {
    temporary: PathBuf,
    target: PathBuf,
}

impl Staged {
    /// Writes what `fill` writes. The name starts with a dot, so that engines do not take it for a table's file.
    pub(crate) fn write(
        target: PathBuf,
        fill: impl FnOnce(&mut dyn Write) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let staged = Self { temporary: target.with_file_name(format!(".{name}.partial")), target };
        let failed = |source| StoreError::Write { path: staged.target.clone(), source };
        let file = File::create(&staged.temporary).map_err(failed)?;
        let mut out = Tap { out: BufWriter::new(file), error: None };
        // The Parquet library makes text of what the disk said; the disk's own words come first.
        let filled = fill(&mut out);
        if let Some(error) = out.error.take() {
            return Err(failed(error));
        }
        filled?;
        out.flush().and_then(|()| out.out.get_ref().sync_all()).map_err(failed)?;
        Ok(staged)
    }

    /// Stages a table's file, a batch of rows after the other.
    pub(crate) fn table<T: Table, B: AsRef<[T]>>(
        target: PathBuf,
        format: Format,
        batches: impl IntoIterator<Item = Result<B, StoreError>>,
    ) -> Result<Self, StoreError> {
        let path = target.clone();
        let failed = |source| StoreError::Encode { path: path.clone(), source };
        Self::write(target, |mut out| {
            match format {
                Format::Parquet => {
                    let mut signer = Signer::new(out);
                    let mut encoder = Encoder::start::<T>(&mut signer).map_err(failed)?;
                    for batch in batches {
                        encoder.append(batch?.as_ref()).map_err(failed)?;
                    }
                    encoder.finish().map_err(failed)?;
                    signer.finish().map_err(unwritten(&path))?;
                }
                Format::Json => {
                    for batch in batches {
                        ndjson::encode(batch?.as_ref(), &mut out).map_err(unwritten(&path))?;
                    }
                }
            }
            Ok(())
        })
    }

    /// Makes it visible, for good: replaces what has its name, and syncs the folder.
    pub(crate) fn publish(self) -> Result<(), StoreError> {
        fs::rename(&self.temporary, &self.target).map_err(unwritten(&self.target))?;
        sync_folder(self.target.parent().unwrap_or(Path::new(".")))
    }

    /// Where it will be visible.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Published, it is not there any more. A leftover that cannot be removed is never read, and is overwritten by
        // the next file of its name.
        drop(fs::remove_file(&self.temporary));
    }
}

/// Passes bytes on and keeps the first error that the disk gave.
struct Tap<W> {
    out: W,
    error: Option<io::Error>,
}

impl<W: Write> Tap<W> {
    fn keep<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result
            && error.kind() != io::ErrorKind::Interrupted
        {
            let copy = || error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
            self.error.get_or_insert_with(copy);
        }
        result
    }
}

impl<W: Write> Write for Tap<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.out.write(bytes);
        self.keep(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.out.flush();
        self.keep(result)
    }
}

/// Makes the names in a folder last.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritten(folder))
}

/// Removes a file that may not be there.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unwritten(path)(error)),
        _ => Ok(()),
    }
}

/// Reads a file. Into memory, not mapped: a mapped file that shrinks kills the process.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    check_plain(path)?;
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unread(path))?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unread(path))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(damaged(path)(TableError::TooLong { most: MOST_BYTES }));
    }
    Ok(bytes)
}

/// Refuses what no recorder makes. Asked before opening: opening a pipe would wait for its writer, and a link leads to
/// what is no part of the store.
pub(crate) fn check_plain(path: &Path) -> Result<(), StoreError> {
    let about = fs::symlink_metadata(path).map_err(unread(path))?;
    if !about.is_file() {
        return Err(damaged(path)(TableError::NotAFile));
    }
    if about.len() > MOST_BYTES { Err(damaged(path)(TableError::TooLong { most: MOST_BYTES })) } else { Ok(()) }
}

/// Reads all rows of a file.
pub(crate) fn read_table<T: Table>(path: &Path, format: Format) -> Result<Rows<T>, StoreError> {
    let bytes = read(path)?;
    let rows = match format {
        Format::Parquet => parquet::decode(&bytes),
        Format::Json => ndjson::decode(&bytes),
    };
    rows.map_err(damaged(path))
}

/// A file of a windowed table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WindowFile {
    /// First and last window that it covers.
    pub(crate) windows: RangeInclusive<u32>,
    /// How it is written.
    pub(crate) format: Format,
    /// Where it is.
    pub(crate) path: PathBuf,
}

impl WindowFile {
    /// The file of these windows in a table's folder.
    pub(crate) fn new(folder: &Path, windows: RangeInclusive<u32>, format: Format) -> Self {
        let name = format!("w{:06}-{:06}.{}", windows.start(), windows.end(), format.ending());
        Self { windows, format, path: folder.join(name) }
    }

    /// What a file's name says; `None`: the file is not ours.
    fn of_path(path: PathBuf) -> Option<Self> {
        let (range, ending) = path.file_name()?.to_str()?.strip_prefix('w')?.split_once('.')?;
        let (first, last) = range.split_once('-')?;
        let windows = first.parse().ok()?..=last.parse().ok()?;
        let format = Format::of_ending(ending)?;
        Some(Self { windows, format, path })
    }

    fn covers(&self, other: &Self) -> bool {
        self.windows.start() <= other.windows.start() && other.windows.end() <= self.windows.end()
    }
}

/// The files of a table's folder that together hold every window once. While small files are merged, the merged one and
/// some of the small ones are both there: the widest counts.
pub(crate) fn window_files(folder: &Path) -> Result<Vec<WindowFile>, StoreError> {
    if folder.is_symlink() {
        return Err(damaged(folder)(TableError::Link));
    }
    let mut files = steady_names(folder)?.into_iter().filter_map(WindowFile::of_path).collect::<Vec<_>>();
    files.sort_by_key(|file| (*file.windows.start(), std::cmp::Reverse(*file.windows.end()), file.format));
    let mut chosen: Vec<WindowFile> = Vec::new();
    for file in files {
        match chosen.last() {
            Some(last) if last.covers(&file) => {}
            Some(last) if file.windows.start() <= last.windows.end() => {
                return Err(StoreError::Overlap { first: last.path.clone(), second: file.path });
            }
            _ => chosen.push(file),
        }
    }
    Ok(chosen)
}

/// [`names`] of a folder that may change. One that is read while small files are being merged may show neither them nor
/// the merged one. Two equal readings in a row exclude that: the merged file is there
/// before the first small one goes, so the second reading would have it.
fn steady_names(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    const TRIES: usize = 100;
    let mut before = names(folder)?;
    for _ in 0..TRIES {
        let now = names(folder)?;
        if now == before {
            return Ok(now);
        }
        before = now;
    }
    Err(StoreError::Unsteady { path: folder.to_owned() })
}

/// The paths in a folder, sorted; none where there is no such folder.
pub(crate) fn names(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unread(folder))?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>();
    let mut paths = paths.map_err(unread(folder))?;
    paths.sort();
    Ok(paths)
}

/// Whether a run's folder holds nothing but what a recorder makes before its header: empty folders, and names that
/// start with a dot.
pub(crate) fn holds_nothing(folder: &Path) -> Result<bool, StoreError> {
    let is_data = |path: &PathBuf| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    for path in names(folder)?.into_iter().filter(is_data) {
        if path.is_symlink() || !path.is_dir() || names(&path)?.iter().any(is_data) {
            return Ok(false);
        }
    }
    Ok(true)
}
