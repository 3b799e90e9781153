//! What one asks of a behaviour. Sums over containers and runs are made here, on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ctrec_recording::{LossKind, Origin, Phase};

use super::deeds::{Deeds, add};
use super::{
    Behaviour, CallId, CheckFacts, CheckKind, ContainerFacts, FileCapabilities, IdentityKey, Instance, Outcome,
    RunFacts, Source, Span, StartKey,
};

/// Everything seen of one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFacts {
    /// How often, by where it came from.
    pub sources: BTreeMap<Source, Outcome>,
    /// Runs in which it was seen.
    pub runs: BTreeSet<Arc<str>>,
    /// Windows in which it was seen, each counted for every container that made it there.
    pub windows: usize,
}

impl CallFacts {
    /// Sum over all sources.
    pub fn outcome(&self) -> Outcome {
        let mut sum = Outcome::default();
        self.sources.values().for_each(|outcome| sum.add(outcome));
        sum
    }
}

/// How much was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recorded {
    /// Runs.
    pub runs: usize,
    /// Windows in which a container lived, over all runs.
    pub windows: usize,
    /// How long, ns: the windows' length as far as a container lived in them.
    pub duration_ns: u64,
    /// First and last moment, ns since the epoch; `None` where no window was sealed.
    pub span: Option<(i64, i64)>,
    /// Windows since the one that last showed a call not seen before; `None` where no call was seen.
    pub windows_since_new: Option<usize>,
}

impl Behaviour {
    /// Calls with where they came from.
    pub fn calls(&self) -> BTreeMap<CallId, CallFacts> {
        let mut calls: BTreeMap<CallId, CallFacts> = BTreeMap::new();
        for (instance, deeds) in self.deeds() {
            for (call, seen) in &deeds.calls {
                let facts = calls.entry(*call).or_default();
                facts.runs.insert(instance.run.clone());
                facts.windows += seen.windows;
                for (source, outcome) in &seen.sources {
                    facts.sources.entry(source.clone()).or_default().add(outcome);
                }
            }
        }
        calls
    }

    /// Calls of each container of each run, with where they came from.
    pub fn calls_by_instance(&self) -> impl Iterator<Item = (&Instance, CallId, &[(Source, Outcome)])> {
        self.deeds().flat_map(|(instance, deeds)| {
            deeds.calls.iter().map(move |(call, seen)| (instance, *call, seen.sources.as_slice()))
        })
    }

    /// How a call of a container ended, from one place; `None` where none was recorded.
    pub fn outcome(&self, instance: &Instance, call: CallId, source: &Source) -> Option<&Outcome> {
        let sources = &self.deeds.get(instance)?.what.calls.get(&call)?.sources;
        let at = sources.binary_search_by(|(known, _)| known.cmp(source)).ok()?;
        sources.get(at).map(|(_, outcome)| outcome)
    }

    /// Values of arguments that decide a rule: how often, by container, call, where it came from, index and value.
    pub fn arguments(&self) -> impl Iterator<Item = (&Instance, CallId, &Source, u32, u64, u64)> {
        self.deeds().flat_map(|(instance, deeds)| {
            let arguments = deeds.arguments.iter();
            arguments.map(move |(key, count)| (instance, key.call, &key.source, key.index, key.value, *count))
        })
    }

    /// Who started which program, and how often.
    pub fn starts(&self) -> BTreeMap<&StartKey, u64> {
        let mut starts: BTreeMap<&StartKey, u64> = BTreeMap::new();
        for (key, count) in self.deeds().flat_map(|(_, deeds)| &deeds.starts) {
            add(starts.entry(key).or_default(), *count);
        }
        starts
    }

    /// Capability checks, by what they are.
    pub fn checks(&self) -> BTreeMap<&CheckKind, CheckFacts> {
        let mut checks: BTreeMap<&CheckKind, CheckFacts> = BTreeMap::new();
        for (kind, facts) in self.deeds().flat_map(|(_, deeds)| &deeds.checks) {
            checks.entry(kind).or_default().add(facts);
        }
        checks
    }

    /// As whom programs ran, and how often.
    pub fn identities(&self) -> BTreeMap<&IdentityKey, u64> {
        let mut identities: BTreeMap<&IdentityKey, u64> = BTreeMap::new();
        for (key, count) in self.deeds().flat_map(|(_, deeds)| &deeds.identities) {
            add(identities.entry(key).or_default(), *count);
        }
        identities
    }

