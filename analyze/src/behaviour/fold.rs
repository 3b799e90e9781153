//! From the tables of a run to behaviour, and from two behaviours to one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ctrec_recording::{Abi, Loss, LossKind, Origin, Phase, Recording, SchemaVersion};

use super::checks::{self, FileCapabilities, IdentityKey};
use super::container::{BadColumn, ContainerFacts};
use super::deeds::{ArgumentKey, Deeds, Losses, Summed, add};
use super::{Behaviour, CallId, Instance, Outcome, Refusals, RunFacts, Seen, Source, Span, StartKey, UNKNOWN_PROGRAM};

/// The kernel function that answers capability checks, and ends the name of each hook on it.
pub(crate) const CAPABILITY_HOOK: &str = "cap_capable";

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
    /// Two copies of a run hold different windows.
    #[error(
        "run {run} was given more than once, and no copy has all windows that the others have: one of them lacks \
         files; name only stores that hold it whole"
    )]
    Torn {
        /// Id of the run.
        run: String,
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
        let spans = tables.spans();
        let windows: Arc<[u32]> = spans.keys().copied().collect();
        let deeds = tables.deeds(&spans)?.into_iter();
        Ok(Self {
            runs: BTreeMap::from([(tables.run.clone(), tables.run_facts())]),
            containers: facts,
            deeds: deeds.map(|(of, deeds)| (tables.instance(of), Summed::new(windows.clone(), deeds))).collect(),
            losses: BTreeMap::from([(tables.run.clone(), Summed::new(windows, tables.losses_of_nobody()))]),
            windows: BTreeMap::from([(tables.run.clone(), spans)]),
            removed: BTreeSet::new(),
            missing: BTreeSet::new(),
        })
    }

    /// Both together. A window that both have is counted once; of two copies of a run the later one holds.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        join(&mut self.runs, other.runs);
        join(&mut self.containers, other.containers);
        join(&mut self.deeds, other.deeds);
        join(&mut self.losses, other.losses);
        self.removed.extend(other.removed);
        self.missing.extend(other.missing);
        for (run, windows) in other.windows {
            join(self.windows.entry(run).or_default(), windows);
        }
        self
    }

    /// Whether the later copy of each run has every window that another copy has. It has unless files were taken from
    /// it, and then counting on would pass over what they held.
    pub fn check(&self) -> Result<(), BehaviourError> {
        let windows = |run: &str| self.windows.get(run).map_or(0, BTreeMap::len);
        let torn = self.deeds.iter().find(|(instance, deeds)| deeds.windows() < windows(&instance.run));
        match torn {
            Some((instance, _)) => Err(BehaviourError::Torn { run: instance.run.to_string() }),
            None => Ok(()),
        }
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
    /// Counted refusals are to be believed.
    exact: bool,
}

/// What makes a call that was missed at its beginning look refused: the hook of the recorder that sees calls begin, and
/// the map that holds them.
const BLINDING: [(LossKind, &str); 2] = [(LossKind::RecursionMiss, "on_sys_enter"), (LossKind::MapFull, "tasks")];

/// The columns that tell where a row of a windowed table belongs.
struct Place {
    container: u32,
    program: u32,
    origin: Origin,
    phase: Phase,
}

/// Tables share these columns by name, not by type.
macro_rules! place {
    ($row:expr) => {
        Place { container: $row.container, program: $row.program, origin: $row.origin, phase: $row.phase }
    };
}

impl<'a> Tables<'a> {
    fn new(recording: &'a Recording, chosen: &'a BTreeSet<u32>) -> Self {
        let programs = recording.programs.iter().map(|program| (program.program, Arc::from(program.path.as_str())));
        let blinds = |loss: &Loss| BLINDING.contains(&(loss.kind, loss.detail.as_str()));
        Self {
            exact: !recording.losses.iter().any(blinds),
            recording,
            chosen,
            run: Arc::from(recording.header.run.as_str()),
            programs: programs.collect(),
            unknown: Arc::from(UNKNOWN_PROGRAM),
        }
    }

    fn container(&self, number: u32) -> Result<(Instance, ContainerFacts), BehaviourError> {
        let row = self.recording.containers.iter().find(|row| row.container == number);
        let row = row.ok_or_else(|| BehaviourError::NoContainer { run: self.run.to_string(), container: number })?;
        let broken = |BadColumn { column, source }| self.broken(number, column, source);
        let facts = ContainerFacts::of(row).map_err(broken)?;
        Ok((self.instance(number), facts))
    }

