//! `ctrec list`.

use std::process::ExitCode;

use ctrec_analyze::listing::Lister;
use ctrec_analyze::select::Pattern;
use ctrec_recording::Container;

use super::runs::Runs;
use crate::cli::{AnswerFormat, List};
use crate::exit;
use crate::output::{look_of_stdout, print};

pub(super) fn run(options: &List, quiet: bool) -> anyhow::Result<ExitCode> {
    let pattern = options.container.as_deref().map(str::parse::<Pattern>).transpose()?;
    // What cannot be listed is said. The others are listed all the same.
    let mut code = 0;
    let mut complain = |error: anyhow::Error| {
        code = code.max(exit::complain(&error));
        Ok(())
    };
    let runs = Runs::open(&options.stores, quiet, &mut complain)?;
    let wanted = pattern.map(|pattern| pattern.select_all(&runs.containers)).transpose()?;
    let mut lister = Lister::default();
    for (index, run) in runs.found.iter().enumerate() {
        let is_wanted = |row: &Container| wanted.as_ref().is_none_or(|wanted| wanted.has(index, row.container));
        if wanted.as_ref().is_some_and(|wanted| !wanted.is_in(index)) {
            continue;
        }
        // Where one cannot be read, a copy of it may.
        for copy in std::iter::once(run).chain(&run.copies) {
            match copy.read() {
                Ok(recording) => {
                    lister.add(&copy.store.path().to_string_lossy(), &recording, &is_wanted);
                    break;
                }
                Err(error) => complain(error.into())?,
            }
        }
    }
    for (store, removed) in &runs.removed {
        lister.add_removed(&store.to_string_lossy(), removed);
    }
    let listing = lister.finish(&runs.absent.missing);
    if !listing.runs.is_empty() {
        print(&match options.format {
            AnswerFormat::Text => listing.text(look_of_stdout()),
            AnswerFormat::Json => listing.json()?,
        })?;
    }
    Ok(ExitCode::from(code))
}
