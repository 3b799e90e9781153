//! The containers of a run: what the kernel's numbers stand for, which of them are wanted, and when they end.

mod programs;
mod undecided;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use ctrec_recording::{Container, Program};

use crate::clock::Clock;
use crate::engine::{self, Description, Host, LiveFound, Newcomer, Recognition};
use crate::wire::{Arrival, KernelContainer, Place};
use programs::Witnesses;
pub(crate) use undecided::Doubt;
use undecided::Open;

/// Chooses containers by what is known of them.
pub type Matcher = Rc<dyn Fn(&Container) -> bool>;

/// What a [`Matcher`] looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Names and ids.
    Names,
    /// Pods too.
    Pods,
    /// Images or labels too.
    Everything,
}

/// What a number of the kernel side stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// A cgroup that nobody has entered. Counted, not written.
    Provisional { cgroup_path: String },
    /// A container whose name is not known yet, so that nobody can say whether it is wanted. Counted, not written.
    Undecided { row: Box<Container>, open: Box<Open> },
    /// A container that is recorded. `open`: something of it is not known yet.
    Recorded { row: Box<Container>, open: Option<Box<Open>> },
    /// A container that has ended and is written: only its row is left.
    Ended(Box<Container>),
}

/// The containers of a run.
pub(crate) struct Containers {
    host: Host,
    matches: Matcher,
    basis: Basis,
    states: BTreeMap<u32, State>,
    programs: BTreeMap<u32, Program>,
    witnesses: BTreeMap<u32, Witnesses>,
    /// Containers of which everything is in an earlier run.
    past: BTreeSet<u32>,
}

impl fmt::Debug for Containers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Containers").field("states", &self.states).finish_non_exhaustive()
    }
}

/// What the recorder does after a container's first process came, or its name was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is recorded, or may be: count on.
    Keep,
    /// It is not wanted: stop counting.
    Drop,
}

impl Containers {
    pub(crate) fn new(host: Host, matches: Matcher, basis: Basis) -> Self {
        let (states, programs, witnesses) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { host, matches, basis, states, programs, witnesses, past: BTreeSet::new() }
    }

    /// Enters a container that is known from the start.
    pub(crate) fn add(&mut self, number: u32, mut row: Container) {
        row.container = number;
        self.states.insert(number, State::Recorded { row: Box::new(row), open: None });
    }

    /// Whether a container that runs already is wanted, or may be.
    pub(crate) fn may_want(&self, found: &LiveFound) -> bool {
        (self.matches)(&found.row) || !self.is_decided(&found.row, found.named, found.question.is_none())
    }

    /// Enters a container that runs already, and [may be wanted](Self::may_want).
    pub(crate) fn add_running(&mut self, number: u32, found: LiveFound) -> Verdict {
        let newcomer = Newcomer {
            cgroup_path: found.row.cgroup_path.clone(),
            pid: found.pid,
            program: found.row.runtime.clone().unwrap_or_default(),
            ..Newcomer::default()
        };
        let LiveFound { row, named, question, .. } = found;
        self.decide(number, Description { row, named, question }, newcomer)
    }

    /// A cgroup was made.
    pub(crate) fn cgroup_made(&mut self, place: &Place) {
        let cgroup_path = place.cgroup_path();
        self.states.entry(place.event.container).or_insert(State::Provisional { cgroup_path });
    }

    /// A process entered from outside. The first one decides what the cgroup is.
    pub(crate) fn joined(&mut self, arrival: &Arrival, clock: &Clock) -> Verdict {
        let number = arrival.place.event.container;
        match self.states.get(&number) {
            Some(State::Recorded { .. } | State::Undecided { .. }) => return Verdict::Keep,
            Some(State::Ended(row)) => {
                let row = Box::new(Container { ended_ns: None, ..(**row).clone() });
                self.states.insert(number, State::Recorded { row, open: None });
                return Verdict::Keep;
            }
            Some(State::Provisional { .. }) | None => {}
        }
        let newcomer = newcomer(arrival);
        match engine::recognise(&self.host, &newcomer) {
            Recognition::Container(mut found) => {
                found.row.started_ns = clock.time_ns(arrival.place.event.time_ns);
                self.decide(number, *found, newcomer)
            }
            Recognition::NotAContainer => {
                self.forget(number);
                Verdict::Drop
            }
        }
    }

    fn forget(&mut self, container: u32) {
        self.states.remove(&container);
        self.witnesses.remove(&container);
        self.programs.retain(|_, program| program.container != container);
    }

    /// Containers whose newcomer was not announced, because the ring buffer was full: kept by their cgroup's name.
    pub(crate) fn keep_unannounced(&mut self, kernel: &BTreeMap<u32, KernelContainer>, clock: &Clock) -> Vec<u32> {
        let mut kept = Vec::new();
        for (number, of_kernel) in kernel.iter().filter(|(_, of_kernel)| of_kernel.init_tid != 0) {
            let path = match self.states.get(number) {
                Some(State::Provisional { cgroup_path }) => cgroup_path.clone(),
                None => String::new(),
                Some(State::Undecided { .. } | State::Recorded { .. } | State::Ended(_)) => continue,
            };
            let Some(mut row) = engine::by_cgroup(&path, &format!("unknown-{number}")) else { continue };
            row.container = *number;
            row.started_ns = clock.time_ns(of_kernel.started_ns);
            self.states.insert(*number, State::Recorded { row: Box::new(row), open: None });
            kept.push(*number);
        }
        kept
    }

