//! What seals say: how many rows each table has, so that a file, a line or a window that is missing later is noticed.
//!
//! Lives here: the `windows` row, what the header says of an ended run, and comparing either with what is found.
//! Does not: reading or writing files (see `store` and `writer`).
//!
//! Each window says it of its own rows, in `windows`: merging windows into one file changes nothing of that. Tables
//! that are replaced whole only grow while a run goes on, so a window says how many rows they had at least; the header
//! of an ended run says it exactly.

use std::collections::BTreeMap;
use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

use crate::checksum;
use crate::format::Format;
use crate::ndjson;
use crate::rows::{Segment, Window};
use crate::table::{Rows, Table, Windowed};

/// What is not as it was sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// A window is missing.
    #[error("window {window} is missing")]
    Window {
        /// The window.
        window: u32,
    },
    /// A table has more or fewer rows.
    #[error("{place} has {found} rows, and had {sealed}")]
    Rows {
        /// Where.
        place: Place,
        /// How many there are.
        found: u64,
        /// How many there were.
        sealed: u64,
    },
    /// Lines were changed.
    #[error("{place} was changed")]
    Changed {
        /// Where.
        place: Place,
    },
    /// What a window says of its tables is not what ctrec writes.
    #[error("what window {window} says of its tables cannot be read")]
    Unreadable {
        /// The window.
        window: u32,
        /// Why.
        source: serde_json::Error,
    },
}

/// A table, or the part of it that a window added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Name of the table.
    pub table: &'static str,
    /// The window; `None` for a table that is replaced whole.
    pub window: Option<u32>,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.window {
            Some(window) => write!(formatter, "window {window} of table {}", self.table),
            None => write!(formatter, "table {}", self.table),
        }
    }
}

/// How many rows, by table.
pub(crate) type Tallies = BTreeMap<String, Tally>;

/// A row of `windows`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seal {
    pub(crate) window: u32,
    pub(crate) start_ns: i64,
    pub(crate) end_ns: i64,
    /// The window that was sealed before; 0: none was. Since format 1.1.
    pub(crate) previous: Option<u32>,
    /// JSON object: a [`Tally`] for each table. Since format 1.1.
    pub(crate) tables_json: Option<String>,
}

/// What the header of an ended run says. Since format 1.1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contents {
    /// The window that was sealed last; 0: none was.
    pub(crate) last_window: u32,
    /// Rows of the tables that are replaced whole.
    pub(crate) tables: Tallies,
}

/// How many rows, and what their lines add up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) rows: u64,
    /// Sum of the lines' checksums. Of NDJSON alone: a Parquet file has a checksum of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checksum: Option<u64>,
}

/// Counts rows that are about to be written: the table's name and its tally.
pub(crate) fn tally<T: Table>(rows: &[T], format: Format) -> io::Result<(String, Tally)> {
    let mut tally = Tally::default();
    let mut line = Vec::new();
    for row in rows {
        line.clear();
        if format == Format::Json {
            ndjson::encode(std::slice::from_ref(row), &mut line)?;
        }
        tally.add((!line.is_empty()).then(|| checksum::of_line(&line)));
    }
    Ok((T::NAME.to_owned(), tally))
}

impl Tally {
    /// Counts a row, with the checksum of its line where it has one.
    fn add(&mut self, line: Option<u64>) {
        self.rows += 1;
        if let Some(line) = line {
            self.checksum = Some(self.checksum.unwrap_or_default().wrapping_add(line));
        }
    }

    fn compare(self, sealed: Self, table: &'static str, window: Option<u32>) -> Result<(), SealError> {
        let place = Place { table, window };
        if self.rows != sealed.rows {
            return Err(SealError::Rows { place, found: self.rows, sealed: sealed.rows });
        }
        if self == sealed { Ok(()) } else { Err(SealError::Changed { place }) }
    }
}

/// What a run was sealed with, to compare with what is found.
#[derive(Debug)]
pub(crate) struct Seals {
    /// By window.
    tallies: BTreeMap<u32, Tallies>,
    contents: Option<Contents>,
}

impl Seals {
    /// Reads the seals, which must be in order, and finds out whether one is missing.
    pub(crate) fn of(rows: &[Seal], contents: Option<Contents>) -> Result<Self, SealError> {
        let mut before = 0;
        for row in rows {
            match row.previous {
                Some(previous) if previous != before => return Err(SealError::Window { window: previous }),
                _ => before = row.window,
            }
        }
        match &contents {
            Some(contents) if contents.last_window != before => Err(SealError::Window { window: contents.last_window }),
            _ => {
                let tallies = rows.iter().map(|row| Ok((row.window, row.tallies()?)));
                Ok(Self { tallies: tallies.collect::<Result<_, _>>()?, contents })
            }
        }
    }

    /// Whether the window was sealed.
    pub(crate) fn has(&self, window: u32) -> bool {
        self.tallies.contains_key(&window)
    }

    /// Compares all rows of a table that has files for windows.
    pub(crate) fn check<T: Windowed>(&self, table: &Rows<T>) -> Result<(), SealError> {
        let mut found: BTreeMap<u32, Tally> = BTreeMap::new();
        for (index, row) in table.rows.iter().enumerate() {
            found.entry(row.window()).or_default().add(table.lines.get(index).copied());
        }
        for (window, tallies) in &self.tallies {
            if let Some(sealed) = tallies.get(T::NAME) {
                found.get(window).copied().unwrap_or_default().compare(*sealed, T::NAME, Some(*window))?;
            }
        }
        Ok(())
    }

    /// Compares all rows of a table that is replaced whole.
    pub(crate) fn check_snapshot<T: Table>(&self, table: &Rows<T>) -> Result<(), SealError> {
        let mut found = Tally::default();
        (0..table.rows.len()).for_each(|index| found.add(table.lines.get(index).copied()));
        if let Some(sealed) = self.contents.as_ref().and_then(|contents| contents.tables.get(T::NAME)) {
            return found.compare(*sealed, T::NAME, None);
        }
        let last = self.tallies.last_key_value().and_then(|(_, tallies)| tallies.get(T::NAME));
        match last {
            Some(last) if found.rows < last.rows => found.compare(*last, T::NAME, None),
            _ => Ok(()),
        }
    }
}

impl Seal {
    /// The row that seals a window.
    pub(crate) fn of(segment: &Segment, previous: u32, snapshot: Tallies, format: Format) -> io::Result<Self> {
        let Window { window, start_ns, end_ns } = segment.window;
        let mut tables = snapshot;
        tables.extend([
            tally(&segment.calls, format)?,
            tally(&segment.errnos, format)?,
            tally(&segment.arguments, format)?,
            tally(&segment.values, format)?,
            tally(&segment.starts, format)?,
            tally(&segment.checks, format)?,
            tally(&segment.askers, format)?,
            tally(&segment.identities, format)?,
            tally(&segment.losses, format)?,
        ]);
        let tables_json = Some(serde_json::to_string(&tables)?);
        Ok(Self { window, start_ns, end_ns, previous: Some(previous), tables_json })
    }

    /// The window, as everybody else knows it.
    pub(crate) fn window(&self) -> Window {
        Window { window: self.window, start_ns: self.start_ns, end_ns: self.end_ns }
    }

    fn tallies(&self) -> Result<Tallies, SealError> {
        let Some(json) = &self.tables_json else { return Ok(Tallies::new()) };
        serde_json::from_str(json).map_err(|source| SealError::Unreadable { window: self.window, source })
    }
}
