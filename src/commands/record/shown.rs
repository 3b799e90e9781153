//! What a user sees while it records: a live line on a terminal, elsewhere a line for each thing that happens.
//!
//! Lives here: what is said when. Does not: the live line (see `line`), the end (see `summary`).

use std::error::Error;
use std::io::{self, IsTerminal};
use std::time::{Duration, SystemTime};

use bytesize::ByteSize;
use ctrec_analyze::text::{duration, time, visible};
use ctrec_record::{Notice, Outcome, Progress};
use ctrec_recording::{Container, RemovedRun};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::screen::Screen;
use super::{line, size, summary};
use crate::cli::Record;
use crate::output::{columns_of_stderr, tell};

/// How often the live line is drawn.
const DRAWN_EVERY: Duration = Duration::from_secs(1);
/// How often a log says how far it has come.
const LOGGED_EVERY: Duration = Duration::from_secs(600);

/// How much to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Volume {
    Quiet,
    Usual,
    Verbose,
}

/// Where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Somebody looks at it.
    Terminal,
    /// It is kept, each line with its time.
    File,
    /// The journal of systemd, which has the time of each line.
    Journal,
}

/// Says what happens.
pub(super) struct Shown {
    bar: ProgressBar,
    volume: Volume,
    place: Place,
    /// A command is recorded.
    command: bool,
    window_warning: Warning,
    size_warning: Warning,
    cost_warning: Warning,
    windows: u32,
    logged: Duration,
    /// The store may become larger than its disk.
    too_large: Option<String>,
}

/// A warning, given once until what it warns of is over.
#[derive(Debug, Default)]
struct Warning {
    given: bool,
}

impl Warning {
    fn take(&mut self, bar: &ProgressBar, text: &str, reason: Option<&str>) {
        if let Some(reason) = reason.filter(|_| !self.given) {
            // Said in any case.
            bar.suspend(|| tell(&format!("warning: {text}: {reason}")));
        }
        self.given = reason.is_some();
    }
}

impl Shown {
    pub(super) fn new(options: &Record, volume: Volume) -> Self {
        let place = match (io::stderr().is_terminal(), std::env::var_os("JOURNAL_STREAM")) {
            (true, _) => Place::Terminal,
            (false, None) => Place::File,
            (false, Some(_)) => Place::Journal,
        };
        let command = !options.command.is_empty();
        // A command has the same terminal: whatever was drawn there would be drawn over what it says and asks.
        let is_live = volume != Volume::Quiet && place == Place::Terminal && !command;
        let target = if is_live {
            ProgressDrawTarget::term_like(Box::new(Screen::default()))
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self {
            bar,
            volume,
            place,
            command,
            window_warning: Warning::default(),
            size_warning: Warning::default(),
            cost_warning: Warning::default(),
            windows: 0,
            logged: Duration::ZERO,
            too_large: options.max_size.and_then(|most| size::too_large(most, &options.output)),
        }
    }

    /// How often it wants to know how far the recording has come, besides once a window.
    pub(super) fn tick(&self) -> Option<Duration> {
        (!self.bar.is_hidden()).then_some(DRAWN_EVERY)
    }

    /// Something happened.
    pub(super) fn take(&mut self, notice: &Notice<'_>) {
        match notice {
            Notice::Began => {
                self.say(self.beginning());
                if let Some(note) = &self.too_large {
                    self.say(note);
                }
            }
            Notice::Unconfined { reason } => {
                // Said in any case.
                let text = "warning: ctrec keeps privileges that it does not need";
                self.bar.suspend(|| tell(&format!("{text}: {}", visible(reason))));
            }
            Notice::Seen(row) => self.log_container(&seen(row)),
            Notice::Named(row) => self.log_container(&format!("container {} is {}", visible(&row.id), who(row))),
            Notice::Ended(row) => self.log_container(&ended(row)),
            Notice::Silent { socket, reason } if self.volume == Volume::Verbose => {
                self.log(&format!("{socket:?} is no help with names and labels: {}", visible(reason)));
            }
            Notice::Silent { .. } => {}
            Notice::Continued { from, to } => self.log_unless_watched(&format!("run {to} continues run {from}")),
            Notice::Uncounted { bytes } => self.log(&size::uncounted(*bytes)),
            Notice::Removed(run) => self.log(&removed(run)),
            Notice::Progress(progress) => self.update(progress),
        }
    }

    fn update(&mut self, progress: &Progress) {
        self.bar.set_message(line::live(progress, columns_of_stderr()));
        if progress.windows > self.windows && self.volume == Volume::Verbose {
            self.log(&format!("window {}: {}", progress.windows, line::so_far(progress)));
        } else if self.place != Place::Terminal && progress.elapsed >= self.logged + LOGGED_EVERY {
            self.logged = progress.elapsed;
            self.log(&format!("so far {}", line::so_far(progress)));
        }
        self.windows = progress.windows;
        let unwritten = "a window cannot be written, and is kept for the next one";
        self.window_warning.take(&self.bar, unwritten, progress.unwritten.as_deref());
        self.size_warning.take(&self.bar, "the store cannot be kept within its size", progress.beyond.as_deref());
        let unmeasured = "what the recording costs in the kernel is not measured";
        self.cost_warning.take(&self.bar, unmeasured, progress.unmeasured.as_deref());
    }

    fn beginning(&self) -> &'static str {
        match self.place {
            Place::Terminal if self.command && self.volume == Volume::Usual => {
                "recording; Ctrl-C ends it; -v says after each window how far it is"
            }
            _ => "recording; Ctrl-C ends it",
        }
    }

