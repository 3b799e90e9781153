//! What no run of these saw: how containers start that ran before, and what runs that were removed had seen.
//!
//! Lives here: finding it. Does not: what to make of it.

use std::collections::BTreeSet;

use ctrec_recording::Removed;

use super::{Behaviour, ContainerFacts};

impl Behaviour {
    /// The same, with what was removed from a store that it was read from.
    #[must_use]
    pub fn with_removed(mut self, removed: Option<Removed>) -> Self {
        self.removed.extend(removed);
        self
    }

    /// What was removed from the stores.
    pub fn removed(&self) -> &BTreeSet<Removed> {
        &self.removed
    }

    /// Whether a removed run may have recorded one of these containers.
    pub fn may_have_lost(&self, removed: &Removed) -> bool {
        let began_earlier = |facts: &ContainerFacts| facts.already_running || facts.started_ns <= removed.last_ns;
        self.containers.values().any(began_earlier)
    }

    /// Containers whose start no run saw. Where a run ran out of its share of the store, another goes on, for which
    /// the container was running: how it starts is in the first.
    pub fn starts_unseen(&self) -> Vec<&ContainerFacts> {
        let all = || self.containers.iter().map(|(instance, facts)| (self.identity(&instance.run, facts), facts));
        let seen: BTreeSet<_> =
            all().filter(|(_, facts)| !facts.already_running).map(|(identity, _)| identity).collect();
        let unseen = all().filter(|(identity, facts)| facts.already_running && !seen.contains(identity));
        // Once each, however many runs continue each other.
        let mut told = BTreeSet::new();
        unseen.filter(|(identity, _)| told.insert(*identity)).map(|(_, facts)| facts).collect()
    }

    /// How many containers there are: one that several runs recorded is one.
    pub fn individuals(&self) -> usize {
        let identities = self.containers.iter().map(|(instance, facts)| self.identity(&instance.run, facts));
        identities.collect::<BTreeSet<_>>().len()
    }

    /// Recordings: runs that continue each other are one.
    pub fn recordings(&self) -> usize {
        let goes_on =
            |run: &&super::RunFacts| run.continues.as_ref().is_some_and(|before| self.runs.contains_key(&**before));
        self.runs.len() - self.runs.values().filter(goes_on).count()
    }
}
