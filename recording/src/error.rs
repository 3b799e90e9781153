//! What can go wrong with a store, and what to do about it.
//!
//! Lives here: the two error types. Texts that come out of a file are escaped and cut before they get in here: whoever
//! wrote the file chose them.

use std::io;
use std::path::PathBuf;

use polars::prelude::PolarsError;

use crate::SchemaVersion;
use crate::seal::SealError;

/// A store, a run or a file that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Nothing is at the path.
    #[error("there is no store at {path:?}: record one with `ctrec record`, or name the folder that holds it")]
    NotFound {
        /// Where the store was looked for.
        path: PathBuf,
    },
    /// Something is at the path that is not a folder.
    #[error("{path:?} is not a folder: name the folder that `ctrec record` wrote")]
    NotAFolder {
        /// Where the store was looked for.
        path: PathBuf,
    },
    /// What stands where a folder of the store's path should be is none.
    #[error("{path:?} is there and is not a folder: choose another place for the store")]
    InTheWay {
        /// What stands there.
        path: PathBuf,
    },
    /// A link stands where a folder of the store's path should be, and leads nowhere.
    #[error(
        "{path:?} is a link to a folder that is not there: make that folder, or choose another place for the store"
    )]
    DanglingLink {
        /// The link.
        path: PathBuf,
    },
    /// The folder is empty.
    #[error("{path:?} holds no run yet: record one with `ctrec record --output {path:?}`")]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds other things, and no run.
    #[error("{path:?} holds other files and no run, so it is not a store: choose another folder")]
    NotAStore {
        /// The folder.
        path: PathBuf,
    },
    /// The store has no such run.
    #[error("{store:?} has no run {run:?}; it has: {}", .runs.join(", "))]
    NoSuchRun {
        /// The store.
        store: PathBuf,
        /// What was asked for.
        run: String,
        /// What there is.
        runs: Vec<String>,
    },
    /// A run of this id is in the store already.
    #[error("{path:?} is there already: a run never overwrites another, give this one an id of its own")]
    RunExists {
        /// The folder of the run that is there.
        path: PathBuf,
    },
    /// The id cannot be part of a folder's name.
    #[error(
        "{run:?} cannot be the id of a run: use 1 to 100 letters, digits, `.`, `_` and `-`, and no `.` at the start"
    )]
    BadRunId {
        /// The id.
        run: String,
    },
    /// A header was given to the writer of another run.
    #[error("the header of run {header:?} was given to the writer of run {writer:?}")]
    WrongRun {
        /// The header's run.
        header: String,
        /// The writer's run.
        writer: String,
    },
    /// Windows must be sealed in order, once each.
    #[error("window {window} cannot be sealed after window {last}: windows are sealed in order, once each, from 1")]
    OutOfOrder {
        /// The window of the segment.
        window: u32,
        /// The window that was sealed last; 0 where none was.
        last: u32,
    },
    /// A row of a segment is of another window.
    #[error("a row of window {row} is in table {table} of the segment of window {window}")]
    StrayRow {
        /// The row's window.
        row: u32,
        /// The segment's window.
        window: u32,
        /// The table.
        table: &'static str,
    },
    /// The operating system would not let us write.
    #[error("cannot write {path:?} ({})", advice(.source, "writable"))]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The operating system would not let us read.
    #[error("cannot read {path:?} ({})", advice(.source, "readable"))]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The rows could not be brought into the format: a bug, never the disk.
    #[error("cannot encode {path:?}")]
    Encode {
        /// The file.
        path: PathBuf,
        /// Why.
        source: TableError,
    },
    /// The run was written in a format that this ctrec does not know.
    #[error(
        "{path:?} was written by ctrec {writer}, format {}.{}; this ctrec reads {}.x: use a newer ctrec",
        .found.major, .found.minor, SchemaVersion::CURRENT.major
    )]
    UnknownFormat {
        /// The run's folder.
        path: PathBuf,
        /// The version of the ctrec that wrote it.
        writer: String,
        /// Its format.
        found: SchemaVersion,
    },
    /// A file is missing that every run has.
    #[error("{path:?} is missing: move the run's folder away and run again, the other runs stay readable")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A file is not what ctrec writes.
    #[error("{path:?} is damaged: move the run's folder away and run again, the other runs stay readable")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: TableError,
    },
    /// Something is missing, or was changed, that was there when it was sealed.
    #[error(
        "{path:?} is not whole: restore its files, or move the run's folder away, and run again; the other runs stay \
         readable"
    )]
    NotWhole {
        /// The run's folder.
        path: PathBuf,
        /// What is missing.
        source: SealError,
    },
    /// Two files hold some of the same windows: counting both would count twice.
    #[error("{first:?} and {second:?} hold some of the same windows: move one of them away and run again")]
    Overlap {
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// Files came and went for as long as we tried.
    #[error("{path:?} changes faster than it can be read: try again")]
    Unsteady {
        /// The folder.
        path: PathBuf,
    },
    /// The run was there when the store was opened.
    #[error("{path:?} was removed while it was about to be read: run again for what is left")]
    Gone {
        /// The run's folder.
        path: PathBuf,
    },
    /// The run's folder is not there any more, or another is in its place.
    #[error("{path:?} was removed while it was written")]
    Removed {
        /// The run's folder.
        path: PathBuf,
    },
    /// A folder is called like a run, less that its name is no text.
    #[error("{path:?} has a name that no run has: give it its own again, or move it away, and run again")]
    NoName {
        /// The folder.
        path: PathBuf,
    },
    /// The note of what was removed is not what ctrec writes.
    #[error(
        "{path:?} does not say what was removed from the store ({message}): move that file away and run again; which \
         runs are missing is then not known"
    )]
    BadNote {
        /// The note.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A store cannot be kept so small.
    #[error("a store cannot be kept within {bytes} bytes: give it at least {least}")]
    SmallBudget {
        /// What was asked for.
        bytes: u64,
        /// The least.
        least: u64,
    },
    /// The run is complete, only its small files could not be merged.
    #[error("the recording is complete and readable, but its small files could not be merged")]
    Unmerged {
        /// Why.
        source: Box<StoreError>,
    },
}

