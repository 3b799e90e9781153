//! The containers of a run: what the kernel's numbers stand for, which of them are wanted, and when they end.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;

use ctrec_recording::{Container, Program};

use crate::clock::Clock;
use crate::engine::{self, Description, Host, Newcomer, Recognition};
use crate::file_capabilities;
use crate::wire::{Arrival, KernelContainer, KernelPath, Place};

/// Chooses containers by what is known of them.
pub type Matcher = Rc<dyn Fn(&Container) -> bool>;

/// What a number of the kernel side stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// A cgroup that nobody has entered. Counted, not written.
    Provisional { cgroup_path: String },
    /// A container whose name is not known yet, so that nobody can say whether it is wanted. Counted, not written.
    Undecided { row: Box<Container>, newcomer: Box<Newcomer> },
    /// A container that is recorded. `newcomer` is how to look again for what is not known of it.
    Recorded { row: Box<Container>, newcomer: Option<Box<Newcomer>> },
    /// A container that has ended and is written: only its row is left.
    Ended(Box<Container>),
}

/// The containers of a run.
pub(crate) struct Containers {
    host: Host,
    matches: Matcher,
    states: BTreeMap<u32, State>,
    programs: BTreeMap<u32, Program>,
    witnesses: BTreeMap<u32, Witnesses>,
}

/// Processes of a container that saw one of its files, with their mount namespaces: a number that somebody else has by
/// now is told by that.
type Witnesses = BTreeMap<u32, PathBuf>;

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
    pub(crate) fn new(host: Host, matches: Matcher) -> Self {
        Self { host, matches, states: BTreeMap::new(), programs: BTreeMap::new(), witnesses: BTreeMap::new() }
    }

    /// Enters a container that is known from the start.
    pub(crate) fn add(&mut self, number: u32, mut row: Container) {
        row.container = number;
        self.states.insert(number, State::Recorded { row: Box::new(row), newcomer: None });
    }

    /// Whether a container that runs already is wanted.
    pub(crate) fn wants(&self, row: &Container) -> bool {
        (self.matches)(row)
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
                self.states.insert(number, State::Recorded { row, newcomer: None });
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

    /// Holds the pattern against what is known. One that does not match is only turned away when its name is its own:
    /// engines give their records up as soon as a container is gone, which may be before we came to look.
    fn decide(&mut self, number: u32, found: Description, newcomer: Newcomer) -> Verdict {
        let row = Box::new(Container { container: number, ..found.row });
        let newcomer = Box::new(newcomer);
        if (self.matches)(&row) {
            let newcomer = (!row.resolved).then_some(newcomer);
            self.states.insert(number, State::Recorded { row, newcomer });
        } else if found.named {
            self.forget(number);
            return Verdict::Drop;
        } else {
            self.states.insert(number, State::Undecided { row, newcomer });
        }
        Verdict::Keep
    }

    /// Looks again for what could not be found before. Returns containers that turn out not to be wanted.
    pub(crate) fn look_again(&mut self) -> Vec<u32> {
        let open: Vec<(u32, i64, Newcomer)> = self
            .states
            .iter()
            .filter_map(|(number, state)| match state {
                State::Undecided { row, newcomer } | State::Recorded { row, newcomer: Some(newcomer) } => {
                    Some((*number, row.started_ns, (**newcomer).clone()))
                }
                _ => None,
            })
            .collect();
        let mut dropped = Vec::new();
        for (number, started_ns, newcomer) in open {
            let Recognition::Container(mut found) = engine::recognise(&self.host, &newcomer) else { continue };
            found.row.started_ns = started_ns;
            if self.decide(number, *found, newcomer) == Verdict::Drop {
                dropped.push(number);
            }
        }
        dropped
    }

    /// Keeps containers of which nobody could say whether they are wanted, and names all of which too little is known:
    /// those that have `ended`, or every one at the end.
    pub(crate) fn give_up(&mut self, ended: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut unresolved = Vec::new();
        for (number, state) in self.states.iter_mut().filter(|(number, _)| ended(**number)) {
            let row = match state {
                State::Undecided { row, .. } => row.clone(),
                State::Recorded { newcomer: newcomer @ Some(_), .. } => {
                    *newcomer = None;
                    unresolved.push(*number);
                    continue;
                }
                _ => continue,
            };
            *state = State::Recorded { row, newcomer: None };
            unresolved.push(*number);
        }
        unresolved
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
            self.states.insert(*number, State::Recorded { row: Box::new(row), newcomer: None });
            kept.push(*number);
        }
        kept
    }

    /// Marks containers without a thread as ended, and those that have one again as running. Returns the ended ones.
    pub(crate) fn mark_ended(&mut self, kernel: &BTreeMap<u32, KernelContainer>, clock: &Clock) -> Vec<u32> {
        let mut ended = Vec::new();
        for (number, state) in &mut self.states {
            let (State::Recorded { row, .. } | State::Undecided { row, .. }) = state else { continue };
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
                file_capabilities_json: None,
            };
            self.programs.insert(*program, row);
        }
    }

    /// Reads what a program's file permits, by the first of these processes that sees it. Its own may be gone, and the
    /// first of the container is: runc leaves the container to a grandchild. So whoever saw an earlier program is asked.
    pub(crate) fn read_file_capabilities(&mut self, program: u32, processes: impl Iterator<Item = u32>) {
        let Some(row) = self.programs.get_mut(&program).filter(|row| !row.path_truncated) else { return };
        let witnesses = self.witnesses.entry(row.container).or_default();
        witnesses.retain(|pid, namespace| mount_namespace(*pid).as_ref() == Some(namespace));
        let mut all = processes.chain(witnesses.keys().copied());
        let Some((pid, names)) = all.find_map(|pid| Some((pid, file_capabilities::read(pid, &row.path)?))) else {
            return;
        };
        drop(all);
        row.file_capabilities_json = Some(names);
        if let Some(namespace) = mount_namespace(pid) {
            witnesses.insert(pid, namespace);
        }
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

    /// Containers that are recorded, those that have ended included.
    pub(crate) fn recorded(&self) -> impl Iterator<Item = &Container> {
        self.states.values().filter_map(|state| match state {
            State::Recorded { row, .. } | State::Ended(row) => Some(&**row),
            State::Provisional { .. } | State::Undecided { .. } => None,
        })
    }

    /// Rows for the store.
    pub(crate) fn rows(&self) -> (Vec<Container>, Vec<Program>) {
        let containers = self.recorded().cloned();
        let programs = self.programs.values().filter(|program| self.has_row(program.container)).cloned();
        (containers.collect(), programs.collect())
    }
}

/// What the kernel calls a process's mount namespace, while the process is there.
fn mount_namespace(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/mnt")).ok()
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
