//! The rows of the table of checks, each with who asked and with the others of its call.
//!
//! Lives here: rows, and finding those that belong together. Does not: their class (see `class`).

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use ctrec_recording::{Cause, Phase};

use super::Function;
use crate::behaviour::{Behaviour, CallId, CheckEnd, CheckFacts, CheckKind, FileCapabilities, IdentityKey, Source};
use crate::known::{self, Asking, Meaning};
use crate::policy::Policy;

/// A kind of check whose calls ended in one way.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) kind: &'a CheckKind,
    pub(super) end: CheckEnd,
    pub(super) count: u64,
    /// `CAP_*`, or `CAP_` and a number.
    pub(super) capability: String,
    pub(super) asked: Rc<Asked>,
}

/// Who asked, in samples.
#[derive(Debug, Default)]
pub(super) struct Asked {
    functions: BTreeMap<String, Vec<(Option<Asking>, u64)>>,
    pub(super) samples: u64,
}

/// All rows of the origins that are wanted.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    pub(super) all: Vec<Row<'a>>,
    /// Rows of the same calls of the same program: those whose checks can stand for one another.
    groups: BTreeMap<(&'a Source, CallId, CheckEnd), Vec<usize>>,
    files: BTreeMap<&'a str, FileCapabilities>,
    /// Programs whose users other than root have capabilities all the same, or become root.
    reached: BTreeSet<&'a str>,
}

impl Asked {
    fn of(facts: &CheckFacts, capability: &str) -> Self {
        let mut asked = Self::default();
        for (stack, samples) in &facts.askers {
            let mut frames: Vec<String> = stack.frames.iter().map(|frame| known::function_name(frame)).collect();
            let first = known::function_name(&stack.function);
            if !first.is_empty() && frames.first() != Some(&first) {
                frames.insert(0, first);
            }
            let asking = known::asking(&frames, capability);
            let name =
                asking.map_or_else(|| frames.into_iter().next().unwrap_or_default(), |it| it.function.to_owned());
            asked.samples = asked.samples.saturating_add(*samples);
            asked.add(name, asking, *samples);
        }
        asked
    }

    fn add(&mut self, name: String, asking: Option<Asking>, samples: u64) {
        let all = self.functions.entry(name).or_default();
        match all.iter_mut().find(|(known, _)| *known == asking) {
            Some((_, sum)) => *sum = sum.saturating_add(samples),
            None => all.push((asking, samples)),
        }
    }

    /// What is known of each sample, and how many there are of it.
    fn known(&self) -> impl Iterator<Item = (Option<Asking>, u64)> {
        self.functions.values().flatten().copied()
    }

    /// Samples of this meaning.
    pub(super) fn of_meaning(&self, meaning: Meaning) -> u64 {
        let samples = self.known().filter(|(asking, _)| asking.is_some_and(|it| it.meaning == meaning));
        samples.map(|(_, samples)| samples).fold(0, u64::saturating_add)
    }

    /// Whether there are samples, and all have this meaning.
    pub(super) fn all_of(&self, meaning: Meaning) -> bool {
        self.samples > 0 && self.of_meaning(meaning) == self.samples
    }

    /// What for, as far as it is known, of the most frequent meaning that `wanted` takes.
    pub(super) fn why(&self, wanted: impl Fn(Meaning) -> bool) -> Option<&'static str> {
        let known = self.known().filter_map(|(asking, samples)| asking.map(|it| (samples, it)));
        known.filter(|(_, it)| wanted(it.meaning)).max_by_key(|(samples, _)| *samples).map(|(_, it)| it.why)
    }

    /// Functions that are no mere probes, as far as they have a name.
    pub(super) fn serious(&self) -> BTreeSet<&str> {
        let serious = |all: &[(Option<Asking>, u64)]| {
            all.iter().any(|(asking, _)| asking.is_none_or(|it| it.meaning != Meaning::Probe))
        };
        let named = self.functions.iter().filter(|(name, all)| !name.is_empty() && serious(all));
        named.map(|(name, _)| name.as_str()).collect()
    }

    /// Whether one function asked both, as far as samples tell.
    pub(super) fn may_be_of(&self, other: &Self) -> bool {
        let (mine, theirs) = (self.serious(), other.serious());
        mine.is_empty() || theirs.is_empty() || !mine.is_disjoint(&theirs)
    }

    pub(super) fn functions(&self) -> Vec<Function> {
        let functions = self.functions.iter().map(|(name, all)| Function {
            name: name.clone(),
            samples: all.iter().map(|(_, samples)| *samples).fold(0, u64::saturating_add),
        });
        functions.collect()
    }
}

impl<'a> Rows<'a> {
    pub(super) fn of(behaviour: &'a Behaviour, policy: &Policy) -> Self {
        let mut rows = Vec::new();
        for (kind, facts) in behaviour.checks() {
            if !policy.origins.contains(&kind.source.origin) {
                continue;
            }
            let capability = known::capability_label(kind.capability);
            let asked = Rc::new(Asked::of(&facts, &capability));
            rows.extend(facts.ends.iter().map(|(end, count)| Row {
                kind,
                end: *end,
                count: count.count,
                capability: capability.clone(),
                asked: asked.clone(),
            }));
        }
        let mut rows =
            Self { all: rows, groups: BTreeMap::new(), files: behaviour.files(), reached: reached(behaviour) };
        let grouped = rows.all.iter().enumerate().filter(|(_, row)| rows.set_aside(row).is_none());
        let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (at, row) in grouped {
            groups.entry(row.group()).or_default().push(at);
        }
        rows.groups = groups;
        rows
    }

    /// Rows of the same calls of the same program, as far as they count.
    pub(super) fn beside(&self, row: &Row<'a>) -> impl Iterator<Item = &Row<'a>> {
        let group = self.groups.get(&row.group()).map(Vec::as_slice).unwrap_or_default();
        group.iter().map(|at| &self.all[*at])
    }

    /// Rows beside one for another capability with this verdict, which the same function may have asked for. Not mere
    /// probes: they stand for nothing.
    pub(super) fn partners(&self, row: &Row<'a>, capability: &str, granted: bool) -> Vec<&Row<'a>> {
        let partner = |other: &&Row<'a>| {
            let is_probe = other.asked.all_of(Meaning::Probe);
            other.capability == capability
                && other.kind.granted == granted
                && !is_probe
                && other.asked.may_be_of(&row.asked)
        };
        self.beside(row).filter(partner).collect()
    }

    /// Whether an added capability reaches a user other than root in this program.
    pub(super) fn reaches(&self, row: &Row<'a>) -> bool {
        let program = &*row.kind.source.program;
        self.reached.contains(program)
            || self.files.get(program).is_some_and(|file| file.names.contains(&row.capability))
    }
}

impl<'a> Row<'a> {
    fn group(&self) -> (&'a Source, CallId, CheckEnd) {
        (&self.kind.source, self.kind.call, self.end)
    }
}

/// Programs in which users other than root have what the container has: set-user-id programs, those with an ambient
/// set, and those that keep some capabilities when they become another user and set them themselves.
fn reached(behaviour: &Behaviour) -> BTreeSet<&str> {
    let keeps = |key: &IdentityKey| {
        key.set_user_id || !key.root && (key.ambient != 0 || key.cause == Cause::Capset && key.permitted != 0)
    };
    let identities = behaviour.identities().into_keys();
    let kept = identities.filter(|key| key.source.phase == Phase::Workload && keeps(key));
    kept.map(|key| &*key.source.program).collect()
}