    /// File capabilities of programs, by path.
    pub fn files(&self) -> BTreeMap<&str, FileCapabilities> {
        let mut files: BTreeMap<&str, FileCapabilities> = BTreeMap::new();
        for (path, file) in self.deeds().flat_map(|(_, deeds)| &deeds.files) {
            files.entry(path).or_default().add(file);
        }
        files
    }

    /// What is known to be missing, by kind and place.
    pub fn losses(&self) -> BTreeMap<(LossKind, &str), u64> {
        let mut losses: BTreeMap<(LossKind, &str), u64> = BTreeMap::new();
        let of_nobody = self.losses.values().flat_map(|summed| &summed.what);
        for ((kind, detail), count) in self.deeds().flat_map(|(_, deeds)| &deeds.losses).chain(of_nobody) {
            add(losses.entry((*kind, detail)).or_default(), *count);
        }
        let cut_off = self.runs.values().filter(|run| run.cut_off).count();
        if cut_off > 0 {
            losses.insert((LossKind::CutOff, ""), cut_off as u64);
        }
        losses
    }

    pub(super) fn deeds(&self) -> impl Iterator<Item = (&Instance, &Deeds)> {
        self.deeds.iter().map(|(instance, summed)| (instance, &summed.what))
    }

    /// The containers, by run and number.
    pub fn containers(&self) -> &BTreeMap<Instance, ContainerFacts> {
        &self.containers
    }

    /// The runs, by id.
    pub fn runs(&self) -> &BTreeMap<Arc<str>, RunFacts> {
        &self.runs
    }

    /// How much was recorded.
    pub fn recorded(&self) -> Recorded {
        let mut recorded = Recorded { runs: self.runs.len(), ..Recorded::default() };
        for (_, span) in self.lived_windows() {
            recorded.windows += 1;
            let length = span.end_ns.saturating_sub(span.start_ns);
            recorded.duration_ns = recorded.duration_ns.saturating_add(u64::try_from(length).unwrap_or(0));
            recorded.span = Some(match recorded.span {
                None => (span.start_ns, span.end_ns),
                Some((first, last)) => (first.min(span.start_ns), last.max(span.end_ns)),
            });
        }
        recorded.windows_since_new = self.windows_since_new();
        recorded
    }

    /// Starts of the windows in which a container lived, and the windows cut to its life.
    fn lived_windows(&self) -> impl Iterator<Item = (i64, Span)> {
        let mut lives: BTreeMap<&str, Span> = BTreeMap::new();
        for (instance, facts) in &self.containers {
            let life = Span { start_ns: facts.started_ns, end_ns: facts.ended_ns.unwrap_or(i64::MAX) };
            let hull = lives.entry(&instance.run).or_insert(life);
            hull.start_ns = hull.start_ns.min(life.start_ns);
            hull.end_ns = hull.end_ns.max(life.end_ns);
        }
        let windows = self.windows.iter().flat_map(|(run, spans)| spans.values().map(move |span| (run, span)));
        windows.filter_map(move |(run, span)| {
            let life = lives.get(&**run)?;
            let (start_ns, end_ns) = (span.start_ns.max(life.start_ns), span.end_ns.min(life.end_ns));
            (start_ns <= end_ns).then_some((span.start_ns, Span { start_ns, end_ns }))
        })
    }

    /// Windows in order of time after the one that last showed a new call.
    fn windows_since_new(&self) -> Option<usize> {
        let mut firsts: BTreeMap<CallId, i64> = BTreeMap::new();
        for (call, seen) in self.deeds().flat_map(|(_, deeds)| &deeds.calls) {
            if let Some(since_ns) = seen.since_ns {
                let first = firsts.entry(*call).or_insert(since_ns);
                *first = (*first).min(since_ns);
            }
        }
        let last_new = firsts.values().max()?;
        Some(self.lived_windows().filter(|(start_ns, _)| start_ns > last_new).count())
    }

    /// Containers and origins of which calls in this phase were recorded.
    pub fn origins_in(&self, phase: Phase) -> BTreeSet<(&Instance, Origin)> {
        let calls = self.deeds().flat_map(|(instance, deeds)| deeds.calls.values().map(move |seen| (instance, seen)));
        let sources = calls.flat_map(|(instance, seen)| seen.sources.iter().map(move |(source, _)| (instance, source)));
        sources
            .filter(|(_, source)| source.phase == phase)
            .map(|(instance, source)| (instance, source.origin))
            .collect()
    }
}
