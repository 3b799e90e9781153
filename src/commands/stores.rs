//! Reading the stores that were named, and the container that was meant.

use std::collections::BTreeSet;
use std::path::PathBuf;

use ctrec_analyze::behaviour::Behaviour;
use ctrec_analyze::policy::{Baseline, Dialect, Policy};
use ctrec_analyze::select::Pattern;
use ctrec_recording::{Origin, Recording, Store};

use crate::cli::{BaselineName, Chosen, PolicyOptions};
use crate::output::tell;

/// All runs of all stores.
pub(super) fn read(stores: &[PathBuf], quiet: bool) -> anyhow::Result<Vec<Recording>> {
    let mut recordings = Vec::new();
    for path in stores {
        let store = Store::open(path)?;
        for run in store.empty_runs().iter().filter(|_| !quiet) {
            tell(&format!("warning: {path:?}: run {run:?} holds nothing and is left out: its folder may be removed"));
        }
        recordings.extend(store.read_all()?);
    }
    Ok(recordings)
}

/// What the chosen container did.
pub(super) fn behaviour(chosen: &Chosen, quiet: bool) -> anyhow::Result<Behaviour> {
    let pattern: Pattern = chosen.container.parse()?;
    let recordings = read(&chosen.stores, quiet)?;
    Ok(pattern.select(&recordings)?.behaviour(&recordings)?)
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
    policy.include = options.include.iter().map(|name| name.trim().to_owned()).collect::<BTreeSet<_>>();
    if options.without_exec {
        policy.origins.remove(&Origin::Exec);
    }
    policy
}
