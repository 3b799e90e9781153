//! One file a command, and what several of them share.

mod caps;
mod completions;
mod doctor;
mod inspect;
mod learn;
mod list;
mod machine;
mod man;
mod profile_file;
mod recommend;
mod record;
mod refused;
mod report;
mod run;
mod runs;
mod stores;
mod verify;

use std::process::ExitCode;

use crate::cli::{Arguments, Command};

/// Runs a command.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let quiet = arguments.quiet;
    let verbose = arguments.verbose;
    match arguments.command {
        Command::Record(options) => record::run(&options, quiet, verbose),
        Command::List(options) => list::run(&options, quiet),
        Command::Recommend(options) => recommend::run(&options, quiet, verbose),
        Command::Caps(options) => caps::run(&options, quiet),
        Command::Report(options) => report::run(&options, quiet),
        Command::Verify(options) => verify::run(&options, quiet),
        Command::Run(options) => run::run(&options, quiet),
        Command::Inspect(options) => inspect::run(&options),
        Command::Doctor(options) => doctor::run(&options, verbose),
        Command::Completions(options) => completions::run(&options),
        Command::Man(options) => man::run(&options),
    }
}
