//! What can be typed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use ctrec_recording::Budget;

use crate::help;

/// Where `record` writes and the other commands read by default.
pub(crate) const STORE: &str = "ctrec.data";

/// Records what containers do, and recommends the least that each one needs.
#[derive(Debug, Parser)]
#[command(version, about, after_help = help::CTREC)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say less: errors only, and the data that was asked for
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more: the windows of a recording, the evidence of each rule
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    #[arg(hide_possible_values = true, hide_default_value = true)]
    #[arg(help = "When to use colours: auto (on a terminal; heeds NO_COLOR and CLICOLOR_FORCE), always, never")]
    pub(crate) color: Color,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

impl Arguments {
    /// What the parser takes and nobody means: a command that came out empty, as in `record -- $COMMAND`, must not
    /// become a recording of everybody.
    pub(crate) fn checked(self) -> Result<Self, clap::Error> {
        let is_empty = matches!(&self.command, Command::Record(record) if record.command.is_empty());
        if is_empty && std::env::args_os().any(|word| word == "--") {
            let missing = "there is no COMMAND after --; leave out -- to record the containers of this host";
            return Err(Self::command().error(ErrorKind::MissingRequiredArgument, missing));
        }
        Ok(self)
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Record what containers, or a command, do (needs root)
    Record(Record),
    /// List runs and containers, and how well each was recorded
    List(List),
    /// Print the least seccomp profile for a container
    Recommend(Recommend),
    /// Print the least capabilities for a container, as options of docker run
    Caps(Caps),
    /// Show what was recorded, with the evidence of every rule
    Report(Report),
    /// Say what a profile would refuse of what was recorded; exit code 1 if anything
    Verify(Verify),
    /// Run a command under a profile and a capability list (needs root, or --no-new-privs)
    Run(Run),
    /// Show the filter and capabilities that are in force now (needs root)
    Inspect(Inspect),
    /// Say what this machine offers for recording; exit code 3 if it cannot record
    Doctor(Doctor),
    /// Print completions for a shell
    Completions(Completions),
    /// Print a man page, or write all of them into a folder
    Man(Man),
}

impl Command {
    /// Whether the exit code is that of a command.
    pub(crate) fn runs_a_command(&self) -> bool {
        match self {
            Self::Record(record) => !record.command.is_empty(),
            Self::Run(_) => true,
            Self::List(_) | Self::Recommend(_) | Self::Caps(_) | Self::Report(_) | Self::Verify(_) => false,
            Self::Inspect(_) | Self::Doctor(_) | Self::Completions(_) | Self::Man(_) => false,
        }
    }
}

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

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum TableFormat {
    /// Parquet
    #[default]
    Parquet,
    /// Newline-delimited JSON with the same columns
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = help::LIST)]
pub(crate) struct List {
    /// Stores to list
    #[arg(value_name = "STORE", default_value = STORE)]
    pub(crate) stores: Vec<PathBuf>,
    /// Only these containers: a name, id prefix, glob, image=..., label=k=v or pod=ns/name
    #[arg(long, value_name = "PATTERN")]
    pub(crate) container: Option<String>,
    /// Form of the list
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: AnswerFormat,
}

/// Which container of which stores.
#[derive(Debug, Args)]
pub(crate) struct Chosen {
    /// The container: a name, id prefix, glob, image=..., label=k=v or pod=ns/name
    #[arg(long, value_name = "PATTERN")]
    pub(crate) container: String,
    /// Stores to read; all their runs are taken together
    #[arg(value_name = "STORE", default_value = STORE)]
    pub(crate) stores: Vec<PathBuf>,
}

/// What to make of a behaviour.
#[derive(Debug, Args)]
pub(crate) struct PolicyOptions {
    /// Leave out what only docker exec and health checks need
    #[arg(long)]
    pub(crate) without_exec: bool,
    /// Container runtimes that the profile is to start under
    #[arg(long, value_enum, default_value_t)]
    pub(crate) runtime: BaselineName,
    /// Allow these calls in any case; may be repeated or separated by commas
    #[arg(long, value_name = "CALL", value_delimiter = ',', value_parser = call)]
    pub(crate) include: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum BaselineName {
    /// runc and crun, with and without `no_new_privs`, whatever was recorded
    #[default]
    #[value(help = "runc and crun, with and without no_new_privs, whatever was recorded")]
    Any,
    /// The container's own, with its `no_new_privs`
    #[value(help = "The container's own, with its no_new_privs; for a shorter list, good for no other")]
    Recorded,
    /// runc, with and without `no_new_privs`
    #[value(help = "runc, with and without no_new_privs")]
    Runc,
    /// crun, with and without `no_new_privs`
    #[value(help = "crun, with and without no_new_privs")]
    Crun,
}

#[derive(Debug, Args)]
#[command(
    after_help = help::RECOMMEND,
    override_usage = "ctrec recommend [OPTIONS] --container <PATTERN> [STORE]...\n       ctrec recommend --learn [--dialect <DIALECT>]"
)]
pub(crate) struct Recommend {
    /// The container: a name, id prefix, glob, image=..., label=k=v or pod=ns/name
    #[arg(long, value_name = "PATTERN", required_unless_present = "learn")]
    pub(crate) container: Option<String>,
    /// Stores to read; all their runs are taken together
    #[arg(value_name = "STORE", default_value = STORE)]
    pub(crate) stores: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) policy: PolicyOptions,
    /// Text form of the profile
    #[arg(long, value_enum, default_value_t)]
    pub(crate) dialect: DialectName,
    /// Print instead a profile to record under: a filter is in force, and refuses nothing
    #[arg(long, conflicts_with_all = ["container", "stores", "without_exec", "runtime", "include"])]
    pub(crate) learn: bool,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum DialectName {
    /// docker run --security-opt seccomp=FILE
    #[default]
    Docker,
    /// linux.seccomp of an OCI bundle
    Oci,
}