    /// Marks containers without a thread as ended, and those that have one again as running. Returns the ended ones.
    pub(crate) fn mark_ended(&mut self, kernel: &BTreeMap<u32, KernelContainer>, clock: &Clock) -> Vec<u32> {
        let mut ended = Vec::new();
        for (number, state) in &mut self.states {
            // What its engine says may still decide whether it is wanted at all.
            let awaits = state.awaits();
            let (State::Recorded { row, .. } | State::Undecided { row, .. }) = state else { continue };
            let Some(of_kernel) = kernel.get(number) else { continue };
            let gone = of_kernel.tasks <= 0 && of_kernel.ended_ns != 0;
            let ended_ns = gone.then(|| clock.time_ns(of_kernel.ended_ns));
            if row.ended_ns != ended_ns {
                self.past.remove(number);
            }
            row.ended_ns = ended_ns;
            if gone && !awaits {
                ended.push(*number);
            }
        }
        ended
    }

    /// The counters of an ended container are written and given back.
    pub(crate) fn settled(&mut self, number: u32) {
        self.witnesses.remove(&number);
        if let Some(State::Recorded { row, .. }) = self.states.remove(&number) {
            self.states.insert(number, State::Ended(row));
        }
    }

    /// A cgroup was removed before anybody entered it.
    pub(crate) fn forget_provisional(&mut self, kernel: &BTreeMap<u32, KernelContainer>) {
        self.states.retain(|number, state| !matches!(state, State::Provisional { .. }) || kernel.contains_key(number));
    }

    /// Whether a container's counts are to be read and written.
    pub(crate) fn is_recorded(&self, number: u32) -> bool {
        matches!(self.states.get(&number), Some(State::Recorded { .. }))
    }

    /// Whether a row of a container is to be written.
    pub(crate) fn has_row(&self, number: u32) -> bool {
        matches!(self.states.get(&number), Some(State::Recorded { .. } | State::Ended(_)))
            && !self.past.contains(&number)
    }

    /// Enters the sysctls that the kernel side read when the workload began.
    pub(crate) fn describe_networks(&mut self, kernel: &BTreeMap<u32, KernelContainer>) {
        for (number, state) in &mut self.states {
            let (State::Recorded { row, .. } | State::Undecided { row, .. }) = state else { continue };
            if let Some(of_kernel) = kernel.get(number).filter(|of_kernel| of_kernel.has_network != 0) {
                row.network_json = Some(network_json(of_kernel));
            }
        }
    }

    /// Containers that are recorded in this run, those that have ended included.
    pub(crate) fn recorded(&self) -> impl Iterator<Item = &Container> {
        let rows = self.states.values().filter_map(|state| match state {
            State::Recorded { row, .. } | State::Ended(row) => Some(&**row),
            State::Provisional { .. } | State::Undecided { .. } => None,
        });
        rows.filter(|row| !self.past.contains(&row.container))
    }

    /// Another run goes on: it has nothing of those that have ended, and did not see the others start. Returns
    /// containers that are forgotten.
    pub(crate) fn begin_run(&mut self) -> BTreeSet<u32> {
        let of_gone = |(number, state): (&u32, &State)| matches!(state, State::Ended(_)).then_some(*number);
        let gone: BTreeSet<u32> = self.states.iter().filter_map(of_gone).collect();
        self.states.retain(|number, _| !gone.contains(number));
        self.programs.retain(|_, program| !gone.contains(&program.container));
        self.past.retain(|number| !gone.contains(number));
        for (number, state) in &mut self.states {
            let State::Recorded { row, .. } = state else { continue };
            row.already_running = true;
            if row.ended_ns.is_some() {
                self.past.insert(*number);
            }
        }
        gone
    }

    /// Rows for the store.
    pub(crate) fn rows(&self) -> (Vec<Container>, Vec<Program>) {
        let containers = self.recorded().cloned();
        let programs = self.programs.values().filter(|program| self.has_row(program.container)).cloned();
        (containers.collect(), programs.collect())
    }
}

impl State {
    fn awaits(&self) -> bool {
        match self {
            Self::Undecided { open, .. } | Self::Recorded { open: Some(open), .. } => open.question.is_some(),
            Self::Provisional { .. } | Self::Recorded { open: None, .. } | Self::Ended(_) => false,
        }
    }
}

fn network_json(container: &KernelContainer) -> String {
    let [first, last] = container.ping_groups;
    let sysctls = serde_json::json!({
        "net.ipv4.ip_unprivileged_port_start": container.port_start.to_string(),
        "net.ipv4.ping_group_range": format!("{first} {last}"),
    });
    sysctls.to_string()
}

fn newcomer(arrival: &Arrival) -> Newcomer {
    Newcomer {
        cgroup_path: arrival.place.cgroup_path(),
        pid: arrival.pid,
        parent_pid: arrival.parent_pid,
        program: arrival.program_name(),
        arguments: arrival.arguments(),
        folder: arrival.folder(),
    }
}