    /// The end, and what to do next.
    pub(super) fn end(&self, outcome: &Outcome, options: &Record) {
        self.bar.finish_and_clear();
        if self.command && self.place == Place::Terminal {
            // The command may have left its last line open.
            self.say("");
        }
        if let Some(warning) = summary::left_running(outcome.left_running.len()) {
            tell(&warning);
        }
        if let Some(error) = &outcome.unmerged {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            tell(&format!("warning: {error}{cause}"));
        }
        if outcome.failure.is_some() && outcome.containers.is_empty() {
            return; /* why there is none is said as an error */
        }
        // The others read of losses below, and where nothing is left the error says so.
        let is_wanted = self.volume == Volume::Quiet && !outcome.is_gone;
        if let Some(warning) = summary::incomplete(&outcome.progress, &options.output).filter(|_| is_wanted) {
            tell(&warning);
        }
        for line in summary::of(outcome, options) {
            self.say(&line);
        }
    }

    /// A line about a container. Of the one that a command is, nothing need be said.
    fn log_container(&self, text: &str) {
        if !self.command || self.volume == Volume::Verbose {
            self.log_unless_watched(text);
        }
    }

    /// A line for a log, or for who wants to know everything.
    fn log_unless_watched(&self, text: &str) {
        if self.place != Place::Terminal || self.volume == Volume::Verbose {
            self.log(text);
        }
    }

    /// A line that a log keeps.
    fn log(&self, text: &str) {
        match self.place {
            Place::File => self.say(&format!("{} {text}", humantime::format_rfc3339_seconds(SystemTime::now()))),
            Place::Terminal | Place::Journal => self.say(text),
        }
    }

    fn say(&self, text: &str) {
        if self.volume != Volume::Quiet {
            self.bar.suspend(|| tell(text));
        }
    }
}

fn removed(run: &RemovedRun) -> String {
    let end = run.ended_ns.map_or_else(String::new, |ended_ns| format!(" to {}", time(ended_ns)));
    let size = ByteSize(run.bytes).display().si();
    let when = time(run.started_ns);
    format!("removed run {} (recorded from {when}{end}, {size}) to keep the store within its size", visible(&run.run))
}

fn seen(row: &Container) -> String {
    let running = if row.already_running { ", already running" } else { "" };
    format!("container {} seen{running}", who(row))
}

fn ended(row: &Container) -> String {
    let lasted = row.ended_ns.map(|ended_ns| u64::try_from(ended_ns - row.started_ns).unwrap_or_default());
    format!("container {} ended after {}", visible(&row.name), duration(lasted.unwrap_or_default()))
}

/// Name, image and engine.
fn who(row: &Container) -> String {
    let image = row.image.as_deref().map(|image| format!("{}, ", visible(image))).unwrap_or_default();
    format!("{} ({image}{})", visible(&row.name), visible(&row.engine))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hostile() -> Container {
        let row = serde_json::json!({
            "container": 1, "id": "0123", "name": "x\n\u{1b}[2J\rmore", "image": "i\u{202e}", "engine": "docker",
            "runtime": null, "pod": null, "labels_json": "{}", "entrypoint_json": null, "no_new_privs": null,
            "capabilities_json": null, "seccomp_json": null, "sysctls_json": "{}", "limits_json": "{}",
            "network_json": null, "cgroup_path": "", "started_ns": 1_000_000_000, "ended_ns": 66_000_000_000_i64,
            "already_running": true, "resolved": true,
        });
        serde_json::from_value(row).unwrap()
    }

    #[test]
    fn a_line_is_one_line_whatever_a_container_is_called() {
        let row = hostile();
        assert_eq!(seen(&row), "container x\\n\\u{1b}[2J\\rmore (i\\u{202e}, docker) seen, already running");
        assert_eq!(ended(&row), "container x\\n\\u{1b}[2J\\rmore ended after 1m 5s");
    }

    #[test]
    fn what_is_removed_is_named_with_its_time_and_size() {
        let run = RemovedRun { run: "a".to_owned(), started_ns: 0, ended_ns: Some(60_000_000_000), bytes: 3_100_000 };
        let when = "recorded from 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z, 3.1 MB";
        assert_eq!(removed(&run), format!("removed run a ({when}) to keep the store within its size"));
        let cut_off = RemovedRun { ended_ns: None, ..run };
        assert!(removed(&cut_off).contains("from 1970-01-01T00:00:00Z, 3.1 MB"));
    }
}