#[derive(Debug, Args)]
#[command(after_help = help::CAPS)]
pub(crate) struct Caps {
    #[command(flatten)]
    pub(crate) chosen: Chosen,
    /// Leave out what only docker exec and health checks need
    #[arg(long)]
    pub(crate) without_exec: bool,
    /// Form of the list
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: CapsFormat,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum CapsFormat {
    /// Options of docker run, on one line
    #[default]
    Flags,
    /// For a program, with every reason
    Json,
    /// For a terminal, with every reason
    Text,
}

#[derive(Debug, Args)]
#[command(after_help = help::REPORT)]
pub(crate) struct Report {
    /// Only this container: a name, id prefix, glob, image=..., label=k=v or pod=ns/name
    #[arg(long, value_name = "PATTERN")]
    pub(crate) container: Option<String>,
    /// Stores to read; all their runs are taken together
    #[arg(value_name = "STORE", default_value = STORE)]
    pub(crate) stores: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) policy: PolicyOptions,
    /// Form of the report
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ReportFormat,
    /// File to write instead of printing
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For a terminal
    #[default]
    Text,
    /// For a pull request
    Markdown,
    /// For a program
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = help::VERIFY)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) chosen: Chosen,
    /// The profile, in the docker or oci dialect
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: PathBuf,
    /// Compile as this runtime does, and check that it can start the container; without it, both
    #[arg(long, value_enum)]
    pub(crate) runtime: Option<RuntimeName>,
    /// Leave out what only docker exec and health checks need
    #[arg(long)]
    pub(crate) without_exec: bool,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum RuntimeName {
    /// runc, with its ENOSYS for calls newer than the profile
    #[default]
    Runc,
    /// crun
    Crun,
}

#[derive(Debug, Args)]
#[command(after_help = help::RUN)]
pub(crate) struct Run {
    /// The profile, in the docker or oci dialect
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: Option<PathBuf>,
    /// Compile as this runtime does
    #[arg(long, value_enum, default_value_t)]
    pub(crate) runtime: RuntimeName,
    /// Take away a capability, or ALL; may be repeated
    #[arg(long, value_name = "CAP")]
    pub(crate) cap_drop: Vec<String>,
    /// Keep a capability that was taken away; may be repeated
    #[arg(long, value_name = "CAP")]
    pub(crate) cap_add: Vec<String>,
    /// Keep the command from gaining privileges (`no_new_privs`); needed without root
    #[arg(long, help = "Keep the command from gaining privileges (no_new_privs); needed without root")]
    pub(crate) no_new_privs: bool,
    /// The command, with its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
#[command(after_help = help::INSPECT)]
pub(crate) struct Inspect {
    #[command(flatten)]
    pub(crate) whom: Whom,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: AnswerFormat,
}

/// Whom to inspect.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Whom {
    /// A process or thread
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) pid: Option<i32>,
    /// A running container of docker, runc or crun: its name, or the start of its id
    #[arg(long, value_name = "NAME")]
    pub(crate) container: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = help::DOCTOR)]
pub(crate) struct Doctor {
    /// Form of the answers
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: AnswerFormat,
}

#[derive(Debug, Args)]
#[command(after_help = help::COMPLETIONS)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: ShellName,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ShellName {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

#[derive(Debug, Args)]
#[command(after_help = help::MAN)]
pub(crate) struct Man {
    /// The command whose page is printed; without one, that of ctrec itself
    pub(crate) command: Option<String>,
    /// Write every page into this folder
    #[arg(long, short, value_name = "FOLDER", conflicts_with = "command")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum AnswerFormat {
    /// For a terminal
    #[default]
    Text,
    /// For a program
    Json,
}

/// Whether a table knows the name is for the recommendation to say, with those that look alike.
fn call(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("it is no name of a call; write one such as openat".to_owned()),
        name => Ok(name.to_owned()),
    }
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
