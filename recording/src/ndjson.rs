//! NDJSON: one row a line, one JSON object with a member a column.
//!
//! Lives here: rows to lines and back. Does not: which columns there are (see `table`), files.

use std::io::{self, Write};

use serde_json::{Error, Value};

use crate::checksum;
use crate::error::{TableError, shown};
use crate::table::{Rows, Table};

/// Appends rows, a line each.
pub(crate) fn encode<T: Table>(rows: &[T], out: &mut impl Write) -> io::Result<()> {
    for row in rows {
        serde_json::to_writer(&mut *out, row)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Reads rows. Members that no column is named after are ignored; a missing one is an error, an optional one too.
pub(crate) fn decode<T: Table>(bytes: &[u8]) -> Result<Rows<T>, TableError> {
    let lines = || bytes.split_inclusive(|byte| *byte == b'\n');
    let rows = lines().enumerate().map(|(index, line)| row(index + 1, line)).collect::<Result<_, _>>()?;
    Ok(Rows { rows, lines: lines().map(checksum::of_line).collect() })
}

fn row<T: Table>(number: usize, line: &[u8]) -> Result<T, TableError> {
    // One that was cut at a line's end is found by what its seal says.
    let line = line.strip_suffix(b"\n").ok_or(TableError::CutLine { line: number })?;
    let broken = |error: Error| TableError::Line { line: number, message: said(&error) };
    let value: Value = serde_json::from_slice(line).map_err(broken)?;
    if let Some(column) = T::required().find(|column| value.get(column).is_none()) {
        return Err(TableError::Line { line: number, message: format!("column `{column}` is missing") });
    }
    serde_json::from_value(value).map_err(broken)
}

/// What the error says, without its own count of lines: that one is always 1.
fn said(error: &Error) -> String {
    let text = error.to_string();
    let message = shown(text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message));
    if error.column() == 0 { message } else { format!("{message}, at column {}", error.column()) }
}
