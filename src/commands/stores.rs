//! Reading the stores that were named, and the container that was meant.

use std::collections::BTreeSet;
use std::mem::take;
use std::path::PathBuf;
use std::rc::Rc;

use ctrec_analyze::behaviour::Behaviour;
use ctrec_analyze::policy::{Baseline, Dialect, Policy};
use ctrec_analyze::select::{Pattern, SelectError, Selection};
use ctrec_analyze::text::{counted, time};
use ctrec_recording::{Container, Origin, Store};

use crate::cli::{BaselineName, Chosen, PolicyOptions};
use crate::output::tell;

/// Runs of the stores that were named, with their containers. The rest is read when it is needed, a run at a time: a
/// store may hold more than there is memory.
pub(super) struct Runs {
    found: Vec<(Rc<Store>, String)>,
    containers: Vec<Vec<Container>>,
    lost: Vec<String>,
}

/// The stores hold no container, and runs of which nothing is left.
#[derive(Debug, thiserror::Error)]
#[error("nothing was recorded: {} cut off before the first window was written; record again", .0.join(", "))]
struct AllLost(Vec<String>);

impl Runs {
    /// Finds all runs of all stores. Those that hold nothing are named on stderr and left out.
    pub(super) fn open(stores: &[PathBuf], quiet: bool) -> anyhow::Result<Self> {
        let (mut runs, mut containers, mut lost) = (Vec::new(), Vec::new(), Vec::new());
        for path in stores {
            let store = Rc::new(Store::open(path)?);
            if !quiet {
                warn_of_empty_runs(&store);
            }
            for run in store.runs() {
                if store.is_lost(run)? {
                    lost.push(run.clone());
                }
                containers.push(store.read_containers(run)?);
                runs.push((store.clone(), run.clone()));
            }
        }
        for run in lost.iter().filter(|_| !quiet) {
            tell(&format!(
                "warning: run {run:?} was cut off before its first window was written: nothing of it is left"
            ));
        }
        Ok(Self { found: runs, containers, lost })
    }

    /// The containers that a pattern means, to be judged as one.
    pub(super) fn select(&self, pattern: &Pattern) -> anyhow::Result<Selection> {
        match pattern.select(&self.containers) {
            Err(SelectError::NothingRecorded) if !self.lost.is_empty() => {
                Err(AllLost(self.lost.iter().map(|run| format!("run {run:?} was")).collect()).into())
            }
            selected => Ok(selected?),
        }
    }

    /// Runs that were cut off before their first window was written.
    pub(super) fn lost(&self) -> &[String] {
        &self.lost
    }

    /// Containers of each run.
    pub(super) fn containers(&self) -> &[Vec<Container>] {
        &self.containers
    }

    /// What the containers of each selection did, over all runs that hold one of them.
    pub(super) fn behaviours(&self, selections: &[Selection]) -> anyhow::Result<Vec<Behaviour>> {
        let mut behaviours = vec![Behaviour::default(); selections.len()];
        for (index, (store, run)) in self.found.iter().enumerate() {
            for behaviour in &mut behaviours {
                *behaviour = take(behaviour).with_removed(store.removed());
            }
            if !selections.iter().any(|selection| selection.is_in(index)) {
                continue;
            }
            let recording = store.read(run)?;
            for (selection, behaviour) in selections.iter().zip(&mut behaviours) {
                *behaviour = take(behaviour).merge(selection.behaviour(index, &recording)?);
            }
        }
        behaviours.iter().try_for_each(Behaviour::check)?;
        Ok(behaviours)
    }
}

/// Says which runs hold nothing and are left out.
pub(super) fn warn_of_empty_runs(store: &Store) {
    let path = store.path();
    for run in store.empty_runs() {
        tell(&format!("warning: {path:?}: run {run:?} holds nothing and is left out: its folder may be removed"));
    }
}

/// Says what was removed from a store.
pub(super) fn warn_of_removed_runs(store: &Store) {
    let Some(removed) = store.removed() else { return };
    let runs = counted(usize::try_from(removed.runs).unwrap_or(usize::MAX), "run");
    let (first, last) = (time(removed.first_ns), time(removed.last_ns));
    let path = store.path();
    tell(&format!("{path:?}: {runs} recorded from {first} to {last} removed, to keep the store within its size"));
}

/// What the chosen container did.
pub(super) fn behaviour(chosen: &Chosen, quiet: bool) -> anyhow::Result<Behaviour> {
    behaviour_of(&chosen.container, &chosen.stores, quiet)
}

/// What the container that a pattern means did.
pub(super) fn behaviour_of(pattern: &str, stores: &[PathBuf], quiet: bool) -> anyhow::Result<Behaviour> {
    let pattern: Pattern = pattern.parse()?;
    let runs = Runs::open(stores, quiet)?;
    let selection = runs.select(&pattern)?;
    Ok(runs.behaviours(&[selection])?.remove(0))
}

/// The policy that the options ask for.
pub(super) fn policy(options: &PolicyOptions, dialect: Dialect) -> Policy {
    let mut policy = Policy { dialect, ..Policy::default() };
    policy.baseline = match options.runtime {
        BaselineName::Any => Baseline::Any,
        BaselineName::Recorded => Baseline::Recorded,
        BaselineName::Runc => Baseline::Runc,
        BaselineName::Crun => Baseline::Crun,
    };
    policy.include = options.include.iter().cloned().collect::<BTreeSet<_>>();
    if options.without_exec {
        policy.origins.remove(&Origin::Exec);
    }
    policy
}
