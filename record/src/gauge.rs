//! A child that has the kernel measure the run time of programs, which takes `CAP_SYS_ADMIN`: so the recorder itself need
//! not keep that.
//!
//! Lives here: the child and the words that are exchanged with it. Does not: when to measure, and what was measured
//! (see `cost`).

#![expect(unsafe_code, reason = "fork; see the SAFETY comment")]

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork};

use crate::error::chain;
use crate::privileges::{self, Confine, Role};
use crate::program_info::measure_programs;

/// To the child: begin, or end what was begun. To the former it answers with an errno; 0: the kernel measures.
const TURN: u8 = 0;

/// How long the child may take to answer: somebody may have stopped it, and the recorder has other work.
const PATIENCE: Duration = Duration::from_secs(2);

/// The child, as long as this value lives.
#[derive(Debug)]
pub(crate) struct Gauge {
    child: Pid,
    line: UnixStream,
}

impl Gauge {
    /// Starts it, and waits until it is confined. To be called while the process has one thread, and before anything is
    /// open that should end with it.
    pub(crate) fn start(confine: Option<&Confine>) -> io::Result<Self> {
        let (line, mut other) = UnixStream::pair()?;
        line.set_read_timeout(Some(PATIENCE))?;
        // SAFETY: there is no other thread that could hold a lock which the child waits for; it never returns from here.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => {
                // Else the line would not end with the child.
                drop(other);
                let mut gauge = Self { child, line };
                hear(&mut gauge.line)?;
                Ok(gauge)
            }
            ForkResult::Child => {
                drop(line);
                let confined = keep_quiet().and_then(|()| confined(confine));
                let served = say(&mut other, &confined).and(confined).and_then(|()| serve(&mut other));
                // SAFETY: ends this process, without what the parent has registered for its own end.
                unsafe { libc::_exit(i32::from(served.is_err())) }
            }
        }
    }

    /// Has the kernel measure, until [`Gauge::end`]. Not before Linux 5.8, and not without `CAP_SYS_ADMIN`. After an error
    /// it is of no more use: what was asked may be answered later.
    pub(crate) fn begin(&mut self) -> io::Result<()> {
        let mut errno = [0; 4];
        self.line.write_all(&[TURN])?;
        self.line.read_exact(&mut errno)?;
        match i32::from_ne_bytes(errno) {
            0 => Ok(()),
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    /// Lets it be.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        self.line.write_all(&[TURN])
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        // The child ends when nobody is at the other end, unless it is stopped; it is nobody else's to wait for. What it
        // has begun ends with it.
        if self.line.shutdown(Shutdown::Both).is_ok() && kill(self.child, Signal::SIGKILL).is_ok() {
            let _reaped = waitpid(self.child, None);
        }
    }
}

/// What ends the recorder ends the child too, by the end of the line: a signal that a terminal or systemd sends to both
/// would end it before the last sample.
fn keep_quiet() -> io::Result<()> {
    for ends in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // SAFETY: sets no handler.
        unsafe { signal(ends, SigHandler::SigIgn) }?;
    }
    Ok(())
}

/// What is not confined does not serve.
fn confined(confine: Option<&Confine>) -> io::Result<()> {
    confine.map_or(Ok(()), |confine| confine(Role::Gauge, privileges::of_gauge()).map_err(io::Error::other))
}

/// Says why the child does not serve, or nothing: a text of no more bytes than a byte can count.
fn say(line: &mut UnixStream, confined: &io::Result<()>) -> io::Result<()> {
    let text = confined.as_ref().err().map(|error| chain(error)).unwrap_or_default();
    let bytes = &text.as_bytes()[..text.len().min(usize::from(u8::MAX))];
    line.write_all(&[u8::try_from(bytes.len()).unwrap_or(u8::MAX)])?;
    line.write_all(bytes)
}

/// Hears that.
fn hear(line: &mut UnixStream) -> io::Result<()> {
    let mut length = [0];
    line.read_exact(&mut length)?;
    let mut text = vec![0; length[0].into()];
    line.read_exact(&mut text)?;
    if text.is_empty() { Ok(()) } else { Err(io::Error::other(String::from_utf8_lossy(&text).into_owned())) }
}

/// Why nothing is measured, in words.
pub(crate) fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "that takes CAP_SYS_ADMIN".to_owned(),
        io::ErrorKind::InvalidInput => "Linux 5.8 or newer can".to_owned(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            "the process that is there for it does not answer".to_owned()
        }
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => {
            "the process that is there for it has ended".to_owned()
        }
        _ => chain(error),
    }
}

fn serve(line: &mut UnixStream) -> io::Result<()> {
    let mut turn = [TURN];
    loop {
        line.read_exact(&mut turn)?;
        let measuring = measure_programs();
        let errno = measuring.as_ref().err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO));
        line.write_all(&errno.to_ne_bytes())?;
        line.read_exact(&mut turn)?;
        drop(measuring);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_is_gone_is_an_error_and_no_wait() {
        let (line, other) = UnixStream::pair().unwrap();
        drop(other);
        let mut gauge = Gauge { child: Pid::from_raw(i32::MAX), line };
        assert!(gauge.begin().is_err());
    }

    #[test]
    fn a_child_that_cannot_be_confined_says_why_in_a_few_words() {
        for (text, heard) in [("no filter: because", "no filter: because"), (&*"x".repeat(999), &*"x".repeat(255))] {
            let (mut line, mut other) = UnixStream::pair().unwrap();
            say(&mut other, &Err(io::Error::other(text))).unwrap();
            assert_eq!(why(&hear(&mut line).unwrap_err()), heard);
        }
        let (mut line, mut other) = UnixStream::pair().unwrap();
        say(&mut other, &Ok(())).unwrap();
        hear(&mut line).unwrap();
        drop(other);
        assert!(why(&hear(&mut line).unwrap_err()).contains("has ended"));
        assert!(why(&io::Error::from_raw_os_error(libc::EPERM)).contains("CAP_SYS_ADMIN"));
    }

    #[test]
    fn whoever_cannot_measure_says_so_each_time() {
        let (line, mut other) = UnixStream::pair().unwrap();
        let child = std::thread::spawn(move || serve(&mut other));
        let mut gauge = Gauge { child: Pid::from_raw(i32::MAX), line };
        let first = gauge.begin().map_err(|error| error.kind());
        // As root, as anybody else, and before Linux 5.8.
        let kinds = [io::ErrorKind::PermissionDenied, io::ErrorKind::InvalidInput];
        assert!(first.is_ok() || kinds.contains(&first.unwrap_err()), "{first:?}");
        gauge.end().unwrap();
        assert_eq!(gauge.begin().map_err(|error| error.kind()), first);
        drop(gauge);
        assert!(child.join().unwrap().is_err(), "it ends with the line");
    }
}
