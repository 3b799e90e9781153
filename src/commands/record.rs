//! `ctrec record`.

use std::ffi::OsStr;
use std::io::{self, IsTerminal};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use ctrec_analyze::select::Pattern;
use ctrec_analyze::text::{counted, visible};
use ctrec_record::{Host, Options, Outcome, Progress, Target, live_containers, record};
use ctrec_recording::Format;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::{Record, Refusals, STORE, TableFormat};
use crate::output::tell;
use crate::shell;

/// What became of processes that outlived their recording, and how to have none.
const UNRECORDED: &str = "no longer recorded; run servers in the foreground";

pub(super) fn run(options: &Record, quiet: bool, verbose: bool) -> anyhow::Result<ExitCode> {
    let volume = match (quiet, verbose) {
        (true, _) => Volume::Quiet,
        (false, true) => Volume::Verbose,
        (false, false) => Volume::Usual,
    };
    let request = Options {
        store: options.output.clone(),
        format: match options.format {
            TableFormat::Parquet => Format::Parquet,
            TableFormat::Json => Format::Json,
        },
        window: options.window,
        duration: options.duration,
        target: target(options)?,
        exact_refusals: matches!(options.refused, Refusals::Exact),
        ctrec_version: env!("CARGO_PKG_VERSION").to_owned(),
        owner: owner(),
    };
    let mut shown = Shown::new(options, volume);
    let outcome = record(&request, &mut |progress| shown.update(progress))?;
    shown.end(&outcome, options);
    let code = outcome.command_code.map_or(0, |code| u8::try_from(code).unwrap_or(u8::MAX));
    Ok(ExitCode::from(code))
}

fn target(options: &Record) -> anyhow::Result<Target> {
    if !options.command.is_empty() {
        return Ok(Target::Command(options.command.clone()));
    }
    let patterns: Vec<Pattern> = options.container.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let matches = Rc::new(move |container: &_| {
        patterns.is_empty() || patterns.iter().any(|pattern| !pattern.choose(&[container]).is_empty())
    });
    Ok(Target::Containers { patterns: options.container.clone(), matches })
}

/// The user who called sudo: the store is left to them.
fn owner() -> Option<(u32, u32)> {
    let id = |name| std::env::var(name).ok()?.parse().ok();
    Some((id("SUDO_UID")?, id("SUDO_GID")?))
}

/// How much to say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Volume {
    Quiet,
    Usual,
    Verbose,
}

/// What a user sees while it records: a live line on a terminal, a line a minute elsewhere.
struct Shown {
    bar: ProgressBar,
    volume: Volume,
    started: bool,
    warned: bool,
}

impl Shown {
    fn new(options: &Record, volume: Volume) -> Self {
        let target =
            if volume == Volume::Quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(5) };
        let bar = ProgressBar::with_draw_target(options.duration.map(|duration| duration.as_secs()), target);
        let left = if options.duration.is_some() { " of {len}s" } else { "" };
        let style = ProgressStyle::with_template(&format!("recording {{elapsed}}{left}  {{msg}}"));
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self { bar, volume, started: false, warned: false }
    }

    fn update(&mut self, progress: &Progress) {
        if !self.started {
            self.started = true;
            self.say("recording; Ctrl-C ends it");
            if io::stderr().is_terminal() {
                self.bar.enable_steady_tick(Duration::from_millis(200));
            }
        }
        self.bar.set_message(line(progress));
        if self.volume == Volume::Verbose && progress.windows > 0 {
            self.say(&format!("window {}: {}", progress.windows, line(progress)));
        }
        match &progress.unwritten {
            Some(reason) if !self.warned => {
                self.warned = true;
                let warning = format!("warning: a window cannot be written, and is kept for the next one: {reason}");
                self.bar.suspend(|| tell(&warning));
            }
            Some(_) => {}
            None => self.warned = false,
        }
    }

    /// Nothing was recorded. A pattern that matched nothing may be a slip of the pen.
    fn advise(&self, patterns: &[String]) {
        let running = running();
        if patterns.is_empty() || running.is_empty() {
            self.say("no container was seen; start one while recording, or record a command: ctrec record -- COMMAND");
        } else {
            let patterns: Vec<String> = patterns.iter().map(|pattern| format!("{pattern:?}")).collect();
            self.say(&format!("no container matched {}; running now, to be recorded by name:", patterns.join(" or ")));
            for line in &running {
                self.say(line);
            }
        }
    }

    fn say(&self, text: &str) {
        if self.volume != Volume::Quiet {
            self.bar.suspend(|| tell(text));
        }
    }

    fn end(&self, outcome: &Outcome, options: &Record) {
        self.bar.finish_and_clear();
        match outcome.left_running.len() {
            0 => {}
            1 => tell(&format!("warning: 1 process of the command still runs, {UNRECORDED}")),
            left => tell(&format!("warning: {left} processes of the command still run, {UNRECORDED}")),
        }
        self.say(&format!("recorded {} in {:?}{}", line(&outcome.progress), outcome.path, refused(&outcome.progress)));
        let Some(first) = outcome.containers.first() else {
            self.advise(&options.container);
            return;
        };
        self.say(&format!("next: {}", next(&first.name, &options.output)));
    }
}

