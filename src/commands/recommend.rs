//! `ctrec recommend`.

use std::process::ExitCode;

use ctrec_analyze::dialect::{DialectError, docker, oci};
use ctrec_analyze::policy::Dialect;
use ctrec_analyze::profile::{Profile, Reason, Rule};
use ctrec_analyze::recommend::recommend;
use ctrec_analyze::report::summary;
use ctrec_analyze::text::{counted, visible, wrap};

use super::{learn, stores};
use crate::cli::{DialectName, Recommend};
use crate::output::{look_of_stderr, print, show, tell};

pub(super) fn run(options: &Recommend, quiet: bool, verbose: bool) -> anyhow::Result<ExitCode> {
    let Some(pattern) = &options.container else { return learn::run(options.dialect, quiet) };
    let (dialect, render) = form(options.dialect);
    let policy = stores::policy(&options.policy, dialect);
    let behaviour = stores::behaviour_of(pattern, &options.stores, quiet)?;
    let recommendation = recommend(&behaviour, &policy)?;
    print(&render(&recommendation.profile)?)?;
    if verbose {
        recommendation.profile.rules.iter().for_each(explain);
    }
    if !quiet {
        show(&summary(&behaviour, &recommendation, &policy, look_of_stderr())?);
    }
    Ok(ExitCode::SUCCESS)
}

/// Renders a profile in one dialect.
type Render = fn(&Profile) -> Result<String, DialectError>;

/// A dialect by the name that was typed.
pub(super) fn form(name: DialectName) -> (Dialect, Render) {
    match name {
        DialectName::Docker => (Dialect::Docker, docker::render),
        DialectName::Oci => (Dialect::Oci, oci::render),
    }
}

/// One rule with its evidence, a line a reason; every start of a runtime that needs the call on one line.
fn explain(rule: &Rule) {
    let mut baselines = Vec::new();
    for reason in &rule.reasons {
        let reason = match reason {
            Reason::Observed { program, origin, phase, abi, count } => {
                let abi = ctrec_analyze::abi::text(*abi);
                let times = counted(usize::try_from(*count).unwrap_or(usize::MAX), "time");
                let place = format!("{origin:?}, {phase:?}").to_lowercase();
                format!("made {times} by {} ({place}, {abi})", visible(program))
            }
            Reason::Runtime { baseline } => {
                baselines.push(baseline.as_str());
                continue;
            }
            Reason::Always { why } => format!("any program may need it: {why}"),
            Reason::ErrnoRule => "must look absent, or forbidden, to programs that fall back".to_owned(),
            Reason::Included => "you asked for it".to_owned(),
            Reason::Given => "it was in the profile".to_owned(),
        };
        line(rule, &reason);
    }
    if !baselines.is_empty() {
        line(rule, &format!("a runtime needs it: {}", baselines.join("; ")));
    }
}

fn line(rule: &Rule, reason: &str) {
    const INDENT: usize = 21;
    let text = wrap(&format!("{:?}: {reason}", rule.action), look_of_stderr().prose(), INDENT);
    tell(&format!("{:<width$} {text}", rule.name, width = INDENT - 1));
}
