//! What can be typed.
//!
//! Lives here: the commands, and what several of them take. Beside it: the options of each.

mod machine;
mod pages;
mod recommend;
mod record;
mod recorded;

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::help;

pub(crate) use machine::{Doctor, Inspect, Run, RuntimeName};
pub(crate) use pages::{Completions, Man, ShellName};
pub(crate) use recommend::{BaselineName, DialectName, PolicyOptions, Recommend};
pub(crate) use record::{Hook, Record, Refusals, TableFormat};
pub(crate) use recorded::{Caps, CapsFormat, List, Report, ReportFormat, Verify};

/// Where `record` writes and the other commands read by default.
pub(crate) const STORE: &str = "ctrec.data";

/// Records what containers do, and recommends the least that each one needs.
#[derive(Debug, Parser)]
#[command(version, about, after_help = help::CTREC)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say less: errors, what a result lacks, and the data that was asked for
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

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum AnswerFormat {
    /// For a terminal
    #[default]
    Text,
    /// For a program
    Json,
}
