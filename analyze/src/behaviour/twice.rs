//! Containers that several recordings recorded at the same time. A run does not know of another, so what was counted
//! meanwhile is in both.
//!
//! Lives here: finding them, by id and time. Does not: what to make of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Behaviour, ContainerFacts, Span};
use crate::select::short_id;

/// A container, and the runs that recorded it at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twice<'a> {
    /// One of its rows.
    pub facts: &'a ContainerFacts,
    /// The runs.
    pub runs: BTreeSet<&'a str>,
}

/// A container in a run: from when to when it was recorded, and by which run.
type Stretch<'a> = (Span, &'a str, &'a ContainerFacts);
/// What a container is known by in all runs.
pub(super) type Identity<'a> = (Option<&'a str>, &'a str);

impl Behaviour {
    /// Containers that several runs recorded at the same time.
    pub fn recorded_twice(&self) -> Vec<Twice<'_>> {
        let mut all: BTreeMap<Identity<'_>, Vec<Stretch<'_>>> = BTreeMap::new();
        for (instance, facts) in &self.containers {
            if let Some(span) = self.recorded_span(&instance.run, facts) {
                let identity = self.identity(&instance.run, facts);
                all.entry(identity).or_default().push((span, &*instance.run, facts));
            }
        }
        all.into_values().filter_map(at_once).collect()
    }

    /// Engines that give long ids give each once; a name like `web` is one container on one host.
    pub(super) fn identity<'a>(&'a self, run: &str, facts: &'a ContainerFacts) -> Identity<'a> {
        let is_unique = short_id(&facts.id).len() < facts.id.len();
        let host = self.runs.get(run).map(|run| run.host.as_str());
        (host.filter(|_| !is_unique), &facts.id)
    }

    /// From when to when a run recorded a container; `None` where it has no window with it.
    fn recorded_span(&self, run: &str, facts: &ContainerFacts) -> Option<Span> {
        let windows = self.windows.get(run)?;
        let start_ns = windows.values().map(|window| window.start_ns).min()?.max(facts.started_ns);
        let end_ns = windows.values().map(|window| window.end_ns).max()?.min(facts.ended_ns.unwrap_or(i64::MAX));
        (start_ns < end_ns).then_some(Span { start_ns, end_ns })
    }
}

/// The runs of one container that overlap others, from its spans.
fn at_once(mut spans: Vec<Stretch<'_>>) -> Option<Twice<'_>> {
    spans.sort_by_key(|(span, run, _)| (*span, *run));
    let mut ends: BTreeMap<&str, i64> = BTreeMap::new();
    let mut runs = BTreeSet::new();
    for &(span, run, _) in &spans {
        let others = ends.iter().filter(|(other, end)| **other != run && **end > span.start_ns);
        let others: Vec<&str> = others.map(|(other, _)| *other).collect();
        if !others.is_empty() {
            runs.insert(run);
            runs.extend(others);
        }
        let end = ends.entry(run).or_insert(span.end_ns);
        *end = span.end_ns.max(*end);
    }
    let facts = spans.first()?.2;
    (!runs.is_empty()).then_some(Twice { facts, runs })
}
