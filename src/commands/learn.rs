//! `ctrec recommend --learn`: a profile to record under. It needs no recording.

use std::process::ExitCode;

use ctrec_analyze::recommend::learn;
use ctrec_analyze::report::learning;

use super::recommend::form;
use crate::cli::DialectName;
use crate::output::{print, tell};

pub(super) fn run(dialect: DialectName, quiet: bool) -> anyhow::Result<ExitCode> {
    let (dialect, render) = form(dialect);
    print(&render(&learn())?)?;
    if !quiet {
        tell(learning(dialect).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}
