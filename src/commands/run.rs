//! `ctrec run`.

use std::process::ExitCode;

use ctrec_enforce::{CapabilityList, Status, run as run_command};

use super::profile_file;
use crate::cli::Run;
use crate::output::tell;

pub(super) fn run(options: &Run, quiet: bool) -> anyhow::Result<ExitCode> {
    let own = Status::of(i32::try_from(std::process::id())?)?;
    let list = CapabilityList::from_options(&options.cap_drop, &options.cap_add, own.bounding)?;
    let changed = !(options.cap_drop.is_empty() && options.cap_add.is_empty());
    let compiled = match &options.profile {
        Some(file) => Some(profile_file::compiled(file, list.names().into_iter().collect(), options.runtime, quiet)?),
        None => None,
    };
    if compiled.is_none() && !changed && !options.no_new_privs && !quiet {
        tell("warning: no --profile and no other limit is given, so the command runs as it would without ctrec");
    }
    let code = run_command(&options.command, compiled.as_ref(), changed.then_some(list), options.no_new_privs)?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}
