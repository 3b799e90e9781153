//! `ctrec recommend`.

use std::process::ExitCode;

use ctrec_analyze::bounds::{self, LeftOut};
use ctrec_analyze::dialect::{DialectError, docker, oci};
use ctrec_analyze::order::natural;
use ctrec_analyze::policy::Dialect;
use ctrec_analyze::profile::{Profile, Reason, Rule};
use ctrec_analyze::recommend::recommend;
use ctrec_analyze::report::summary;
use ctrec_analyze::text::{counted, visible, wrap};

use super::{learn, stores};
use crate::cli::{DialectName, Recommend};
use crate::output::{look_of_stderr, print, show, tell, warn};

pub(super) fn run(options: &Recommend, quiet: bool, verbose: bool) -> anyhow::Result<ExitCode> {
    let Some(pattern) = &options.container else { return learn::run(options.dialect, quiet) };
    let (dialect, render) = form(options.dialect);
    let policy = stores::policy(&options.policy, dialect);
    let behaviour = stores::behaviour_of(pattern, &options.stores, quiet)?;
    let recommendation = recommend(&behaviour, &policy)?;
    print(&render(&recommendation.profile)?)?;
    if verbose {
        let rules = &recommendation.profile.rules;
        for rule in rules {
            explain(rule, bounds::sources(rules.len()));
        }
    }
    if quiet {
        warn(&recommendation.findings);
    } else {
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

/// One rule with its evidence, a line a reason; every start of a runtime that needs the call on one line. Of programs, of
/// which a container can make any number, at most so many.
fn explain(rule: &Rule, most: usize) {
    let mut programs: Vec<Observed<'_>> = rule.reasons.iter().filter_map(observed).collect();
    programs.sort_by(|one, other| natural(one.program, other.program));
    let (programs, left_out) = bounds::cut(programs, most, |one| one.count);
    for Observed { program, count, place } in programs {
        line(rule, &format!("made {} by {} ({place})", times(count), visible(program)));
    }
    if let Some(LeftOut { rows, count }) = left_out {
        line(rule, &format!("made {} by {rows} more, which only the store has", times(count)));
    }
    let mut baselines = Vec::new();
    for reason in &rule.reasons {
        let reason = match reason {
            Reason::Observed { .. } => continue, /* above */
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

/// Who made a call, and how often.
struct Observed<'a> {
    program: &'a str,
    count: u64,
    place: String,
}

fn observed(reason: &Reason) -> Option<Observed<'_>> {
    let Reason::Observed { program, origin, phase, abi, count } = reason else { return None };
    let place = format!("{origin:?}, {phase:?}, ").to_lowercase() + ctrec_analyze::abi::text(*abi);
    Some(Observed { program, count: *count, place })
}

fn times(count: u64) -> String {
    counted(usize::try_from(count).unwrap_or(usize::MAX), "time")
}

fn line(rule: &Rule, reason: &str) {
    const INDENT: usize = 21;
    let text = wrap(&format!("{:?}: {reason}", rule.action), look_of_stderr().prose(), INDENT);
    tell(&format!("{:<width$} {text}", rule.name, width = INDENT - 1));
}
