//! What no run of these saw: how containers start that ran before, and what runs that are not here had seen.
//!
//! Lives here: finding it. Does not: which runs are not here (see `absent`), what to make of it.

use std::collections::{BTreeMap, BTreeSet};

use ctrec_recording::Removed;

use super::{Behaviour, ContainerFacts, Instance, RunFacts};
use crate::absent::{Absent, MissingRun, Side};

/// Why no run saw how a container starts. Ordered: what holds of one of its recordings holds over what is before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unseen {
    /// It ran before recording began.
    RanBefore,
    /// It was recorded before by a run that was removed.
    Removed,
    /// It was recorded before by a run that is not here.
    Missing,
}

impl Behaviour {
    /// The same, with what is not here of the stores that it was read from.
    #[must_use]
    pub fn with_absent(mut self, absent: &Absent) -> Self {
        self.removed.extend(&absent.removed);
        self.missing.extend(absent.missing.iter().cloned());
        self
    }

    /// What was removed from the stores.
    pub fn removed(&self) -> &BTreeSet<Removed> {
        &self.removed
    }

    /// Whether a removed run may have recorded one of these containers.
    pub fn may_have_lost(&self, removed: &Removed) -> bool {
        self.was_there(removed.last_ns)
    }

    /// Runs that are missing from the recordings in the stores.
    pub fn missing(&self) -> &BTreeSet<MissingRun> {
        &self.missing
    }

    /// Whether a missing run may have recorded one of these containers.
    pub fn may_have_missed(&self, missing: &MissingRun) -> bool {
        match missing.side {
            Side::Before { .. } => self.was_there(missing.at_ns),
            Side::After => self.containers.values().any(|facts| facts.ended_ns.is_none_or(|end| end > missing.at_ns)),
        }
    }

    /// Whether one of these containers may have run until this moment or before.
    fn was_there(&self, ns: i64) -> bool {
        self.containers.values().any(|facts| facts.already_running || facts.started_ns <= ns)
    }

    /// Containers whose start no run saw, and why. Where a run ran out of its share of the store, another goes on, for
    /// which the container was running: how it starts is in the first. Each is told once, however many runs continue
    /// each other.
    pub fn starts_unseen(&self) -> Vec<(&ContainerFacts, Unseen)> {
        let all =
            || self.containers.iter().map(|(instance, facts)| (self.identity(&instance.run, facts), instance, facts));
        let seen: BTreeSet<_> =
            all().filter(|(_, _, facts)| !facts.already_running).map(|(identity, ..)| identity).collect();
        let mut unseen: BTreeMap<_, (&ContainerFacts, Unseen)> = BTreeMap::new();
        for (identity, instance, facts) in
            all().filter(|(identity, _, facts)| facts.already_running && !seen.contains(identity))
        {
            let why = self.why_unseen(instance);
            let told = unseen.entry(identity).or_insert((facts, why));
            told.1 = told.1.max(why);
        }
        unseen.into_values().collect()
    }

    /// Why a recording that had a container before does not have its start: what became of the run before the first one
    /// that is here.
    fn why_unseen(&self, instance: &Instance) -> Unseen {
        let mut first: Option<(&str, &RunFacts)> = None;
        let mut next = Some(&*instance.run);
        // As many steps as there are runs: what claims to continue itself has no first.
        for _ in 0..=self.runs.len() {
            let Some((id, facts)) = next.and_then(|id| self.runs.get_key_value(id)) else { break };
            first = Some((id, facts));
            next = facts.continues.as_deref();
        }
        let (Some((id, facts)), Some(_)) = (first, next) else { return Unseen::RanBefore };
        let is_before = |missing: &&MissingRun| missing.run == id && matches!(missing.side, Side::Before { .. });
        if self.missing.iter().any(|missing| is_before(&missing)) {
            Unseen::Missing
        } else if self.removed.iter().any(|removed| removed.reaches(facts.started_ns)) {
            Unseen::Removed
        } else {
            Unseen::RanBefore
        }
    }

    /// How many containers there are: one that several runs recorded is one.
    pub fn individuals(&self) -> usize {
        let identities = self.containers.iter().map(|(instance, facts)| self.identity(&instance.run, facts));
        identities.collect::<BTreeSet<_>>().len()
    }
}
