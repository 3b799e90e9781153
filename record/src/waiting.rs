//! Waiting for whatever comes first: an event of the kernel side, a signal, the command's end, an engine's answer, or a
//! moment.

#![expect(unsafe_code, reason = "who sent a signal is told to a handler alone; see the SAFETY comments")]

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
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

/// A signal that asks to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) signal: Signal,
    /// The terminal sent it, to every process in the foreground.
    pub(crate) from_terminal: bool,
}

/// Where the signal that came last came from, as `si_code` has it.
static ORIGIN: AtomicI32 = AtomicI32::new(0);

/// Of a signal that the kernel itself sends, as for Ctrl-C.
const SI_KERNEL: i32 = 0x80;

extern "C" fn note_origin(_: libc::c_int, about: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel hands a handler that asked for it (SA_SIGINFO) a valid siginfo_t, or none.
    if let Some(about) = unsafe { about.as_ref() } {
        ORIGIN.store(about.si_code, Ordering::Relaxed);
    }
}

/// Notes where a signal comes from. signal-hook does not tell, but calls the handler that was there before.
fn watch_origin(signals: &[i32]) -> io::Result<()> {
    static ONCE: Once = Once::new();
    let mut result = Ok(());
    // A second time it would take signal-hook's place.
    ONCE.call_once(|| {
        let action = SigAction::new(SigHandler::SigAction(note_origin), SaFlags::SA_RESTART, SigSet::empty());
        result = signals.iter().try_for_each(|number| {
            // SAFETY: the handler only stores a number, which is async-signal-safe.
            unsafe { sigaction(Signal::try_from(*number)?, &action) }?;
            Ok(())
        });
    });
    result
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
        let signals: Vec<i32> = [SIGINT, SIGTERM].into_iter().chain(hang_up).collect();
        watch_origin(&signals)?;
        for signal in signals {
            let number = usize::try_from(signal).map_err(io::Error::other)?;
            registrations.push(signal_hook::flag::register_usize(signal, Arc::clone(&last), number)?);
            registrations.push(signal_hook::low_level::pipe::register(signal, sender.try_clone()?)?);
        }
        Ok(Self { wake, last, registrations })
    }

    /// Takes the signal that came last, if one came since the last time.
    pub(crate) fn take(&self) -> Option<Received> {
        let number = i32::try_from(self.last.swap(0, Ordering::Relaxed)).ok()?;
        let signal = Signal::try_from(number).ok()?;
        Some(Received { signal, from_terminal: ORIGIN.load(Ordering::Relaxed) == SI_KERNEL })
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
    fn a_signal_is_taken_once_and_one_that_a_process_sent_is_not_the_terminals() {
        let signals = Signals::register().unwrap();
        assert_eq!(signals.take(), None);
        nix::sys::signal::raise(Signal::SIGTERM).unwrap();
        assert_eq!(signals.take(), Some(Received { signal: Signal::SIGTERM, from_terminal: false }));
        assert_eq!(signals.take(), None);
    }

    #[test]
    fn a_signal_that_nohup_ignores_is_told_from_the_others() {
        let status = "Name:\tctrec\nSigIgn:\t0000000000001001\n";
        assert!(is_ignored(status, SIGHUP) && !is_ignored(status, SIGINT) && !is_ignored("", SIGHUP));
    }
}
