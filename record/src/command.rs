//! The command of `record -- COMMAND`: started inside a cgroup of its own, so that it is recorded from its first
//! instruction and nobody else is.

#![expect(unsafe_code, reason = "a hook between fork and exec; see the SAFETY comment")]

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cgroups::OwnCgroup;
use crate::error::RecordError;

/// A running command.
#[derive(Debug)]
pub(crate) struct Command {
    child: Child,
    /// Readable when the command has ended.
    ended: OwnedFd,
}

impl Command {
    /// Starts the command in the cgroup. It enters by itself, between fork and exec.
    pub(crate) fn start(command: &[OsString], cgroup: &OwnCgroup) -> Result<Self, RecordError> {
        let name = command.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let failed = |source| RecordError::Command { command: name.clone(), source };
        let mut entrance = cgroup.entrance().map_err(failed)?;
        let mut builder =
            std::process::Command::new(command.first().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?);
        builder.args(&command[1..]);
        // SAFETY: between fork and exec only write(2) on an open descriptor is called, which is async-signal-safe.
        unsafe {
            builder.pre_exec(move || enter(&mut entrance));
        }
        let child = builder.spawn().map_err(failed)?;
        let ended = pidfd(child.id()).map_err(failed)?;
        Ok(Self { child, ended })
    }

    /// Readable when it has ended.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.ended.as_fd()
    }

    /// Its exit code once it has ended: 128 + n for signal n.
    pub(crate) fn exit_code(&mut self) -> io::Result<Option<i32>> {
        Ok(self.child.try_wait()?.map(code))
    }

    /// Passes a signal on. One that has ended already is fine.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            // The only failure is that it has ended, which the caller learns from its descriptor.
            kill(Pid::from_raw(pid), signal).unwrap_or_default();
        }
    }
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

/// Writing 0 moves the writer.
fn enter(entrance: &mut File) -> io::Result<()> {
    entrance.write_all(b"0")
}

/// A descriptor of a child that is not reaped yet (Linux 5.3+).
fn pidfd(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two integers and touches no memory.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    let descriptor = i32::try_from(descriptor).map_err(io::Error::other)?;
    // SAFETY: a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
