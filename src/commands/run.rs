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
    let candidates = match &options.profile {
        Some(file) => {
            profile_file::compiled(file, list.names().into_iter().collect(), &[options.runtime.into()], quiet)?
        }
        None => Vec::new(),
    };
    let compiled = candidates.first().map(|candidate| &candidate.compiled);
    if compiled.is_none() && !changed && !options.no_new_privs && !quiet {
        tell("warning: no --profile and no other limit is given, so the command runs as it would without ctrec");
    }
    let code = run_command(&options.command, compiled, changed.then_some(list), options.no_new_privs)?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}
