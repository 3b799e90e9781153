//! Files that the command line names and that are text.
//!
//! Lives here: reading them, bounded, and why that failed. Does not: what they mean, nor stores.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

/// Most that is read of a file. A profile with every call there is has 50 kB.
const LIMIT: u64 = 1 << 20;

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    /// The system does not let us.
    #[error("cannot read {path:?}; {}", advice(source))]
    Read { path: PathBuf, source: io::Error },
    /// A folder, a device, a socket.
    #[error("cannot read {path:?}: it is a {kind}; name a file")]
    Kind { path: PathBuf, kind: &'static str },
    /// Too long to be what was asked for.
    #[error("cannot read {path:?}: it is longer than 1 MiB, which no profile is; name another file")]
    TooLong { path: PathBuf },
    /// Nothing in it.
    #[error("cannot read {path:?}: it is empty; name another file, and to a pipe write first")]
    Empty { path: PathBuf },
    /// Not UTF-8.
    #[error("cannot read {path:?}: it is not text (UTF-8), which a profile is; name another file")]
    NotText { path: PathBuf },
}

impl InputError {
    /// The file may be right, and this user must not read it.
    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == ErrorKind::PermissionDenied)
    }
}

fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        ErrorKind::PermissionDenied => "become a user who may, with sudo",
        _ => "check its name",
    }
}

/// The text of a file, or of a pipe that somebody writes to. Never more than a profile can have, and no wait for a
/// writer that may never come.
pub(crate) fn read(path: &Path) -> Result<String, InputError> {
    let failed = |source| InputError::Read { path: path.to_owned(), source };
    // Before it is opened: opening a device can set it going.
    let there = fs::metadata(path).map_err(failed)?;
    if let Some(kind) = unreadable(&there) {
        return Err(InputError::Kind { path: path.to_owned(), kind });
    }
    let mut bytes = Vec::new();
    open(path).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > LIMIT {
        return Err(InputError::TooLong { path: path.to_owned() });
    }
    if bytes.is_empty() {
        return Err(InputError::Empty { path: path.to_owned() });
    }
    String::from_utf8(bytes).map_err(|_| InputError::NotText { path: path.to_owned() })
}

/// What it is, if it is nothing to read text from.
fn unreadable(there: &Metadata) -> Option<&'static str> {
    let kind = there.file_type();
    if kind.is_file() || kind.is_fifo() {
        None
    } else if kind.is_dir() {
        Some("folder")
    } else if kind.is_socket() {
        Some("socket")
    } else {
        Some("device")
    }
}

/// Opening a pipe would wait for a writer, and so is done without waiting; reading from one that has a writer waits.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    fcntl(&file, FcntlArg::F_SETFL(OFlag::empty()))?;
    Ok(file)
}
