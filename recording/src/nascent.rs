//! The folder of a run that begins: its id, the store that it goes to, and what a killed recorder left in its place.
//!
//! Lives here: what comes before a run's first file. Does not: those files (see `writer`).

use std::fs;
use std::io;
use std::path::Path;

use crate::error::StoreError;
use crate::files::{self, LOCK, RUN, unwritten};
use crate::removed::NOTE;

/// An id becomes part of a path, and of what engines parse as `key=value`.
pub(crate) fn check_id(run: &str) -> Result<(), StoreError> {
    const LONGEST: usize = 100;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=LONGEST).contains(&run.len()) && !run.starts_with('.') && run.bytes().all(fits) {
        return Ok(());
    }
    Err(StoreError::BadRunId { run: run.to_owned() })
}

/// Makes the store's folder, or finds that what is there is one.
pub(crate) fn make_store(store: &Path) -> Result<(), StoreError> {
    if let Err(error) = fs::create_dir_all(store) {
        return Err(match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => in_the_way(store),
            _ => unwritten(store)(error),
        });
    }
    let mut alien = false;
    for entry in fs::read_dir(store).map_err(files::unread(store))? {
        let name = entry.map_err(files::unread(store))?.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(RUN) {
            return Ok(());
        }
        // A run that another recorder is making just now, or removes; and the note of those that were removed.
        alien |= !name.starts_with(&format!(".{RUN}")) && name != NOTE;
    }
    if alien { Err(StoreError::NotAStore { path: store.to_owned() }) } else { Ok(()) }
}

/// What of the path is there and keeps the store's folder from being made.
fn in_the_way(store: &Path) -> StoreError {
    if let Some(link) = store.ancestors().find(|path| path.is_symlink() && !path.exists()) {
        return StoreError::DanglingLink { path: link.to_owned() };
    }
    let found = store.ancestors().find(|path| path.exists()).unwrap_or(store);
    StoreError::InTheWay { path: found.to_owned() }
}

/// Removes what a recorder left that was killed before its folder had a name.
pub(crate) fn clear_leftovers(folder: &Path) -> Result<(), StoreError> {
    for path in files::names(folder)?.iter().filter(|path| !path.ends_with(LOCK)) {
        let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        removed.map_err(unwritten(path))?;
    }
    Ok(())
}

/// Gives the folder its name, unless another run has it.
pub(crate) fn publish_folder(nascent: &Path, folder: &Path) -> Result<(), StoreError> {
    match fs::rename(nascent, folder) {
        Ok(()) => Ok(()),
        Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) => {
            Err(StoreError::RunExists { path: folder.to_owned() })
        }
        Err(error) => Err(unwritten(folder)(error)),
    }
}
