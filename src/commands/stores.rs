//! Reading what the container did that was meant, from the stores that were named.
//!
//! Lives here: which runs are read, and folding them. Does not: finding them (see `runs`).

use std::collections::BTreeSet;
use std::mem::take;
use std::path::PathBuf;

use ctrec_analyze::behaviour::Behaviour;
use ctrec_analyze::policy::{Baseline, Dialect, Policy};
use ctrec_analyze::select::{Pattern, SelectError, Selection};
use ctrec_recording::Origin;

use super::runs::Runs;
use crate::cli::{BaselineName, Chosen, PolicyOptions};

/// The stores hold no container, and runs of which nothing is left.
#[derive(Debug, thiserror::Error)]
#[error("nothing was recorded: {} cut off before the first window was written; record again", .0.join(", "))]
struct AllLost(Vec<String>);

impl Runs {
    /// All runs of all stores, each of which must be readable.
    pub(super) fn of(stores: &[PathBuf], quiet: bool) -> anyhow::Result<Self> {
        Self::open(stores, quiet, &mut Err)
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

    /// What the containers of each selection did, over all runs that hold one of them.
    pub(super) fn behaviours(&self, selections: &[Selection]) -> anyhow::Result<Vec<Behaviour>> {
        let mut behaviours = vec![Behaviour::default().with_absent(&self.absent); selections.len()];
        for (index, run) in self.found.iter().enumerate() {
            if !selections.iter().any(|selection| selection.is_in(index)) {
                continue;
            }
            let recording = run.read()?;
            for (selection, behaviour) in selections.iter().zip(&mut behaviours) {
                *behaviour = take(behaviour).merge(selection.behaviour(index, &recording)?);
            }
        }
        behaviours.iter().try_for_each(Behaviour::check)?;
        Ok(behaviours)
    }
}

/// What the chosen container did.
pub(super) fn behaviour(chosen: &Chosen, quiet: bool) -> anyhow::Result<Behaviour> {
    behaviour_of(&chosen.container, &chosen.stores, quiet)
}

/// What the container that a pattern means did.
pub(super) fn behaviour_of(pattern: &str, stores: &[PathBuf], quiet: bool) -> anyhow::Result<Behaviour> {
    let pattern: Pattern = pattern.parse()?;
    let runs = Runs::of(stores, quiet)?;
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
