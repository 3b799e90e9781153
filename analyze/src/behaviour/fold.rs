//! From the tables of a run to behaviour, and from two behaviours to one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ctrec_recording::{Abi, LossKind, Origin, Phase, Recording};

use super::container::{BadColumn, ContainerFacts};
use super::{
    ArgumentKey, Behaviour, CallId, CallKey, Instance, LossKey, Outcome, RunFacts, Seen, Slice, Source, Span, StartKey,
    UNKNOWN_PROGRAM, WindowKey,
};

/// Why a recording gives no behaviour.
#[derive(Debug, thiserror::Error)]
pub enum BehaviourError {
    /// The container's number is not in the run.
    #[error("run {run} has no container number {container}")]
    NoContainer {
        /// Id of the run.
        run: String,
        /// Number asked for.
        container: u32,
    },
    /// A column that should hold JSON does not.
    #[error(
        "column {column} of container {container} in run {run} is not what ctrec writes; the store was changed after \
         it was recorded: move that run away and try again"
    )]
    Json {
        /// Id of the run.
        run: String,
        /// Number of the container.
        container: u32,
        /// Name of the column.
        column: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl Behaviour {
    /// What one container of a run did.
    pub fn of(recording: &Recording, container: u32) -> Result<Self, BehaviourError> {
        Self::of_all(recording, &BTreeSet::from([container]))
    }

    /// What several containers of a run did, to be judged as one.
    pub fn of_all(recording: &Recording, containers: &BTreeSet<u32>) -> Result<Self, BehaviourError> {
        let tables = Tables::new(recording, containers);
        let facts = containers.iter().map(|number| tables.container(*number)).collect::<Result<_, _>>()?;
        Ok(Self {
            runs: BTreeMap::from([(tables.run.clone(), tables.run_facts())]),
            containers: facts,
            windows: tables.windows(),
            calls: tables.calls(),
            arguments: tables.arguments(),
            starts: tables.starts(),
            losses: tables.losses(),
        })
    }

    /// Both together. A window that both have is counted once; of two copies of a row the later one holds.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        join(&mut self.runs, other.runs);
        join(&mut self.containers, other.containers);
        join(&mut self.windows, other.windows);
        join(&mut self.calls, other.calls);
        join(&mut self.arguments, other.arguments);
        join(&mut self.starts, other.starts);
        join(&mut self.losses, other.losses);
        self
    }
}

/// Union of two maps; where both have a key, the greater value holds. Greater of two is associative, commutative and
/// idempotent, and so is all of folding.
fn join<K: Ord, V: Ord>(into: &mut BTreeMap<K, V>, from: BTreeMap<K, V>) {
    for (key, value) in from {
        match into.get_mut(&key) {
            Some(held) if *held >= value => {}
            Some(held) => *held = value,
            None => drop(into.insert(key, value)),
        }
    }
}

/// The tables of one run, for some of its containers.
struct Tables<'a> {
    recording: &'a Recording,
    chosen: &'a BTreeSet<u32>,
    run: Arc<str>,
    programs: BTreeMap<u32, Arc<str>>,
    unknown: Arc<str>,
}

/// The columns that tell where a row of a windowed table belongs.
struct Place {
    window: u32,
    container: u32,
    program: u32,
    origin: Origin,
    phase: Phase,
}

/// Tables share these columns by name, not by type.
macro_rules! place {
    ($row:expr) => {
        Place {
            window: $row.window,
            container: $row.container,
            program: $row.program,
            origin: $row.origin,
            phase: $row.phase,
        }
    };
}

impl<'a> Tables<'a> {
    fn new(recording: &'a Recording, chosen: &'a BTreeSet<u32>) -> Self {
        let programs = recording.programs.iter().map(|program| (program.program, Arc::from(program.path.as_str())));
        Self {
            recording,
            chosen,
            run: Arc::from(recording.header.run.as_str()),
            programs: programs.collect(),
            unknown: Arc::from(UNKNOWN_PROGRAM),
        }
    }

    fn container(&self, number: u32) -> Result<(Instance, ContainerFacts), BehaviourError> {
        let run = || self.run.to_string();
        let row = self.recording.containers.iter().find(|row| row.container == number);
        let row = row.ok_or_else(|| BehaviourError::NoContainer { run: run(), container: number })?;
        let facts = ContainerFacts::of(row).map_err(|BadColumn { column, source }| BehaviourError::Json {
            run: run(),
            container: number,
            column,
            source,
        })?;
        Ok((self.instance(number), facts))
    }

