//! Merging the small files of many windows into one, so that reading a long run stays quick.
//!
//! Lives here: one table's merge. Does not: when it is done, and for which windows (see `writer`).
//! A kill at any moment leaves small files, or the merged one, or both, and a reader takes the widest.

use std::ops::RangeInclusive;
use std::path::Path;

use crate::error::StoreError;
use crate::files::{Staged, WindowFile, read_table, remove, sync_folder, window_files};
use crate::format::Format;
use crate::table::Table;

/// Rows are held in memory up to about here, then written: the recorder's memory is bounded, a run's length is not.
const BATCH_ROWS: usize = 8 * 1024;

/// Merges a table's small files of these windows.
pub(crate) fn merge<T: Table>(run: &Path, windows: &RangeInclusive<u32>, format: Format) -> Result<(), StoreError> {
    let folder = run.join(T::NAME);
    let mut small = window_files(&folder)?;
    small.retain(|file| windows.contains(file.windows.start()) && windows.contains(file.windows.end()));
    let merged = WindowFile::new(&folder, windows.clone(), format);
    if small.is_empty() || small.iter().any(|file| file.path == merged.path) {
        return Ok(());
    }
    Staged::table(merged.path, format, batches::<T>(&small))?.publish()?;
    for file in &small {
        remove(&file.path)?;
    }
    sync_folder(&folder)
}

/// The rows of files, in the order of the files, a bounded number at a time.
fn batches<T: Table>(files: &[WindowFile]) -> impl Iterator<Item = Result<Vec<T>, StoreError>> {
    let mut files = files.iter();
    std::iter::from_fn(move || {
        let mut rows = Vec::new();
        while rows.len() < BATCH_ROWS {
            let Some(file) = files.next() else { break };
            match read_table(&file.path, file.format) {
                Ok(more) => rows.extend::<Vec<T>>(more.rows),
                Err(error) => return Some(Err(error)),
            }
        }
        if rows.is_empty() { None } else { Some(Ok(rows)) }
    })
}