/// The command that makes a profile of what was recorded, to be pasted.
fn next(container: &str, store: &Path) -> String {
    // A word that begins with a dash would be taken for an option.
    let container = match shell::word(OsStr::new(container)) {
        dashed if container.starts_with('-') => format!("--container={dashed}"),
        plain => format!("--container {plain}"),
    };
    let store = match store.as_os_str() {
        usual if usual == STORE => String::new(),
        dashed if dashed.as_bytes().starts_with(b"-") => {
            format!(" {}", shell::word(Path::new(".").join(store).as_os_str()))
        }
        other => format!(" {}", shell::word(other)),
    };
    format!("ctrec recommend {container}{store} > seccomp.json")
}

/// Containers that run and were not meant.
fn running() -> Vec<String> {
    live_containers(&Host::default()).iter().map(|live| format!("  {}  {}", visible(&live.name), live.engine)).collect()
}

fn line(progress: &Progress) -> String {
    let losses = match progress.losses {
        0 => "no losses".to_owned(),
        1 => "1 LOSS".to_owned(),
        losses => format!("{losses} LOSSES"),
    };
    format!("{}, {}, {losses}", counted(progress.containers, "container"), counted(progress.calls, "call kind"))
}

/// What filters answered, where that was counted.
fn refused(progress: &Progress) -> String {
    match progress.refused {
        None => String::new(),
        Some(0) => "; no call was answered by a filter".to_owned(),
        Some(1) => "; 1 call was answered by a filter".to_owned(),
        Some(calls) => format!("; {calls} calls were answered by a filter"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_filters_answered_is_said_where_it_was_counted() {
        let end = |refused| {
            super::refused(&Progress { windows: 1, containers: 1, calls: 1, losses: 0, refused, unwritten: None })
        };
        assert_eq!(end(None), "");
        assert_eq!(end(Some(0)), "; no call was answered by a filter");
        assert_eq!(end(Some(1)), "; 1 call was answered by a filter");
        assert_eq!(end(Some(2000)), "; 2000 calls were answered by a filter");
    }

    #[test]
    fn the_next_command_can_be_pasted() {
        let next = |name, store| next(name, Path::new(store));
        assert_eq!(next("web", STORE), "ctrec recommend --container web > seccomp.json");
        assert_eq!(next("web app", "a b"), "ctrec recommend --container 'web app' 'a b' > seccomp.json");
        assert_eq!(next("$(x)", "it's"), "ctrec recommend --container '$(x)' \"it's\" > seccomp.json");
        assert_eq!(next("-x", "-y"), "ctrec recommend --container=-x ./-y > seccomp.json");
        assert_eq!(next("a\u{1b}", STORE), "ctrec recommend --container $'a\\033' > seccomp.json");
    }
}
