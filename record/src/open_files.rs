//! How many files the recorder may have open: each program, hook and map of the kernel side is one, and each bank of
//! counters.
//!
//! Lives here: the limit, raised as far as that takes no privilege. Does not: what is opened.

#![expect(unsafe_code, reason = "getrlimit and setrlimit; see the SAFETY comments")]

use std::io;

use crate::error::{RecordError, chain};

/// A recording has some 80 open before it has counted anything, and opens a few more for each window.
const LEAST: u64 = 128;

/// The limit of this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenFiles {
    /// As this process was started with it.
    before: u64,
    now: u64,
    /// How far anybody may raise it.
    most: u64,
}

impl OpenFiles {
    /// Raises the limit as far as anybody may. Where that is refused, it may be high enough as it is.
    pub(crate) fn raise() -> Result<Self, RecordError> {
        let failed = |source| RecordError::System { what: "read how many files may be open", source };
        let libc::rlimit { rlim_cur: before, rlim_max: most } = limit().map_err(failed)?;
        Ok(Self { before, now: set(most, most).map_or(before, |()| most), most })
    }

    /// Whether a recording can begin.
    pub(crate) fn suffice(self) -> Result<(), RecordError> {
        if self.now < LEAST { Err(RecordError::FewFiles { limit: self.now, least: LEAST }) } else { Ok(()) }
    }

    /// Gives the calling process the limit that this one was started with. Only calls setrlimit, and nothing where that was
    /// refused before.
    pub(crate) fn restore(self) -> io::Result<()> {
        if self.now == self.before { Ok(()) } else { set(self.before, self.most) }
    }

    /// Says of an error what to do, if it is that no more files may be opened. libbpf hands on errors as text.
    pub(crate) fn explain(self, error: RecordError) -> RecordError {
        let too_many = io::Error::from_raw_os_error(libc::EMFILE).to_string();
        // What failed first has been explained already, where more failed.
        if chain(&error).contains(&too_many) && !matches!(error, RecordError::AlsoUnfinished { .. }) {
            RecordError::FilesUsedUp { limit: self.now, source: Box::new(error) }
        } else {
            error
        }
    }
}

fn limit() -> io::Result<libc::rlimit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes a struct that lives through the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0 {
        Ok(limit)
    } else {
        Err(io::Error::last_os_error())
    }
}

fn set(now: u64, most: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: now, rlim_max: most };
    // SAFETY: reads a struct that lives through the call.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(now: u64) -> OpenFiles {
        OpenFiles { before: now, now, most: now }
    }

    #[test]
    fn a_limit_that_is_too_low_is_said_with_what_raises_it() {
        assert!(files(LEAST).suffice().is_ok());
        let error = files(64).suffice().unwrap_err().to_string();
        assert!(error.contains("64 files") && error.contains("ulimit -n"), "{error}");
    }

    #[test]
    fn whoever_has_too_many_files_open_is_told_so_and_nobody_else() {
        let refused = |errno| RecordError::Map {
            map: "cells",
            source: libbpf_rs::Error::from(io::Error::from_raw_os_error(errno)),
        };
        let error = files(1024).explain(refused(libc::EMFILE));
        assert!(matches!(error, RecordError::FilesUsedUp { limit: 1024, .. }), "{error}");
        assert!(error.to_string().contains("ulimit -n"), "{error}");
        assert!(matches!(files(1024).explain(refused(libc::ENOMEM)), RecordError::Map { .. }));
    }

    #[test]
    fn what_was_raised_is_restored() {
        let before = limit().unwrap();
        let files = OpenFiles::raise().unwrap();
        assert_eq!(files.now, before.rlim_max);
        files.restore().unwrap();
        assert_eq!(limit().unwrap().rlim_cur, before.rlim_cur);
    }
}
