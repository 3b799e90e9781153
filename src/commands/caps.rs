//! `ctrec caps`.

use std::process::ExitCode;

use ctrec_analyze::capabilities::Capabilities;
use ctrec_analyze::policy::Policy;
use ctrec_analyze::report::{capabilities_json, capabilities_summary, capabilities_text};
use ctrec_recording::Origin;

use super::stores;
use crate::cli::{Caps, CapsFormat};
use crate::output::{look_of_stderr, look_of_stdout, print, show, warn};

pub(super) fn run(options: &Caps, quiet: bool) -> anyhow::Result<ExitCode> {
    let mut policy = Policy::default();
    if options.without_exec {
        policy.origins.remove(&Origin::Exec);
    }
    let behaviour = stores::behaviour(&options.chosen, quiet)?;
    let capabilities = Capabilities::of(&behaviour, &policy)?;
    match options.format {
        CapsFormat::Flags => print(&format!("{}\n", capabilities.flags()))?,
        CapsFormat::Text => print(&capabilities_text(&behaviour, &capabilities, look_of_stdout())?)?,
        CapsFormat::Json => print(&capabilities_json(&behaviour, &capabilities)?)?,
    }
    // The other forms say it themselves.
    if matches!(options.format, CapsFormat::Flags) {
        if quiet {
            warn(&capabilities.findings);
        } else {
            show(&capabilities_summary(&behaviour, &capabilities, look_of_stderr())?);
        }
    }
    Ok(ExitCode::SUCCESS)
}