    fn run_facts(&self) -> RunFacts {
        let header = &self.recording.header;
        let (of_capabilities, of_calls): (Vec<_>, Vec<_>) =
            header.hooks.iter().partition(|hook| hook.name.ends_with(CAPABILITY_HOOK));
        let blind = of_calls.into_iter().filter(|hook| !hook.blind_to.is_empty());
        let of_capabilities = of_capabilities.into_iter();
        RunFacts {
            last_window: self.recording.windows.iter().map(|window| window.window).max().unwrap_or(0),
            ended_ns: header.ended_ns,
            cut_off: self.recording.losses.iter().any(|loss| loss.kind == LossKind::CutOff),
            started_ns: header.started_ns,
            host: header.host.clone(),
            kernel: header.kernel.clone(),
            machine: header.arch.clone(),
            blind_to: blind.map(|hook| (hook.name.clone(), hook.blind_to.clone())).collect(),
            capability_hooks: of_capabilities.map(|hook| (hook.name.clone(), hook.blind_to.clone())).collect(),
            sysctls: header.sysctls.clone(),
            continues: header.continues.clone(),
            has_values: header.schema >= SchemaVersion::WITH_VALUES,
        }
    }

    fn spans(&self) -> BTreeMap<u32, Span> {
        let windows = self.recording.windows.iter();
        windows.map(|row| (row.window, Span { start_ns: row.start_ns, end_ns: row.end_ns })).collect()
    }

    /// Rows of one file executed under two inodes fall together here: they are summed.
    fn deeds(&self, spans: &BTreeMap<u32, Span>) -> Result<BTreeMap<u32, Deeds>, BehaviourError> {
        let mut all = self.chosen.iter().map(|container| (*container, Deeds::default())).collect();
        self.add_calls(&mut all);
        self.add_windows(&mut all, spans);
        self.add_arguments(&mut all);
        self.add_values(&mut all);
        self.add_starts(&mut all);
        self.add_checks(&mut all)?;
        self.add_identities(&mut all);
        self.add_files(&mut all)?;
        for row in self.losses() {
            if let Some(deeds) = row.container.and_then(|container| all.get_mut(&container)) {
                add(deeds.losses.entry((row.kind, row.detail.clone())).or_default(), row.count);
            }
        }
        Ok(all)
    }

    fn add_calls(&self, all: &mut BTreeMap<u32, Deeds>) {
        let mut add = |place: &Place, abi, number, outcome: &Outcome| {
            if let Some(deeds) = all.get_mut(&place.container) {
                let call = deeds.calls.entry(CallId { abi, number }).or_default();
                call.of(self.source(place)).add(outcome);
            }
        };
        for row in &self.recording.calls {
            let mut outcome = Outcome {
                succeeded: row.succeeded,
                failed: row.failed,
                interrupted: row.interrupted,
                unfinished: row.unfinished,
                seen: Some(Seen { first_ns: row.first_ns, last_ns: row.last_ns }),
                ..Outcome::default()
            };
            outcome.refusals = Refusals::of(row.refused.filter(|_| self.exact), outcome.total());
            add(&place!(row), row.abi, row.number, &outcome);
        }
        for row in &self.recording.errnos {
            let errnos = BTreeMap::from([(row.errno, row.count)]);
            add(&place!(row), row.abi, row.number, &Outcome { errnos, ..Outcome::default() });
        }
    }

    /// In how many windows each call was seen, and since when.
    fn add_windows(&self, all: &mut BTreeMap<u32, Deeds>, spans: &BTreeMap<u32, Span>) {
        let calls = self.recording.calls.iter().map(|row| (row.container, row.abi, row.number, row.window));
        let errnos = self.recording.errnos.iter().map(|row| (row.container, row.abi, row.number, row.window));
        let mut seen: Vec<(u32, Abi, i64, u32)> = calls.chain(errnos).collect();
        seen.sort_unstable();
        seen.dedup();
        for (container, abi, number, window) in seen {
            let deeds = all.get_mut(&container);
            if let Some(call) = deeds.and_then(|deeds| deeds.calls.get_mut(&CallId { abi, number })) {
                let start = spans.get(&window).map(|span| span.start_ns);
                call.windows += 1;
                call.since_ns = call.since_ns.into_iter().chain(start).min();
            }
        }
    }

