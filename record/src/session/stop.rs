//! Why and how a recording ends: its duration, a signal, the command's own end.

use std::time::{Duration, Instant};

use ctrec_recording::End;
use nix::sys::signal::Signal;

use super::Session;
use crate::cgroups::OwnCgroup;
use crate::error::RecordError;
use crate::waiting::Received;

/// How long a command may take to end after it was asked to, and again after it was killed.
const GRACE: Duration = Duration::from_secs(10);

/// How often to look whether anything of a command is left: nobody tells.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Why a run is about to end, and by when its command must have ended, with all that it has started.
pub(super) struct Stop {
    end: End,
    kill_at: Instant,
}

impl Stop {
    fn has_been_killed(&self) -> bool {
        Instant::now() >= self.kill_at
    }

    /// What cannot be killed is left behind.
    fn is_hopeless(&self) -> bool {
        Instant::now() >= self.kill_at + GRACE
    }
}

impl Session<'_> {
    /// Why the run ends, if its command has ended: by itself it may leave others running, but whoever was told to end
    /// ends as a whole.
    pub(super) fn command_end(&mut self, stop: Option<&Stop>) -> Result<Option<End>, RecordError> {
        let Some(command) = &mut self.command else { return Ok(None) };
        self.command_code =
            command.exit_code().map_err(|source| RecordError::System { what: "wait for the command", source })?;
        let Some(code) = self.command_code else { return Ok(None) };
        Ok(match stop {
            None => Some(End::Command { code }),
            Some(stop) if stop.is_hopeless() || self.left_running().is_empty() => Some(stop.end.clone()),
            Some(_) => None,
        })
    }

    /// Processes of the command that still run.
    pub(super) fn left_running(&self) -> Vec<u32> {
        self.cgroup.as_ref().map(OwnCgroup::processes).unwrap_or_default()
    }

    /// Heeds signals and the clock. Gives why the run ends here and now; a command is asked to end first, and the second
    /// time killed.
    pub(super) fn heed(&mut self, stop: &mut Option<Stop>) -> Option<End> {
        let received = self.signals.take();
        if let Some(stop) = stop {
            if received.is_some() {
                stop.kill_at = stop.kill_at.min(Instant::now());
            }
            if stop.has_been_killed() {
                self.kill_command();
            }
            return None;
        }
        let end = match received {
            Some(_) => End::Signal,
            None if self.pace.is_over() => End::Duration,
            None => return None,
        };
        let (Some(command), Some(cgroup)) = (&self.command, &self.cgroup) else { return Some(end) };
        command.pass_on(received.unwrap_or(Received { signal: Signal::SIGTERM, from_terminal: false }), cgroup);
        *stop = Some(Stop { end, kill_at: Instant::now() + GRACE });
        None
    }

    fn kill_command(&self) {
        if let (Some(command), Some(cgroup)) = (&self.command, &self.cgroup) {
            command.kill(cgroup);
        }
    }

    /// When to look at the end of the run again, if nothing happens before.
    pub(super) fn next_look(&self, stop: Option<&Stop>) -> Option<Instant> {
        match stop {
            None => self.pace.deadline,
            Some(stop) if self.command_code.is_some() || stop.has_been_killed() => Some(Instant::now() + LOOK_EVERY),
            Some(stop) => Some(stop.kill_at),
        }
    }
}
