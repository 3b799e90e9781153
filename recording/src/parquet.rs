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
    BatchedWriter, DataFrame, KeyValueMetadata, ParallelStrategy, ParquetCompression, ParquetReader, ParquetWriter,
    SerReader,
};

use crate::checksum::{self, BLANK, KEY};
use crate::error::{TableError, shown};
use crate::table::{Rows, Table};

/// Writes one file, a row group a batch.
pub(crate) struct Encoder<W: Write> {
    writer: BatchedWriter<W>,
}

impl<W: Write> Encoder<W> {
    /// Starts a file, whose checksum is still to be filled in (see `checksum`).
    pub(crate) fn start<T: Table>(out: W) -> Result<Self, TableError> {
        let schema = frame::<T>(&[])?.schema().clone();
        // Snappy: every engine reads it, and it needs no context of its own as zstd does.
        let writer = ParquetWriter::new(out)
            .with_compression(ParquetCompression::Snappy)
            .with_key_value_metadata(Some(KeyValueMetadata::from_static(vec![(KEY.to_owned(), BLANK.to_owned())])))
            .set_parallel(false);
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
pub(crate) fn decode<T: Table>(bytes: &[u8]) -> Result<Rows<T>, TableError> {
    checksum::check(bytes)?;
    fenced(|| {
        let mut reader = ParquetReader::new(Cursor::new(bytes)).read_parallel(ParallelStrategy::None);
        let schema = reader.schema()?;
        if let Some(column) = T::required().find(|column| !schema.contains(column)) {
            return Err(TableError::MissingColumn { column: column.to_owned() });
        }
        let columns = T::COLUMNS.iter().filter(|column| schema.contains(column)).map(|&column| column.to_owned());
        let rows = T::rows(&reader.with_columns(Some(columns.collect())).finish()?)?;
        Ok(Rows { rows, lines: Vec::new() })
    })
}

thread_local! {
    static FENCED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`, and makes an error of a panic. The checksum keeps damaged files out; a well-formed one of some other
/// schema, or a forged one, can still panic the Parquet library. It is the only code that is treated like this.
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

#[cfg(test)]
mod tests {
    use polars::prelude::{Column, NamedFrom, Series};
    use proptest::prelude::*;

    use super::*;
    use crate::checksum::Signer;
    use crate::rows::{Loss, LossKind, Program};

    fn losses() -> Vec<Loss> {
        let loss = |container, kind, detail: &str| Loss { window: 1, container, kind, count: 1, detail: detail.into() };
        vec![loss(None, LossKind::CutOff, ""), loss(Some(3), LossKind::MapFull, "slots")]
    }

    fn encoded<T: Table>(batches: &[&[T]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut signer = Signer::new(&mut bytes);
        let mut encoder = Encoder::start::<T>(&mut signer).unwrap();
        for batch in batches {
            encoder.append(batch).unwrap();
        }
        encoder.finish().unwrap();
        signer.finish().unwrap();
        bytes
    }

    /// A signed file of losses with one column replaced, or left out.
    fn with_column(name: &str, column: Option<Series>) -> Vec<u8> {
        let mut frame = frame(&losses()).unwrap();
        match column {
            Some(column) => drop(frame.with_column(Column::from(column)).unwrap()),
            None => drop(frame.drop_in_place(name).unwrap()),
        }
        let mut bytes = Vec::new();
        let mut signer = Signer::new(&mut bytes);
        let metadata = KeyValueMetadata::from_static(vec![(KEY.to_owned(), BLANK.to_owned())]);
        ParquetWriter::new(&mut signer).with_key_value_metadata(Some(metadata)).finish(&mut frame).unwrap();
        signer.finish().unwrap();
        bytes
    }

    fn refused(bytes: &[u8]) -> String {
        decode::<Loss>(bytes).unwrap_err().to_string()
    }

    #[test]
    fn batches_come_back_as_one_table() {
        let rows = losses();
        assert_eq!(decode::<Loss>(&encoded(&[&rows, &rows[..1], &[]])).unwrap().rows, [&rows[..], &rows[..1]].concat());
        assert_eq!(decode::<Loss>(&encoded::<Loss>(&[])).unwrap().rows, []);
        assert_eq!(decode::<Loss>(&encoded::<Loss>(&[&[]])).unwrap().rows, []);
    }

    #[test]
    fn a_column_of_a_later_version_is_ignored() {
        let bytes = with_column("new", Some(Series::new("new".into(), [1.5, 2.5])));
        assert_eq!(decode::<Loss>(&bytes).unwrap().rows, losses());
    }

    #[test]
    fn a_column_that_is_missing_or_wrong_is_named() {
        let kinds = |names: [Option<&str>; 2]| with_column("kind", Some(Series::new("kind".into(), names)));
        assert_eq!(refused(&with_column("kind", None)), "column `kind` is missing");
        assert_eq!(refused(&encoded::<Program>(&[])), "column `window` is missing");
        let numbers = with_column("kind", Some(Series::new("kind".into(), [1u64, 2])));
        assert_eq!(refused(&numbers), "column `kind` holds u64, not str");
        assert_eq!(refused(&kinds([Some("cut_off"), None])), "column `kind` has no value in row 1");
        let unknown = refused(&kinds([Some("cut_off\u{1b}"), Some("map_full")]));
        assert_eq!(unknown, "column `kind` has the unknown name `cut_off\\u{1b}` in row 0");
    }

    #[test]
    fn any_flipped_bit_and_any_cut_is_refused() {
        let bytes = encoded(&[&losses()]);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                decode::<Loss>(&flipped).unwrap_err();
            }
            decode::<Loss>(&bytes[..at]).unwrap_err();
        }
    }

    #[test]
    fn a_panic_behind_the_fence_is_an_error_and_outside_it_still_a_panic() {
        let error = fenced::<()>(|| panic!("index {} out of range\u{1b}", 7)).unwrap_err();
        assert_eq!(error.to_string(), "the Parquet reader gave up: index 7 out of range\\u{1b}");
        assert!(fenced(|| Ok(7)).is_ok_and(|number| number == 7));
        assert!(!FENCED.get());
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
            let framed = [b"PAR1".as_slice(), &bytes, &length, b"PAR1"].concat();
            prop_assert!(decode::<Loss>(&bytes).is_err());
            prop_assert!(decode::<Loss>(&framed).is_err());
        }
    }
}
