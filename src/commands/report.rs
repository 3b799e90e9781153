//! `ctrec report`.

use std::process::ExitCode;

use ctrec_analyze::policy::Dialect;
use ctrec_analyze::report::{Look, Report as Contents};
use ctrec_analyze::select::{Pattern, Selection};

use super::runs::Runs;
use super::stores;
use crate::cli::{Report, ReportFormat};
use crate::output::{look_of_stdout, print, tell, write};

pub(super) fn run(options: &Report, quiet: bool) -> anyhow::Result<ExitCode> {
    let pattern = options.container.as_deref().map(str::parse::<Pattern>).transpose()?;
    let runs = Runs::of(&options.stores, quiet)?;
    let selections = match pattern {
        Some(pattern) => vec![runs.select(&pattern)?],
        None => Selection::every(&runs.containers),
    };
    if selections.is_empty() {
        // Without a container there is no finding that would say it.
        runs.absent.missing.iter().for_each(|missing| tell(&format!("warning: {}", missing.text())));
    }
    let policy = stores::policy(&options.policy, Dialect::default());
    let contents = Contents::of(&runs.behaviours(&selections)?, &policy)?.with_lost_runs(&runs.lost);
    let text = match options.format {
        ReportFormat::Text => contents.text(if options.output.is_none() { look_of_stdout() } else { Look::PLAIN }),
        ReportFormat::Markdown => contents.markdown(),
        ReportFormat::Json => contents.json(),
    }?;
    match &options.output {
        None => print(&text)?,
        Some(file) => {
            write(file, &text)?;
            if !quiet {
                tell(&format!("wrote {file:?}"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
