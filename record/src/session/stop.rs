//! Why and how a recording ends: its duration, a signal, the command's own end.

use std::io;
use std::time::{Duration, Instant};

use ctrec_recording::End;
use nix::sys::signal::Signal;

use super::Session;
use crate::error::RecordError;

/// How long a command may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(10);

/// Why a run is about to end, and by when its command must have ended.
pub(super) struct Stop {
    pub(super) end: End,
    pub(super) kill_at: Instant,
}

impl Session<'_> {
    pub(super) fn command_end(&mut self) -> Result<Option<End>, RecordError> {
        let Some(command) = &mut self.command else { return Ok(None) };
        let code =
            command.exit_code().map_err(|source| RecordError::System { what: "wait for the command", source })?;
        self.command_code = code;
        Ok(code.map(|code| End::Command { code }))
    }

    pub(super) fn reason_to_stop(&self) -> Option<End> {
        if self.signals.received().is_some() {
            return Some(End::Signal);
        }
        self.pace.deadline.is_some_and(|deadline| Instant::now() >= deadline).then_some(End::Duration)
    }

    /// Passes the end on to the command. Returns by when it must have ended; `None`: there is no command.
    pub(super) fn ask_to_end(&mut self, end: &End) -> Option<Instant> {
        let command = self.command.as_ref()?;
        let signal = match (end, self.signals.take()) {
            (End::Signal, None) => return Some(Instant::now() + GRACE), /* it was passed on before */
            (End::Signal, Some(signal)) => signal,
            _ => Signal::SIGTERM,
        };
        // A terminal sends Ctrl-C to the command too, and many programs take a second one as «at once».
        if !(signal == Signal::SIGINT && io::IsTerminal::is_terminal(&io::stdin())) {
            command.signal(signal);
        }
        Some(Instant::now() + GRACE)
    }
}
