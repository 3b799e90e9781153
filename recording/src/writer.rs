//! Writing a run.
//!
//! Lives here: [`RunWriter`], the order in which files become visible. Does not: merging small files (see `merge`), how
//! one file is written (see `files`).

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::Header;
use crate::budget::bytes_of;
use crate::checks::{Asker, Check, Identity};
use crate::error::StoreError;
use crate::files::{self, HEADER, LOCK, RUN, Staged, WindowFile, sync_folder, unwritten};
use crate::format::Format;
use crate::merge::merge;
use crate::nascent::{check_id, clear_leftovers, make_store, publish_folder};
use crate::room;
use crate::rows::{Argument, Call, Container, Errno, Loss, Program, Segment, Start};
use crate::seal::{Contents, Seal, Tallies, tally};
use crate::table::{FOLDERS, Table, Windowed};
use crate::values::Values;

/// Small files of this many windows become one.
const MERGED_WINDOWS: usize = 64;

/// Writes one run of a store. Several may write side by side, each its own run.
///
/// After any crash, everything up to the last sealed window is readable. The folder is locked for as long as the writer
/// lives; that is how a reader tells a run that is still going on from one that was cut off.
#[derive(Debug)]
pub struct RunWriter {
    folder: PathBuf,
    run: String,
    format: Format,
    snapshot: Option<(Vec<Container>, Vec<Program>)>,
    /// The window sealed last; 0: none.
    last: u32,
    /// Sealed windows whose files are not merged yet.
    loose: Vec<u32>,
    /// Files of a failed seal that could not be removed. They go before anything else is sealed.
    debris: Vec<PathBuf>,
    /// Held locked, never read.
    lock: File,
}

impl RunWriter {
    /// Starts a run: makes the store where it is not there, and `run=<id>` in it, which must not be there.
    pub fn create(store: &Path, header: &Header, format: Format) -> Result<Self, StoreError> {
        check_id(&header.run)?;
        make_store(store)?;
        let folder = store.join(format!("{RUN}{}", header.run));
        if folder.exists() {
            return Err(StoreError::RunExists { path: folder });
        }
        // The folder gets its name when all is in it that a reader asks for.
        let nascent = store.join(format!(".{RUN}{}.partial", header.run));
        let mut writer = Self::begin(&nascent, &header.run, format)?;
        if let Err(error) = writer.furnish(header).and_then(|()| publish_folder(&nascent, &folder)) {
            // Should it stay, it is never read, and cleared by the next run of this id.
            drop(fs::remove_dir_all(&nascent));
            return Err(error);
        }
        writer.folder = folder;
        sync_folder(store)?;
        Ok(writer)
    }

