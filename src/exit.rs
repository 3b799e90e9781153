//! Exit codes: 0 done, 1 a check found something, 2 usage, 3 the environment cannot, 4 bad input, 125 ctrec's own
//! failure where the code is otherwise a command's.

use std::io;
use std::process::ExitCode;

use ctrec_analyze::select::SelectError;
use ctrec_enforce::{LiveError, RunError};
use ctrec_record::RecordError;
use ctrec_recording::StoreError;

use crate::input::InputError;
use crate::output::{self, OutputError, tell};

/// A check found something.
pub(crate) const FOUND: u8 = 1;
const USAGE: u8 = 2;
/// This machine cannot.
pub(crate) const ENVIRONMENT: u8 = 3;
const BAD_INPUT: u8 = 4;
const OWN_FAILURE: u8 = 125;

/// Prints an error with its causes, once, and gives its exit code.
pub(crate) fn report(error: &anyhow::Error, with_command: bool) -> ExitCode {
    say(error);
    ExitCode::from(code(error, with_command))
}

/// The same, of a command that goes on and ends with the code later.
pub(crate) fn complain(error: &anyhow::Error) -> u8 {
    say(error);
    code(error, false)
}

fn say(error: &anyhow::Error) {
    tell(&format!("error: {error:#}"));
}

/// What the parser has to say: help that was asked for, which is data, or what is wrong with the command line.
pub(crate) fn answer(answer: &clap::Error) -> ExitCode {
    if answer.use_stderr() {
        tell(answer.render().to_string().trim_end());
        return ExitCode::from(USAGE);
    }
    match output::check_stdout().and_then(|()| answer.print()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&output::to_stdout(error).into(), false),
    }
}

fn code(error: &anyhow::Error, with_command: bool) -> u8 {
    if let Some(error) = error.downcast_ref::<RunError>() {
        return u8::try_from(error.exit_code()).unwrap_or(OWN_FAILURE);
    }
    match error.downcast_ref::<RecordError>() {
        Some(RecordError::Command { source, .. }) if source.kind() == io::ErrorKind::NotFound => return 127,
        Some(RecordError::Command { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => return 126,
        _ => {}
    }
    if with_command {
        OWN_FAILURE
    } else if matches!(error.downcast_ref::<SelectError>(), Some(SelectError::NotAPattern(_))) {
        USAGE
    } else if is_environment(error) {
        ENVIRONMENT
    } else {
        BAD_INPUT
    }
}

/// What the user gave is in order, and this machine cannot do it.
fn is_environment(error: &anyhow::Error) -> bool {
    if let Some(error) = error.downcast_ref::<RecordError>() {
        return !matches!(error, RecordError::Store(error) if !is_forbidden(error));
    }
    error.is::<OutputError>()
        || error.downcast_ref::<InputError>().is_some_and(InputError::is_forbidden)
        || error.downcast_ref::<StoreError>().is_some_and(is_forbidden)
        || error.downcast_ref::<LiveError>().is_some_and(|error| !matches!(error, LiveError::NoSuchProcess { .. }))
}

/// The store may be right, and this user or this disk cannot have it read or written.
fn is_forbidden(error: &StoreError) -> bool {
    match error {
        StoreError::Write { .. } => true,
        StoreError::Read { source, .. } => source.kind() == io::ErrorKind::PermissionDenied,
        _ => false,
    }
}
