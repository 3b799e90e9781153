//! What one asks of a behaviour. Sums are made here, on demand, from the windows' parts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ctrec_recording::LossKind;

use super::{Behaviour, CallId, ContainerFacts, Instance, Outcome, RunFacts, Slice, Source, Span, StartKey, WindowKey};

/// Everything seen of one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFacts {
    /// How often, by where it came from.
    pub sources: BTreeMap<Source, Outcome>,
    /// Windows of containers in which it was seen.
    pub slices: BTreeSet<Slice>,
}

impl CallFacts {
    /// Sum over all sources.
    pub fn outcome(&self) -> Outcome {
        let mut sum = Outcome::default();
        self.sources.values().for_each(|outcome| sum.add(outcome));
        sum
    }

    /// Runs in which it was seen.
    pub fn runs(&self) -> BTreeSet<&str> {
        self.slices.iter().map(|slice| &*slice.instance.run).collect()
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
        for ((slice, key), outcome) in &self.calls {
            let facts = calls.entry(key.call).or_default();
            facts.sources.entry(key.source.clone()).or_default().add(outcome);
            if !facts.slices.contains(slice) {
                facts.slices.insert(slice.clone());
            }
        }
        calls
    }

    /// Calls of each container of each run, summed over its windows.
    pub fn calls_by_instance(&self) -> BTreeMap<Instance, BTreeMap<CallId, BTreeMap<Source, Outcome>>> {
        let mut instances: BTreeMap<Instance, BTreeMap<CallId, BTreeMap<Source, Outcome>>> =
            self.containers.keys().map(|instance| (instance.clone(), BTreeMap::new())).collect();
        for ((slice, key), outcome) in &self.calls {
            let calls = instances.entry(slice.instance.clone()).or_default();
            calls.entry(key.call).or_default().entry(key.source.clone()).or_default().add(outcome);
        }
        instances
    }

    /// Values of arguments that decide a rule: how often, by container, call, where it came from, index and value.
    pub fn arguments(&self) -> impl Iterator<Item = (&Instance, CallId, &Source, u32, u64, u64)> {
        self.arguments.iter().map(|((slice, argument), count)| {
            let key = &argument.key;
            (&slice.instance, key.call, &key.source, argument.index, argument.value, *count)
        })
    }

    /// Who started which program, and how often.
    pub fn starts(&self) -> BTreeMap<&StartKey, u64> {
        let mut starts: BTreeMap<&StartKey, u64> = BTreeMap::new();
        for ((_, key), count) in &self.starts {
            let sum = starts.entry(key).or_default();
            *sum = sum.saturating_add(*count);
        }
        starts
    }

    /// What is known to be missing, by kind and place.
    pub fn losses(&self) -> BTreeMap<(LossKind, &str), u64> {
        let mut losses: BTreeMap<(LossKind, &str), u64> = BTreeMap::new();
        for (key, count) in &self.losses {
            let sum = losses.entry((key.kind, &key.detail)).or_default();
            *sum = sum.saturating_add(*count);
        }
        let cut_off = self.runs.values().filter(|run| run.cut_off).count();
        if cut_off > 0 {
            losses.insert((LossKind::CutOff, ""), cut_off as u64);
        }
        losses
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
        for span in self.lived_windows().values() {
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

    /// Windows in which a container lived, cut to its life.
    fn lived_windows(&self) -> BTreeMap<&WindowKey, Span> {
        let mut lives: BTreeMap<&str, Span> = BTreeMap::new();
        for (instance, facts) in &self.containers {
            let life = Span { start_ns: facts.started_ns, end_ns: facts.ended_ns.unwrap_or(i64::MAX) };
            let hull = lives.entry(&instance.run).or_insert(life);
            hull.start_ns = hull.start_ns.min(life.start_ns);
            hull.end_ns = hull.end_ns.max(life.end_ns);
        }
        let lived = self.windows.iter().filter_map(|(key, span)| {
            let life = lives.get(&*key.run)?;
            let (start_ns, end_ns) = (span.start_ns.max(life.start_ns), span.end_ns.min(life.end_ns));
            (start_ns <= end_ns).then_some((key, Span { start_ns, end_ns }))
        });
        lived.collect()
    }

    /// Windows in order of time after the one that last showed a new call.
    fn windows_since_new(&self) -> Option<usize> {
        let mut firsts: BTreeMap<CallId, i64> = BTreeMap::new();
        // A day has half a million rows in ten thousand windows: look each window up once.
        let mut at: Option<(&Slice, Option<i64>)> = None;
        for (slice, key) in self.calls.keys() {
            let start = match at {
                Some((last, start)) if last == slice => start,
                _ => self.start_of(slice),
            };
            at = Some((slice, start));
            if let Some(start) = start {
                let first = firsts.entry(key.call).or_insert(start);
                *first = (*first).min(start);
            }
        }
        let last_new = firsts.values().max()?;
        let later = |key: &&WindowKey| self.windows.get(*key).is_some_and(|span| span.start_ns > *last_new);
        Some(self.lived_windows().into_keys().filter(later).count())
    }

    fn start_of(&self, slice: &Slice) -> Option<i64> {
        let at = WindowKey { run: slice.instance.run.clone(), window: slice.window };
        self.windows.get(&at).map(|span| span.start_ns)
    }
}