    /// Makes and locks a folder, empty but for the lock.
    fn begin(folder: &Path, run: &str, format: Format) -> Result<Self, StoreError> {
        fs::create_dir_all(folder).map_err(unwritten(folder))?;
        let path = folder.join(LOCK);
        let lock = File::create(&path).map_err(unwritten(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(StoreError::RunExists { path: folder.to_owned() }),
            Err(fs::TryLockError::Error(error)) => return Err(unwritten(&path)(error)),
        }
        clear_leftovers(folder)?;
        let (folder, run) = (folder.to_owned(), run.to_owned());
        Ok(Self { folder, run, format, snapshot: None, last: 0, loose: Vec::new(), debris: Vec::new(), lock })
    }

    /// Writes what every run has, even one that is killed before its first window.
    fn furnish(&mut self, header: &Header) -> Result<(), StoreError> {
        for folder in FOLDERS {
            let folder = self.folder.join(folder);
            fs::create_dir_all(&folder).map_err(unwritten(&folder))?;
        }
        self.write_snapshot(&[], &[])?;
        self.update_header(header)?;
        room::keep(&self.folder, self.header_text(header, None)?.len() as u64)
    }

    /// The run's folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Bytes that the run takes on the disk.
    pub fn bytes(&self) -> Result<u64, StoreError> {
        bytes_of(&self.folder)
    }

    /// Replaces what is known of containers and programs. To be called before the window that first refers to them is
    /// sealed; writes nothing where nothing changed.
    pub fn write_snapshot(&mut self, containers: &[Container], programs: &[Program]) -> Result<(), StoreError> {
        self.replace_snapshot(containers, programs).map_err(|error| self.explain(error))
    }

    fn replace_snapshot(&mut self, containers: &[Container], programs: &[Program]) -> Result<(), StoreError> {
        // What is not there after an error is written again.
        let (old_containers, old_programs) = self.snapshot.take().unzip();
        // Programs refer to containers: these are written first, and read last.
        let containers = self.replace(old_containers, containers)?;
        let programs = self.replace(old_programs, programs)?;
        self.snapshot = Some((containers, programs));
        Ok(())
    }

    /// Writes a window's rows, and its `windows` row last: only then do they count.
    ///
    /// After an error nothing of the window is visible and the writer is as it was: the same segment may be sealed
    /// again, or a later one that carries its rows.
    pub fn seal(&mut self, segment: &Segment) -> Result<(), StoreError> {
        self.check(segment)?;
        let sealed = self.clear_debris().and_then(|()| self.stage(segment)).and_then(|staged| self.publish(staged));
        sealed.map_err(|error| self.explain(error))?;
        self.last = segment.window.window;
        self.loose.push(self.last);
        if self.loose.len() >= MERGED_WINDOWS {
            // The window is sealed, whatever becomes of this: it is tried again with every window, and `finish` says
            // so if it never worked.
            drop(self.merge_loose());
        }
        Ok(())
    }

    /// Replaces the header.
    pub fn update_header(&mut self, header: &Header) -> Result<(), StoreError> {
        let text = self.header_text(header, None)?;
        let path = self.folder.join(HEADER);
        Staged::write(path.clone(), |out| out.write_all(&text).map_err(unwritten(&path)))?.publish()
    }

    /// Leaves to the last window the room on the disk that was kept for it. To be called before it is sealed.
    pub fn make_room(&mut self) -> Result<(), StoreError> {
        room::leave_to_window(&self.folder)
    }

    /// Ends the run: writes the header, for which a full disk has room too, then merges the files that are still small.
    pub fn finish(mut self, header: &Header) -> Result<(), StoreError> {
        self.end(header).map_err(|error| self.explain(error))
    }

    fn end(&mut self, header: &Header) -> Result<(), StoreError> {
        let contents = Contents { last_window: self.last, tables: self.snapshot_tallies()? };
        self.make_room()?;
        room::write_header(&self.folder, &self.header_text(header, Some(&contents))?)?;
        while !self.loose.is_empty() {
            self.merge_loose().map_err(|error| StoreError::Unmerged { source: Box::new(error) })?;
        }
        files::remove(&self.folder.join(LOCK))
    }

    /// What is behind an error, if it is that the run was removed: the lock is not where it was made.
    fn explain(&self, error: StoreError) -> StoreError {
        let is_ours = |found: &fs::Metadata| {
            self.lock.metadata().is_ok_and(|own| (own.dev(), own.ino()) == (found.dev(), found.ino()))
        };
        match fs::symlink_metadata(self.folder.join(LOCK)) {
            Ok(found) if is_ours(&found) => error,
            Err(unknown) if unknown.kind() != io::ErrorKind::NotFound => error,
            _ => StoreError::Removed { path: self.folder.clone() },
        }
    }

    fn header_text(&self, header: &Header, contents: Option<&Contents>) -> Result<Vec<u8>, StoreError> {
        #[derive(Serialize)]
        struct Sealed<'a> {
            #[serde(flatten)]
            header: &'a Header,
            #[serde(skip_serializing_if = "Option::is_none")]
            contents: Option<&'a Contents>,
        }
        if header.run != self.run {
            return Err(StoreError::WrongRun { header: header.run.clone(), writer: self.run.clone() });
        }
        let text = serde_json::to_vec_pretty(&Sealed { header, contents });
        let mut text = text.map_err(|error| unwritten(&self.folder.join(HEADER))(error.into()))?;
        text.push(b'\n');
        Ok(text)
    }

    fn check(&self, segment: &Segment) -> Result<(), StoreError> {
        let window = segment.window.window;
        if window <= self.last {
            return Err(StoreError::OutOfOrder { window, last: self.last });
        }
        check_rows(&segment.calls, window)?;
        check_rows(&segment.errnos, window)?;
        check_rows(&segment.arguments, window)?;
        check_rows(&segment.values, window)?;
        check_rows(&segment.starts, window)?;
        check_rows(&segment.checks, window)?;
        check_rows(&segment.askers, window)?;
        check_rows(&segment.identities, window)?;
        check_rows(&segment.losses, window)
    }

    /// Removes what can be removed, from the last file back, so that a seal goes first.
    fn clear_debris(&mut self) -> Result<(), StoreError> {
        let mut result = Ok(());
        for path in std::mem::take(&mut self.debris).into_iter().rev() {
            if let Err(error) = files::remove(&path) {
                self.debris.insert(0, path);
                result = Err(error);
            }
        }
        result
    }