    fn run_facts(&self) -> RunFacts {
        let header = &self.recording.header;
        let blind = header.hooks.iter().filter(|hook| !hook.blind_to.is_empty());
        RunFacts {
            last_window: self.recording.windows.iter().map(|window| window.window).max().unwrap_or(0),
            ended_ns: header.ended_ns,
            cut_off: self.recording.losses.iter().any(|loss| loss.kind == LossKind::CutOff),
            started_ns: header.started_ns,
            host: header.host.clone(),
            kernel: header.kernel.clone(),
            machine: header.arch.clone(),
            blind_to: blind.map(|hook| (hook.name.clone(), hook.blind_to.clone())).collect(),
        }
    }

    fn windows(&self) -> BTreeMap<WindowKey, Span> {
        let windows = self.recording.windows.iter();
        windows.map(|row| (self.at(row.window), Span { start_ns: row.start_ns, end_ns: row.end_ns })).collect()
    }

    /// Rows of one file executed under two inodes fall together here: they are summed.
    fn calls(&self) -> BTreeMap<(Slice, CallKey), Outcome> {
        let calls = self.recording.calls.iter().filter(|row| self.chosen.contains(&row.container)).map(|row| {
            let seen = Some(Seen { first_ns: row.first_ns, last_ns: row.last_ns });
            let outcome = Outcome {
                succeeded: row.succeeded,
                failed: row.failed,
                interrupted: row.interrupted,
                unfinished: row.unfinished,
                errnos: BTreeMap::new(),
                seen,
            };
            (self.key(&place!(row), row.abi, row.number), outcome)
        });
        let errnos = self.recording.errnos.iter().filter(|row| self.chosen.contains(&row.container)).map(|row| {
            let errnos = BTreeMap::from([(row.errno, row.count)]);
            (self.key(&place!(row), row.abi, row.number), Outcome { errnos, ..Outcome::default() })
        });
        gather(calls.chain(errnos), |sum, part| sum.add(&part))
    }

    fn arguments(&self) -> BTreeMap<(Slice, ArgumentKey), u64> {
        let rows = self.recording.arguments.iter().filter(|row| self.chosen.contains(&row.container));
        sum(rows.map(|row| {
            let (slice, key) = self.key(&place!(row), row.abi, row.number);
            ((slice, ArgumentKey { key, index: row.index, value: row.value }), row.count)
        }))
    }

    fn starts(&self) -> BTreeMap<(Slice, StartKey), u64> {
        let rows = self.recording.starts.iter().filter(|row| self.chosen.contains(&row.container));
        sum(rows.map(|row| {
            let place = place!(row);
            let key = StartKey { parent: self.path(row.parent), source: self.source(&place) };
            ((self.slice(&place), key), row.count)
        }))
    }

    /// [`LossKind::CutOff`] is a fact of the run: a later copy of it may have the window that this one lacks.
    fn losses(&self) -> BTreeMap<LossKey, u64> {
        let ours = |container: Option<u32>| container.is_none_or(|number| self.chosen.contains(&number));
        let rows = self.recording.losses.iter().filter(|row| row.kind != LossKind::CutOff && ours(row.container));
        sum(rows.map(|row| {
            let (at, detail) = (self.at(row.window), row.detail.clone());
            (LossKey { at, container: row.container, kind: row.kind, detail }, row.count)
        }))
    }

    fn key(&self, place: &Place, abi: Abi, number: i64) -> (Slice, CallKey) {
        (self.slice(place), CallKey { call: CallId { abi, number }, source: self.source(place) })
    }

    fn source(&self, place: &Place) -> Source {
        Source { origin: place.origin, phase: place.phase, program: self.path(place.program) }
    }

    fn path(&self, program: u32) -> Arc<str> {
        self.programs.get(&program).unwrap_or(&self.unknown).clone()
    }

    fn slice(&self, place: &Place) -> Slice {
        Slice { instance: self.instance(place.container), window: place.window }
    }

    fn instance(&self, container: u32) -> Instance {
        Instance { run: self.run.clone(), container }
    }

    fn at(&self, window: u32) -> WindowKey {
        WindowKey { run: self.run.clone(), window }
    }
}

fn sum<K: Ord>(rows: impl Iterator<Item = (K, u64)>) -> BTreeMap<K, u64> {
    gather(rows, |sum, count| *sum = sum.saturating_add(count))
}

/// Rows as a map, those of one key added up. Sorted first: the rows nearly are, and a map is made from sorted ones in
/// a fraction of the time that it takes to insert them one by one.
fn gather<K: Ord, V>(rows: impl Iterator<Item = (K, V)>, add: impl Fn(&mut V, V)) -> BTreeMap<K, V> {
    let mut rows: Vec<(K, V)> = rows.collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    let mut gathered: Vec<(K, V)> = Vec::with_capacity(rows.len());
    for (key, value) in rows {
        match gathered.last_mut() {
            Some((last, sum)) if *last == key => add(sum, value),
            _ => gathered.push((key, value)),
        }
    }
    gathered.into_iter().collect()
}
