//! What can be typed after `ctrec recommend`; the policy of `ctrec report` too.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::STORE;
use crate::help;

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

/// Whether a table knows the name is for the recommendation to say, with those that look alike.
fn call(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("it is no name of a call; write one such as openat".to_owned()),
        name => Ok(name.to_owned()),
    }
}
