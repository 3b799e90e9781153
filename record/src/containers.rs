//! The containers of a run: what the kernel's numbers stand for, which of them are wanted, and when they end.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use ctrec_recording::{Container, Program};

use crate::clock::Clock;
use crate::engine::{self, Host, Newcomer, Recognition};
use crate::wire::{Event, KernelContainer, KernelPath};

/// Chooses containers by what is known of them.
pub type Matcher = Rc<dyn Fn(&Container) -> bool>;

/// What a number of the kernel side stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// A cgroup that nobody has entered, or that is not resolved yet. Counted, not written.
    Provisional { cgroup_path: String },
    /// A container that is recorded.
    Recorded(Box<Container>),
    /// A container that has ended and is written: only its row is left.
    Ended(Box<Container>),
}

/// The containers of a run.
pub(crate) struct Containers {
    host: Host,
    matches: Matcher,
    states: BTreeMap<u32, State>,
    programs: BTreeMap<u32, Program>,
}

impl fmt::Debug for Containers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Containers").field("states", &self.states).finish_non_exhaustive()
    }
}

/// What the recorder does after a container's first process came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is recorded.
    Keep,
    /// It is not wanted: stop counting.
    Drop,
}

impl Containers {
    pub(crate) fn new(host: Host, matches: Matcher) -> Self {
        Self { host, matches, states: BTreeMap::new(), programs: BTreeMap::new() }
    }

    /// Enters a container that is known from the start.
    pub(crate) fn add(&mut self, number: u32, mut row: Container) {
        row.container = number;
        self.states.insert(number, State::Recorded(Box::new(row)));
    }

    /// Whether a container that runs already is wanted.
    pub(crate) fn wants(&self, row: &Container) -> bool {
        (self.matches)(row)
    }

    /// A cgroup was made.
    pub(crate) fn cgroup_made(&mut self, event: &Event) {
        let cgroup_path = event.cgroup_path();
        self.states.entry(event.container).or_insert(State::Provisional { cgroup_path });
    }

    /// A process entered from outside. The first one decides what the cgroup is.
    pub(crate) fn joined(&mut self, event: &Event, clock: &Clock) -> Verdict {
        match self.states.get_mut(&event.container) {
            Some(State::Recorded(_)) => return Verdict::Keep,
            Some(State::Ended(row)) => {
                let mut row = row.clone();
                row.ended_ns = None;
                self.states.insert(event.container, State::Recorded(row));
                return Verdict::Keep;
            }
            Some(State::Provisional { .. }) | None => {}
        }
        let newcomer = Newcomer { cgroup_path: event.cgroup_path(), pid: event.pid, parent_pid: event.parent_pid };
        match engine::recognise(&self.host, &newcomer) {
            Recognition::Container(mut row) => {
                row.container = event.container;
                row.started_ns = clock.time_ns(event.time_ns);
                if !(self.matches)(&row) {
                    self.forget(event.container);
                    return Verdict::Drop;
                }
                self.states.insert(event.container, State::Recorded(row));
                Verdict::Keep
            }
            Recognition::NotAContainer => {
                self.forget(event.container);
                Verdict::Drop
            }
        }
    }

    fn forget(&mut self, container: u32) {
        self.states.remove(&container);
        self.programs.retain(|_, program| program.container != container);
    }

    /// Containers whose newcomer was not announced, because the ring buffer was full: kept by their cgroup's name.
    pub(crate) fn keep_unannounced(&mut self, kernel: &BTreeMap<u32, KernelContainer>, clock: &Clock) -> Vec<u32> {
        let mut kept = Vec::new();
        for (number, of_kernel) in kernel.iter().filter(|(_, of_kernel)| of_kernel.init_tid != 0) {
            let path = match self.states.get(number) {
                Some(State::Provisional { cgroup_path }) => cgroup_path.clone(),
                None => String::new(),
                Some(State::Recorded(_) | State::Ended(_)) => continue,
            };
            let id = path
                .rsplit('/')
                .next()
                .filter(|name| !name.is_empty())
                .map_or_else(|| format!("unknown-{number}"), str::to_owned);
            let mut row = engine::unresolved("unknown", &id, &path);
            row.container = *number;
            row.started_ns = clock.time_ns(of_kernel.started_ns);
            self.states.insert(*number, State::Recorded(Box::new(row)));
            kept.push(*number);
        }
        kept
    }

    /// Marks containers without a thread as ended, and those that have one again as running. Returns the ended ones.
    pub(crate) fn mark_ended(&mut self, kernel: &BTreeMap<u32, KernelContainer>, clock: &Clock) -> Vec<u32> {
        let mut ended = Vec::new();
        for (number, state) in &mut self.states {
            let State::Recorded(row) = state else { continue };
            let Some(of_kernel) = kernel.get(number) else { continue };
            let gone = of_kernel.tasks <= 0 && of_kernel.ended_ns != 0;
            row.ended_ns = gone.then(|| clock.time_ns(of_kernel.ended_ns));
            if gone {
                ended.push(*number);
            }
        }
        ended
    }

    /// The counters of an ended container are written and given back.
    pub(crate) fn settled(&mut self, number: u32) {
        if let Some(State::Recorded(row)) = self.states.remove(&number) {
            self.states.insert(number, State::Ended(row));
        }
    }

    /// A cgroup was removed before anybody entered it.
    pub(crate) fn forget_provisional(&mut self, kernel: &BTreeMap<u32, KernelContainer>) {
        self.states.retain(|number, state| !matches!(state, State::Provisional { .. }) || kernel.contains_key(number));
    }

    /// Whether a container's counts are to be read and written.
    pub(crate) fn is_recorded(&self, number: u32) -> bool {
        matches!(self.states.get(&number), Some(State::Recorded(_)))
    }

    /// Whether a row of a container is to be written.
    pub(crate) fn has_row(&self, number: u32) -> bool {
        matches!(self.states.get(&number), Some(State::Recorded(_) | State::Ended(_)))
    }

    /// Enters programs whose paths came from the kernel.
    pub(crate) fn add_programs(&mut self, paths: &[(u32, KernelPath)]) {
        for (program, path) in paths {
            let row = Program {
                container: path.container,
                program: *program,
                path: path.display(),
                path_truncated: path.truncated != 0,
                device: path.device.into(),
                inode: path.inode,
            };
            self.programs.insert(*program, row);
        }
    }

    /// Rows for the store.
    pub(crate) fn rows(&self) -> (Vec<Container>, Vec<Program>) {
        let containers = self.states.values().filter_map(|state| match state {
            State::Recorded(row) | State::Ended(row) => Some((**row).clone()),
            State::Provisional { .. } => None,
        });
        let programs = self.programs.values().filter(|program| self.has_row(program.container)).cloned();
        (containers.collect(), programs.collect())
    }
}