/// What is wrong inside a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The Parquet library says no.
    #[error("{message}")]
    Parquet {
        /// What it said.
        message: String,
    },
    /// A Parquet file without the checksum that ctrec writes.
    #[error("it is cut off, or no Parquet file that ctrec wrote")]
    Unsigned,
    /// A Parquet file whose checksum is not that of its bytes.
    #[error("its checksum is wrong: it was changed after it was written")]
    Changed,
    /// A column is not there.
    #[error("column `{column}` is missing")]
    MissingColumn {
        /// Its name.
        column: String,
    },
    /// A column is of another type.
    #[error("column `{column}` holds {found}, not {expected}")]
    WrongType {
        /// Its name.
        column: String,
        /// The type that it has.
        found: String,
        /// The type that it must have.
        expected: String,
    },
    /// A value is not there.
    #[error("column `{column}` has no value in row {row}")]
    MissingValue {
        /// The column.
        column: String,
        /// Row, from 0.
        row: usize,
    },
    /// A name that this ctrec does not know.
    #[error("column `{column}` has the unknown name `{name}` in row {row}")]
    UnknownName {
        /// The column.
        column: String,
        /// Row, from 0.
        row: usize,
        /// The name.
        name: String,
    },
    /// A line of NDJSON is broken.
    #[error("line {line}: {message}")]
    Line {
        /// Line, from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// The last line of NDJSON has no end.
    #[error("line {line} is cut off")]
    CutLine {
        /// Line, from 1.
        line: usize,
    },
    /// The header is not what a header is.
    #[error("it is not a header: {message}")]
    Header {
        /// What is wrong with it.
        message: String,
    },
    /// A pipe, a device, a folder or a link.
    #[error("it is not a regular file")]
    NotAFile,
    /// Longer than any file that ctrec writes.
    #[error("it is longer than {most} bytes, and no file of a recording is")]
    TooLong {
        /// The most that is read, in bytes.
        most: u64,
    },
    /// A folder that is a link.
    #[error("it is a link, not a folder")]
    Link,
    /// The columns of a file are not equally long.
    #[error("its columns are not equally long")]
    Uneven,
    /// A row is of a window that the file's name does not name.
    #[error("it has a row of window {window}, which its name does not cover")]
    Outside {
        /// The row's window.
        window: u32,
    },
    /// A window is there twice.
    #[error("window {window} is there twice")]
    Twice {
        /// The window.
        window: u32,
    },
}

impl From<PolarsError> for TableError {
    fn from(error: PolarsError) -> Self {
        Self::Parquet { message: shown(&error.to_string()) }
    }
}

/// Text out of a file, fit for a terminal: escaped, and cut where it gets long.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 160;
    let mut escaped = text.chars().take(LONGEST).flat_map(char::escape_debug).collect::<String>();
    if text.chars().nth(LONGEST).is_some() {
        escaped.push('…');
    }
    escaped
}

fn advice(error: &io::Error, wanted: &str) -> String {
    /// EMFILE, which the standard library has no name for.
    const TOO_MANY_FILES: i32 = 24;
    match error.kind() {
        _ if error.raw_os_error() == Some(TOO_MANY_FILES) => "raise the limit: ulimit -n".to_owned(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full: free some space, or choose a folder on another disk".to_owned()
        }
        io::ErrorKind::PermissionDenied => format!("choose a folder that is {wanted} for you, or use sudo"),
        io::ErrorKind::ReadOnlyFilesystem => "the disk is read-only: choose a folder on another one".to_owned(),
        _ => format!("is the folder there, and {wanted}?"),
    }
}
