//! What can be typed after `ctrec record`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, ValueEnum};
use ctrec_recording::Budget;

use super::STORE;
use crate::help;

#[derive(Debug, Args)]
#[command(after_help = help::RECORD)]
pub(crate) struct Record {
    /// Stop after this long, such as 30s or 10m; without it, on Ctrl-C or when the command ends
    #[arg(long, value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// Record only these containers, not all: a name, id prefix, glob, image=..., label=k=v or pod=ns/name; may be repeated
    #[arg(long, value_name = "PATTERN", conflicts_with = "command")]
    pub(crate) container: Vec<String>,
    /// Store to append a run to
    #[arg(long, short, value_name = "STORE", default_value = STORE)]
    pub(crate) output: PathBuf,
    /// Most that the store's runs may take on the disk, such as 500MB or 2GiB: the oldest are removed to stay within that
    #[arg(long, value_name = "SIZE", value_parser = size, allow_negative_numbers = true)]
    pub(crate) max_size: Option<u64>,
    /// How tables are written
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: TableFormat,
    /// Length of a window: what a crash can lose
    #[arg(long, value_parser = window, default_value = "10s")]
    pub(crate) window: Duration,
    /// How calls that the filter in force refuses are told from others that fail
    #[arg(long, value_enum, default_value_t)]
    pub(crate) refused: Refusals,
    /// Hook on capability checks; without it, the first of them that this kernel runs a program at
    #[arg(long, value_enum)]
    pub(crate) check_hook: Option<Hook>,
    /// Record this command in a cgroup of its own, and nobody else
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Refusals {
    /// Later, by the container's filter and the errno: arguments may leave it open
    #[default]
    Judged,
    /// By a second hook, which costs as much again: nothing is left open
    Exact,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Hook {
    /// At the function's return: sees the options of a check
    Fexit,
    /// At its entry and its return, by breakpoints: sees them too, and costs more
    Kprobe,
    /// At the kernel's tracepoint (Linux 6.14+): does not see them
    Tracepoint,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum TableFormat {
    /// Parquet
    #[default]
    Parquet,
    /// Newline-delimited JSON with the same columns
    Json,
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| format!("{error}; write it like 30s or 10m"))?;
    if duration.is_zero() { Err("it is no time at all; write it like 30s or 10m".to_owned()) } else { Ok(duration) }
}

fn size(text: &str) -> Result<u64, String> {
    let size: ByteSize = text.parse().map_err(|_| "it is no size; write it like 500MB or 2GiB".to_owned())?;
    let least = ByteSize(Budget::LEAST_BYTES).display().si();
    if size.0 < Budget::LEAST_BYTES {
        Err(format!("a store needs {least} or more to be kept within; write it like 500MB or 2GiB"))
    } else {
        Ok(size.0)
    }
}

/// Counters wrap after 2^32 calls of one kind on one CPU, so a window ends well before that.
fn window(text: &str) -> Result<Duration, String> {
    let window = duration(text)?;
    if (Duration::from_millis(100)..=Duration::from_secs(300)).contains(&window) {
        Ok(window)
    } else {
        Err("a window is 100ms to 5m long".to_owned())
    }
}