    /// All of a window's files under temporary names: this is where a full disk shows.
    fn stage(&self, segment: &Segment) -> Result<Vec<Staged>, StoreError> {
        let window = segment.window.window;
        let tables = [
            self.stage_table(window, &segment.calls)?,
            self.stage_table(window, &segment.errnos)?,
            self.stage_table(window, &segment.arguments)?,
            self.stage_table(window, &segment.values)?,
            self.stage_table(window, &segment.starts)?,
            self.stage_table(window, &segment.checks)?,
            self.stage_table(window, &segment.askers)?,
            self.stage_table(window, &segment.identities)?,
            self.stage_table(window, &segment.losses)?,
            self.stage_table(window, &[self.seal_row(segment)?])?,
        ];
        Ok(tables.into_iter().flatten().collect())
    }

    fn seal_row(&self, segment: &Segment) -> Result<Seal, StoreError> {
        Seal::of(segment, self.last, self.snapshot_tallies()?, self.format).map_err(unwritten(&self.folder))
    }

    fn snapshot_tallies(&self) -> Result<Tallies, StoreError> {
        let Some((containers, programs)) = &self.snapshot else { return Ok(Tallies::new()) };
        let tallies =
            || -> io::Result<Tallies> { Ok([tally(containers, self.format)?, tally(programs, self.format)?].into()) };
        tallies().map_err(unwritten(&self.folder))
    }

    fn stage_table<T: Table>(&self, window: u32, rows: &[T]) -> Result<Option<Staged>, StoreError> {
        if rows.is_empty() {
            return Ok(None);
        }
        let file = WindowFile::new(&self.folder.join(T::NAME), window..=window, self.format);
        Staged::table(file.path, self.format, [Ok(rows)]).map(Some)
    }

    /// Makes a window's files visible in order, or none of them.
    fn publish(&mut self, staged: Vec<Staged>) -> Result<(), StoreError> {
        for file in staged {
            // Listed before it is there: a rename that succeeded may be followed by a sync that did not.
            self.debris.push(file.target().to_owned());
            if let Err(error) = file.publish() {
                // What cannot be removed now is tried again before the next seal.
                drop(self.clear_debris());
                return Err(error);
            }
        }
        self.debris.clear();
        Ok(())
    }

    fn merge_loose(&mut self) -> Result<(), StoreError> {
        let count = self.loose.len().min(MERGED_WINDOWS);
        if let [first, .., last] = self.loose[..count] {
            let windows = first..=last;
            merge::<Call>(&self.folder, &windows, self.format)?;
            merge::<Errno>(&self.folder, &windows, self.format)?;
            merge::<Argument>(&self.folder, &windows, self.format)?;
            merge::<Values>(&self.folder, &windows, self.format)?;
            merge::<Start>(&self.folder, &windows, self.format)?;
            merge::<Check>(&self.folder, &windows, self.format)?;
            merge::<Asker>(&self.folder, &windows, self.format)?;
            merge::<Identity>(&self.folder, &windows, self.format)?;
            merge::<Loss>(&self.folder, &windows, self.format)?;
            merge::<Seal>(&self.folder, &windows, self.format)?;
        }
        self.loose.drain(..count);
        Ok(())
    }

    /// Writes a table anew, unless it is as it was. Returns what is on the disk.
    fn replace<T: Table + Clone + PartialEq>(&self, old: Option<Vec<T>>, rows: &[T]) -> Result<Vec<T>, StoreError> {
        if let Some(old) = old.filter(|old| old == rows) {
            return Ok(old);
        }
        let path = self.folder.join(T::NAME).with_extension(self.format.ending());
        Staged::table(path, self.format, [Ok(rows)])?.publish()?;
        Ok(rows.to_vec())
    }
}

impl Drop for RunWriter {
    fn drop(&mut self) {
        // Closing is not enough: a process that is just being started may hold a copy of the descriptor for a moment.
        // Should this fail, the lock goes with the last copy.
        drop(self.lock.unlock());
    }
}

fn check_rows<T: Windowed>(rows: &[T], window: u32) -> Result<(), StoreError> {
    match rows.iter().find(|row| row.window() != window) {
        Some(row) => Err(StoreError::StrayRow { row: row.window(), window, table: T::NAME }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_the_descriptor_does_not_keep_the_lock() {
        let header = serde_json::json!({
            "schema": {"major": 1, "minor": 1}, "run": "a", "ctrec_version": "", "host": "", "kernel": "", "arch": "",
            "cgroups": "v2", "hooks": [], "sysctls": {}, "started_ns": 0, "ended_ns": null, "end": null,
            "settings": {"window_ns": 1, "containers": [], "command": null},
        });
        let header: Header = serde_json::from_value(header).unwrap();
        let store = tempfile::tempdir().unwrap();
        let run = RunWriter::create(store.path(), &header, Format::Parquet).unwrap();
        let copy = run.lock.try_clone().unwrap();
        let is_cut_off = || crate::Store::open(store.path()).unwrap().read("a").unwrap().losses.len() == 1;
        assert!(!is_cut_off());
        drop(run);
        assert!(is_cut_off());
        drop(copy);
    }
}