    fn add_arguments(&self, all: &mut BTreeMap<u32, Deeds>) {
        for row in &self.recording.arguments {
            if let Some(deeds) = all.get_mut(&row.container) {
                let (call, source) = (CallId { abi: row.abi, number: row.number }, self.source(&place!(row)));
                let key = ArgumentKey { call, source, index: row.index, value: row.value };
                add(deeds.arguments.entry(key).or_default(), row.count);
            }
        }
    }

    fn add_values(&self, all: &mut BTreeMap<u32, Deeds>) {
        for row in &self.recording.values {
            if let Some(deeds) = all.get_mut(&row.container) {
                let place = (CallId { abi: row.abi, number: row.number }, self.source(&place!(row)));
                deeds.values.entry(place).or_default().add_row(row);
            }
        }
    }

    fn add_starts(&self, all: &mut BTreeMap<u32, Deeds>) {
        for row in &self.recording.starts {
            if let Some(deeds) = all.get_mut(&row.container) {
                let key = StartKey { parent: self.path(row.parent), source: self.source(&place!(row)) };
                add(deeds.starts.entry(key).or_default(), row.count);
            }
        }
    }

    /// A sample whose kind of check has no row yet (its call had not ended when the recording was cut off) says nothing.
    fn add_checks(&self, all: &mut BTreeMap<u32, Deeds>) -> Result<(), BehaviourError> {
        let broken = |(container, source)| self.broken(container, "stack_json", source);
        let mut samples = checks::samples(self.recording).map_err(broken)?;
        for row in &self.recording.checks {
            if let Some(deeds) = all.get_mut(&row.container) {
                let (kind, mut facts) = checks::of_row(row, self.source(&place!(row)));
                // Several rows have one number, by how their calls ended: the samples are taken once.
                facts.askers = samples.remove(&(row.container, row.check)).unwrap_or_default();
                deeds.checks.entry(kind).or_default().add(&facts);
            }
        }
        Ok(())
    }

    fn add_identities(&self, all: &mut BTreeMap<u32, Deeds>) {
        for row in &self.recording.identities {
            if let Some(deeds) = all.get_mut(&row.container) {
                let key = IdentityKey {
                    source: self.source(&place!(row)),
                    cause: row.cause,
                    holder: row.holder,
                    user: row.user,
                    root: row.root,
                    set_user_id: row.set_user_id,
                    before: row.before,
                    permitted: row.permitted,
                    ambient: row.ambient,
                    bounding: row.bounding,
                };
                add(deeds.identities.entry(key).or_default(), row.count);
            }
        }
    }

    fn add_files(&self, all: &mut BTreeMap<u32, Deeds>) -> Result<(), BehaviourError> {
        for row in &self.recording.programs {
            if let Some(deeds) = all.get_mut(&row.container) {
                let broken = |source| self.broken(row.container, "file_capabilities_json", source);
                let names = row.file_capabilities_json.as_deref().map(serde_json::from_str).transpose();
                let names: Option<BTreeSet<String>> = names.map_err(broken)?;
                let file = FileCapabilities { unread: names.is_none(), names: names.unwrap_or_default() };
                deeds.files.entry(self.path(row.program)).or_default().add(&file);
            }
        }
        Ok(())
    }

    fn broken(&self, container: u32, column: &'static str, source: serde_json::Error) -> BehaviourError {
        BehaviourError::Json { run: self.run.to_string(), container, column, source }
    }

    /// [`LossKind::CutOff`] is a fact of the run: a later copy of it may have the window that this one lacks.
    fn losses(&self) -> impl Iterator<Item = &Loss> {
        self.recording.losses.iter().filter(|row| row.kind != LossKind::CutOff)
    }

    /// Losses that may be anybody's. A container without a name may be one that is meant.
    fn losses_of_nobody(&self) -> Losses {
        let mut losses = Losses::new();
        let others = |row: &Loss| row.container.is_some_and(|container| !self.chosen.contains(&container));
        let may_be_meant = |row: &Loss| row.container.is_none() || row.kind == LossKind::Unresolved && others(row);
        for row in self.losses().filter(|row| may_be_meant(row)) {
            add(losses.entry((row.kind, row.detail.clone())).or_default(), row.count);
        }
        losses
    }

    fn source(&self, place: &Place) -> Source {
        Source { origin: place.origin, phase: place.phase, program: self.path(place.program) }
    }

    fn path(&self, program: u32) -> Arc<str> {
        self.programs.get(&program).unwrap_or(&self.unknown).clone()
    }

    fn instance(&self, container: u32) -> Instance {
        Instance { run: self.run.clone(), container }
    }
}
