//! What can be typed after the commands about this machine: `run`, `inspect`, `doctor`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::AnswerFormat;
use crate::help;

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
