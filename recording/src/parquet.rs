//! Parquet: rows to bytes and back, and the fence around the library that does it.
//!
//! Lives here: every use of the Parquet reader and writer. Does not: which columns there are (see `table`), files.
//! Everything runs on the caller's thread: the library's pool of threads would cost the recorder memory and win
//! nothing on tables of this size.

use std::cell::Cell;
use std::io::{Cursor, Write};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use polars::prelude::{
    BatchedWriter, DataFrame, FileMetadata, ParallelStrategy, ParquetCompression, ParquetReader, ParquetWriter,
    SerReader,
};

use crate::error::{TableError, shown};
use crate::table::Table;

/// Writes one file, a row group a batch.
pub(crate) struct Encoder<W: Write> {
    writer: BatchedWriter<W>,
}

impl<W: Write> Encoder<W> {
    /// Starts a file.
    pub(crate) fn start<T: Table>(out: W) -> Result<Self, TableError> {
        let schema = frame::<T>(&[])?.schema().clone();
        // Snappy: every engine reads it, and it needs no context of its own as zstd does.
        let writer = ParquetWriter::new(out).with_compression(ParquetCompression::Snappy).set_parallel(false);
        Ok(Self { writer: writer.batched(&schema)? })
    }

    /// Appends rows.
    pub(crate) fn append<T: Table>(&mut self, rows: &[T]) -> Result<(), TableError> {
        Ok(self.writer.write_batch(&frame(rows)?)?)
    }

    /// Writes the footer, without which the file is nothing.
    pub(crate) fn finish(self) -> Result<(), TableError> {
        self.writer.finish()?;
        Ok(())
    }
}

fn frame<T: Table>(rows: &[T]) -> Result<DataFrame, TableError> {
    Ok(DataFrame::new(rows.len(), T::columns(rows))?)
}

/// Reads rows. Columns that the table does not have are ignored.
pub(crate) fn decode<T: Table>(bytes: &[u8]) -> Result<Vec<T>, TableError> {
    fenced(|| {
        let mut reader = ParquetReader::new(Cursor::new(bytes)).read_parallel(ParallelStrategy::None);
        check_claims(reader.get_metadata()?, bytes.len())?;
        let schema = reader.schema()?;
        if let Some(column) = T::COLUMNS.iter().find(|column| !schema.contains(column)) {
            return Err(TableError::MissingColumn { column: (*column).to_owned() });
        }
        let columns = T::COLUMNS.iter().map(|&column| column.to_owned()).collect();
        T::rows(&reader.with_columns(Some(columns)).finish()?)
    })
}

/// Refuses a footer that claims what cannot be, before anything is allocated by it: a failed allocation ends the
/// process, and no fence catches that.
fn check_claims(metadata: &FileMetadata, length: usize) -> Result<(), TableError> {
    /// Runs of equal values take next to nothing, so a small file may hold many rows; not this many a byte.
    const ROWS_PER_BYTE: u64 = 4096;
    /// A page of equal texts compresses about this well.
    const EXPANSION: u64 = 1024;
    let length = length as u64;
    let within = |claimed: u64, most: u64| if claimed <= most { Ok(()) } else { Err(TableError::Bloated { claimed }) };
    let most_rows = length.saturating_mul(ROWS_PER_BYTE);
    within(metadata.num_rows as u64, most_rows)?;
    for group in &metadata.row_groups {
        within(group.num_rows() as u64, metadata.num_rows as u64)?;
        for column in group.parquet_columns() {
            within(column.num_values().cast_unsigned(), most_rows)?;
            within(column.uncompressed_size().cast_unsigned(), length.saturating_mul(EXPANSION))?;
            let range = column.byte_range();
            within(range.end, length)?;
            within(range.start, range.end)?;
        }
    }
    Ok(())
}

thread_local! {
    static FENCED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`, and makes an error of a panic. The Parquet library indexes and unwraps its way through the bytes of a
/// file, so a damaged one can panic it at places that cannot be listed; it is the only code that is treated like this.
fn fenced<T>(work: impl FnOnce() -> Result<T, TableError>) -> Result<T, TableError> {
    silence_fenced_panics();
    FENCED.set(true);
    // Nothing outlives a panic but the error: `work` owns what it builds.
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    FENCED.set(false);
    result.unwrap_or_else(|payload| {
        let said = payload.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
        Err(TableError::Parquet { message: format!("the Parquet reader gave up: {}", shown(said)) })
    })
}

/// Keeps the panics of this thread behind the fence off stderr; all others are reported as they were.
fn silence_fenced_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !FENCED.get() {
                report(panic);
            }
        }));
    });
}
