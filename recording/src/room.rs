//! Room on the disk that a run keeps for its own end, so that a disk that is full takes neither the last window nor why
//! the run ended.
//!
//! Lives here: two files that take up blocks beforehand. Does not: when they are needed (see `writer`).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use crate::error::StoreError;
use crate::files::{self, HEADER, sync_folder, unwritten};

/// Takes up room for the last window; removed before that is written.
const WINDOW: &str = ".room";
/// Takes up room for the header, which is written over it and takes its name.
const END: &str = ".end";

/// A window of a usual host, each of its files in whole blocks, and what is known of containers and programs.
const WINDOW_BYTES: u64 = 256 << 10;
/// What an end adds to a header: why, what it cost, what is in the tables.
const END_BYTES: u64 = 16 << 10;

/// Takes up room in a run's folder, whose header is so long.
pub(crate) fn keep(run: &Path, header_bytes: u64) -> Result<(), StoreError> {
    take_up(&run.join(WINDOW), WINDOW_BYTES)?;
    take_up(&run.join(END), header_bytes + END_BYTES)
}

/// Written to the last byte: a file that is only made longer has holes, and no blocks.
fn take_up(path: &Path, bytes: u64) -> Result<(), StoreError> {
    let written = File::create(path).and_then(|mut file| {
        io::copy(&mut io::repeat(b'\n').take(bytes), &mut file)?;
        file.sync_all()
    });
    written.map_err(unwritten(path))
}

/// Leaves to the last window what was kept for it.
pub(crate) fn leave_to_window(run: &Path) -> Result<(), StoreError> {
    files::remove(&run.join(WINDOW))
}

/// Writes the header of a run that has ended into the blocks that were kept for it, and gives it its name.
pub(crate) fn write_header(run: &Path, header: &[u8]) -> Result<(), StoreError> {
    let (path, target) = (run.join(END), run.join(HEADER));
    // Not truncated: that would give the blocks away before they are written.
    let written = OpenOptions::new().write(true).create(true).truncate(false).open(&path).and_then(|mut file| {
        file.write_all(header)?;
        file.set_len(header.len() as u64)?;
        file.sync_all()
    });
    written.map_err(unwritten(&target))?;
    fs::rename(&path, &target).map_err(unwritten(&target))?;
    sync_folder(run)
}
