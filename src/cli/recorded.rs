//! What can be typed after the commands that show what was recorded: `list`, `caps`, `report`, `verify`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{AnswerFormat, Chosen, PolicyOptions, RuntimeName, STORE};
use crate::help;

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
