//! `ctrec list`.

use std::path::Path;
use std::process::ExitCode;

use ctrec_analyze::listing::Lister;
use ctrec_analyze::select::Pattern;
use ctrec_recording::{Container, Store};

use super::stores;
use crate::cli::{AnswerFormat, List};
use crate::exit;
use crate::output::{look_of_stdout, print};

pub(super) fn run(options: &List, quiet: bool) -> anyhow::Result<ExitCode> {
    let pattern = options.container.as_deref().map(str::parse::<Pattern>).transpose()?;
    let mut found = Found::default();
    options.stores.iter().for_each(|store| found.open(store, quiet));
    let wanted = pattern.map(|pattern| pattern.select_all(&found.containers)).transpose()?;
    let mut lister = Lister::default();
    for (index, (store, run)) in std::mem::take(&mut found.runs).into_iter().enumerate() {
        let is_wanted = |row: &Container| wanted.as_ref().is_none_or(|wanted| wanted.has(index, row.container));
        if wanted.as_ref().is_some_and(|wanted| !wanted.is_in(index)) {
            continue;
        }
        match store.read(&run) {
            Ok(recording) => lister.add(&store.path().to_string_lossy(), &recording, &is_wanted),
            Err(error) => found.complain(error),
        }
    }
    let listing = lister.finish();
    if !listing.runs.is_empty() {
        print(&match options.format {
            AnswerFormat::Text => listing.text(look_of_stdout()),
            AnswerFormat::Json => listing.json()?,
        })?;
    }
    Ok(ExitCode::from(found.code))
}

/// Runs that can be listed, and the exit code for those that cannot.
#[derive(Default)]
struct Found {
    runs: Vec<(Store, String)>,
    /// Containers of each of them.
    containers: Vec<Vec<Container>>,
    code: u8,
}

impl Found {
    fn open(&mut self, path: &Path, quiet: bool) {
        let store = match Store::open(path) {
            Ok(store) => store,
            Err(error) => return self.complain(error),
        };
        if !quiet {
            stores::warn_of_empty_runs(&store);
            stores::warn_of_removed_runs(&store);
        }
        for run in store.runs() {
            match store.read_containers(run) {
                Ok(containers) => {
                    self.runs.push((store.clone(), run.clone()));
                    self.containers.push(containers);
                }
                Err(error) => self.complain(error),
            }
        }
    }

    /// Says what cannot be listed. The others are listed all the same.
    fn complain(&mut self, error: impl Into<anyhow::Error>) {
        self.code = self.code.max(exit::complain(&error.into()));
    }
}
