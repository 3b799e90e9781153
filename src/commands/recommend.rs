//! `ctrec recommend`.

use std::process::ExitCode;

use ctrec_analyze::dialect::{docker, oci};
use ctrec_analyze::policy::Dialect;
use ctrec_analyze::recommend::recommend;
use ctrec_analyze::report::summary;

use super::{print, stores};
use crate::cli::{DialectName, Recommend};

pub(super) fn run(options: &Recommend, quiet: bool) -> anyhow::Result<ExitCode> {
    let (dialect, render): (_, fn(&_) -> _) = match options.dialect {
        DialectName::Docker => (Dialect::Docker, docker::render),
        DialectName::Oci => (Dialect::Oci, oci::render),
    };
    let policy = stores::policy(&options.policy, dialect);
    let behaviour = stores::behaviour(&options.chosen)?;
    let recommendation = recommend(&behaviour, &policy)?;
    print(&render(&recommendation.profile)?)?;
    if !quiet {
        eprint!("{}", summary(&behaviour, &recommendation, &policy)?);
    }
    Ok(ExitCode::SUCCESS)
}
