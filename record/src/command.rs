//! The command of `record -- COMMAND`: started inside a cgroup of its own, so that it is recorded from its first
//! instruction and nobody else is.

#![expect(unsafe_code, reason = "a hook between fork and exec; see the SAFETY comment")]

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus};

use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpgid, getpgrp};

use crate::cgroups::{OwnCgroup, send};
use crate::error::RecordError;
use crate::open_files::OpenFiles;
use crate::waiting::Received;

/// A running command.
#[derive(Debug)]
pub(crate) struct Command {
    child: Child,
    /// Readable when the command has ended.
    ended: OwnedFd,
    /// Its exit code, once it has.
    code: Option<i32>,
}

impl Command {
    /// Starts the command in the cgroup. It enters by itself, between fork and exec, and takes back what limit of open
    /// files the recorder was started with.
    pub(crate) fn start(command: &[OsString], cgroup: &OwnCgroup, files: OpenFiles) -> Result<Self, RecordError> {
        let name = command.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let failed = |source| RecordError::Command { command: name.clone(), source };
        let mut entrance = cgroup.entrance().map_err(failed)?;
        let mut builder =
            std::process::Command::new(command.first().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?);
        builder.args(&command[1..]);
        // SAFETY: between fork and exec only setrlimit(2), and write(2) on an open descriptor are called, which are
        // async-signal-safe.
        unsafe {
            builder.pre_exec(move || files.restore().and_then(|()| enter(&mut entrance)));
        }
        let child = builder.spawn().map_err(failed)?;
        let ended = pidfd(child.id()).map_err(failed)?;
        Ok(Self { child, ended, code: None })
    }

    /// Readable when it has ended; `None`: that is known.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.code.is_none().then(|| self.ended.as_fd())
    }

    /// Its exit code once it has ended: 128 + n for signal n.
    pub(crate) fn exit_code(&mut self) -> io::Result<Option<i32>> {
        self.code = self.child.try_wait()?.map(code);
        Ok(self.code)
    }

    /// Passes a signal on to it and to what it has started, as a terminal does, and systemd.
    pub(crate) fn pass_on(&self, received: Received, cgroup: &OwnCgroup) {
        for pid in self.processes(cgroup) {
            // Many programs take a second Ctrl-C as «at once».
            if !(received.from_terminal && is_in_our_group(pid)) {
                send(pid, received.signal);
            }
        }
    }

    /// Ends it at once, with what it has started.
    pub(crate) fn kill(&self, cgroup: &OwnCgroup) {
        cgroup.kill();
        self.processes(cgroup).into_iter().for_each(|pid| send(pid, Signal::SIGKILL));
    }

    /// It, unless it has ended, and those in its cgroup. It may have left that.
    fn processes(&self, cgroup: &OwnCgroup) -> Vec<u32> {
        let own = self.code.is_none().then(|| self.child.id());
        own.into_iter().chain(cgroup.processes().into_iter().filter(|pid| *pid != self.child.id())).collect()
    }
}

/// Whether a terminal sends a process what it sends us.
fn is_in_our_group(pid: u32) -> bool {
    i32::try_from(pid).is_ok_and(|pid| getpgid(Some(Pid::from_raw(pid))) == Ok(getpgrp()))
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
