//! The command line of ctrec.
//!
//! Lives here: parsing, calling one function, printing, the exit code. Does not: anything that a library would do.

mod cli;
mod commands;
mod exit;
mod help;
mod input;
mod output;
mod shell;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    output::heed_environment();
    let arguments = match cli::Arguments::try_parse().and_then(cli::Arguments::checked) {
        Ok(arguments) => arguments,
        Err(answer) => {
            if !answer.use_stderr() {
                restore_sigpipe();
            }
            return exit::answer(&answer);
        }
    };
    if !matches!(arguments.command, cli::Command::Record(_)) {
        restore_sigpipe();
    }
    output::colour(arguments.color);
    let with_command = arguments.command.runs_a_command();
    match commands::run(arguments) {
        Ok(code) => code,
        Err(error) => exit::report(&error, with_command),
    }
}

/// Rust ignores SIGPIPE, and a program that `run` starts would inherit that; `ctrec report | head` should just end, and
/// `ctrec --help | head` too. Not so `record`: its messages may go where nobody reads any more, and the recording matters more than they do.
fn restore_sigpipe() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    #[expect(unsafe_code, reason = "signal(2) with the default action installs no handler")]
    // SAFETY: SIG_DFL runs no code of ours, and no other thread exists yet.
    let result = unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) };
    result.expect("SIGPIPE has a default action");
}
