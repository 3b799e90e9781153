//! Waiting for whatever comes first: an event of the kernel side, a signal, the command's end, an engine's answer, or a
//! moment.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::error::RecordError;
use crate::events::Events;

/// SIGINT, SIGTERM and SIGHUP, while this value lives.
#[derive(Debug)]
pub(crate) struct Signals {
    /// Becomes readable with a signal.
    wake: UnixStream,
    last: Arc<AtomicUsize>,
    registrations: Vec<signal_hook::SigId>,
}

impl Signals {
    pub(crate) fn register() -> io::Result<Self> {
        let (wake, sender) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let last = Arc::new(AtomicUsize::new(0));
        let mut registrations = Vec::new();
        // SIGHUP stays ignored where nohup says so. SIGINT does not: a shell script starts `ctrec &` with it ignored,
        // and sends it to end the recording.
        let hang_up = (!is_ignored(&fs::read_to_string("/proc/self/status")?, SIGHUP)).then_some(SIGHUP);
        for signal in [SIGINT, SIGTERM].into_iter().chain(hang_up) {
            let number = usize::try_from(signal).map_err(io::Error::other)?;
            registrations.push(signal_hook::flag::register_usize(signal, Arc::clone(&last), number)?);
            registrations.push(signal_hook::low_level::pipe::register(signal, sender.try_clone()?)?);
        }
        Ok(Self { wake, last, registrations })
    }

    /// The signal that came last and was not taken yet.
    pub(crate) fn received(&self) -> Option<Signal> {
        Self::signal(self.last.load(Ordering::Relaxed))
    }

    /// Takes it.
    pub(crate) fn take(&self) -> Option<Signal> {
        Self::signal(self.last.swap(0, Ordering::Relaxed))
    }

    fn signal(number: usize) -> Option<Signal> {
        i32::try_from(number).ok().and_then(|number| Signal::try_from(number).ok())
    }

    /// Empties the pipe, so that the next wait waits.
    fn drain(&self) {
        let mut bytes = [0; 64];
        while matches!(io::Read::read(&mut &self.wake, &mut bytes), Ok(1..)) {}
    }
}

/// Whether a process status says that a signal is ignored.
fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask >> (signal - 1) & 1 == 1
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.registrations.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}

/// Waits until something is there, at most until a moment.
pub(crate) fn wait(
    events: &Events,
    signals: &Signals,
    others: &[BorrowedFd<'_>],
    until: Option<Instant>,
) -> Result<(), RecordError> {
    let mut descriptors =
        vec![PollFd::new(events.as_fd(), PollFlags::POLLIN), PollFd::new(signals.wake.as_fd(), PollFlags::POLLIN)];
    descriptors.extend(others.iter().map(|other| PollFd::new(*other, PollFlags::POLLIN)));
    // Rounded up: waking a moment early would only mean waiting again.
    let left = until.map(|until| until.saturating_duration_since(Instant::now()).as_millis() + 1);
    let timeout = left.map_or(PollTimeout::NONE, |left| PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX));
    match poll(&mut descriptors, timeout) {
        Ok(_) | Err(nix::Error::EINTR) => {
            signals.drain();
            Ok(())
        }
        Err(source) => Err(RecordError::System { what: "wait for events", source: source.into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_nohup_ignores_is_told_from_the_others() {
        let status = "Name:\tctrec\nSigIgn:\t0000000000001001\n";
        assert!(is_ignored(status, SIGHUP) && !is_ignored(status, SIGINT) && !is_ignored("", SIGHUP));
    }
}
