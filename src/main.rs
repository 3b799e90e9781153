//! The command line of ctrec.
//!
//! Lives here: parsing, calling one function, printing, the exit code. Does not: anything that a library would do.

#![expect(clippy::print_stderr, reason = "what is not data goes to stderr")]

mod cli;
mod commands;
mod exit;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    restore_sigpipe();
    let arguments = cli::Arguments::parse();
    let with_command = arguments.command.runs_a_command();
    match commands::run(arguments) {
        Ok(code) => code,
        Err(error) => exit::report(&error, with_command),
    }
}

/// Rust ignores SIGPIPE, and a program that ctrec starts would inherit that; `ctrec report | head` should just end.
fn restore_sigpipe() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    #[expect(unsafe_code, reason = "signal(2) with the default action installs no handler")]
    // SAFETY: SIG_DFL runs no code of ours, and no other thread exists yet.
    let result = unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) };
    result.expect("SIGPIPE has a default action");
}
