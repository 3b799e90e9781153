//! Containers that run now: for `--container` at the start of a recording, for those that were missed since, and for
//! `inspect`.
//!
//! Lives here: finding them by the engines' and the runtimes' records, by machined's, and by the cgroups that there are.
//! A scan remembers what it has read, so that the next one reads what is new or changed and no more. Does not: what a
//! record means, which the engines' own files know.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ctrec_recording::Container;

use super::describe::{Description, Sighting, describe};
use super::host::Stamp;
use super::invocation::Invocation;
use super::question::Question;
use super::{Host, docker, machines, path, processes, states};
use crate::cgroups::{self, Hierarchies};

/// More cgroups than these are not looked through.
const MOST_CGROUPS: usize = 50_000;

/// A container that runs now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveContainer {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Engine or runtime.
    pub engine: String,
    /// Its first process, on the host.
    pub pid: u32,
}

/// A running container with what is known of it, and where its cgroups are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) row: Container,
    pub(crate) pid: u32,
    /// Hierarchy id and path of its own cgroups. Those that it shares with the host are left out: a runtime told to
    /// manage none leaves its container where it was started.
    pub(crate) cgroups: Vec<(u32, String)>,
    /// See [`Description`].
    pub(crate) named: bool,
    /// See [`Description`].
    pub(crate) question: Option<Question>,
}

/// Containers that run now, sorted by name.
pub fn containers(host: &Host) -> Vec<LiveContainer> {
    let live = |found: Found| LiveContainer {
        id: found.row.id,
        name: found.row.name,
        engine: found.row.engine,
        pid: found.pid,
    };
    let mut found: Vec<LiveContainer> = Scan::new(host.clone()).find().into_iter().map(live).collect();
    found.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
    found
}

/// A look for running containers that can be taken again.
#[derive(Debug)]
pub(crate) struct Scan {
    host: Host,
    /// What was read, and how it was then.
    known: BTreeMap<PathBuf, Stamp>,
}

/// Somewhere that a running container may show.
enum Source {
    Docker(PathBuf),
    Runtime(states::File),
    Machine(PathBuf),
    /// A cgroup: where it is in its hierarchy, and its folder.
    Cgroup(String, PathBuf),
}

/// A running container, before anything is looked up.
struct Trace {
    engine: String,
    id: String,
    pid: u32,
    invocation: Option<Invocation>,
}

impl Scan {
    pub(crate) fn new(host: Host) -> Self {
        Self { host, known: BTreeMap::new() }
    }

    /// Where it looks.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// Running containers of which something is new or has changed since the last scan, each once.
    pub(crate) fn find(&mut self) -> Vec<Found> {
        let mut found: Vec<Found> = Vec::new();
        let mut known = BTreeMap::new();
        for source in sources(&self.host) {
            let file = source.file();
            let Some(stamp) = self.host.stamp(file) else { continue };
            if self.known.get(file) == Some(&stamp) {
                known.insert(file.to_owned(), stamp);
                continue;
            }
            let trace = source.read(&self.host);
            let is_settled = match &trace {
                Some(trace) if found.iter().any(|found| found.row.id == trace.id) => true,
                // Its process is gone, and its record about to change in any way.
                Some(trace) => self.look(trace).map(|new| found.push(new)).is_some(),
                // A record changes when its container starts. A cgroup does not.
                None => !matches!(source, Source::Cgroup(..)),
            };
            if is_settled {
                known.insert(file.to_owned(), stamp);
            }
        }
        self.known = known;
        found
    }

    fn look(&self, trace: &Trace) -> Option<Found> {
        let all = processes::cgroups_of(&self.host, trace.pid)?;
        let own = |(hierarchy, path): &(u32, String)| Some((*hierarchy, path::own(path, &trace.id)?));
        let cgroups: Vec<(u32, String)> = all.iter().filter_map(own).collect();
        let path = &cgroups.first().or(all.first())?.1;
        let engine = match path::parse(path) {
            path::Kind::Container { engine, id } if engine != path::UNKNOWN && id == trace.id => engine,
            _ => trace.engine.as_str(),
        };
        let seen = Sighting { engine, id: &trace.id, cgroup_path: path, init_pid: trace.pid };
        let Description { mut row, named, question } = describe(&self.host, &seen, trace.invocation.as_ref());
        row.already_running = true;
        Some(Found { row, pid: trace.pid, cgroups, named, question })
    }
}

/// Everywhere that a running container may show, the best informed first.
fn sources(host: &Host) -> Vec<Source> {
    let docker = docker::folders(host).map(|folder| Source::Docker(folder.join(docker::RECORD)));
    let runtimes = states::files(host).into_iter().map(Source::Runtime);
    let machines = machines::machine_files(host).into_iter().map(Source::Machine);
    docker.chain(runtimes).chain(machines).chain(in_cgroups(host)).collect()
}

/// Cgroups that engines named after a container, in one hierarchy: v2 where there is one.
fn in_cgroups(host: &Host) -> Vec<Source> {
    let Ok(hierarchies) = Hierarchies::read(&host.path("/proc")) else { return Vec::new() };
    let Some(hierarchy) = hierarchies.own() else { return Vec::new() };
    let mut found = Vec::new();
    let mut open = vec![String::new()];
    for _ in 0..MOST_CGROUPS {
        let Some(path) = open.pop() else { break };
        if matches!(path::parse(&path), path::Kind::Container { .. }) {
            let folder = hierarchy.mount.join(path.trim_start_matches('/'));
            found.push(Source::Cgroup(path, folder));
            continue; /* what is below is the container's */
        }
        let folder = host.path(hierarchy.mount.join(path.trim_start_matches('/')));
        let names =
            cgroups::subfolders(&folder).into_iter().filter_map(|below| below.file_name()?.to_str().map(str::to_owned));
        open.extend(names.map(|name| format!("{path}/{name}")));
    }
    found
}

impl Source {
    /// The file whose state tells whether there is anything new.
    fn file(&self) -> &Path {
        match self {
            Self::Docker(file) | Self::Machine(file) | Self::Cgroup(_, file) => file,
            Self::Runtime(file) => &file.path,
        }
    }

    /// The running container that it shows, if it shows one.
    fn read(&self, host: &Host) -> Option<Trace> {
        match self {
            Self::Docker(file) => {
                let record = docker::read(host, file.parent()?)?;
                let (id, pid) = (record.id()?.to_owned(), record.pid()?);
                Some(Trace { engine: "docker".to_owned(), id, pid, invocation: None })
            }
            Self::Runtime(file) => {
                let states::State { invocation, pid } = states::read(host, file)?;
                let (engine, id) = (invocation.runtime.clone(), invocation.id.clone());
                Some(Trace { engine, id, pid, invocation: Some(invocation) })
            }
            Self::Machine(file) => {
                let machine = machines::read_machine(host, file)?;
                Some(Trace { engine: "nspawn".to_owned(), id: machine.name, pid: machine.pid, invocation: None })
            }
            Self::Cgroup(path, folder) => {
                let path::Kind::Container { engine, id } = path::parse(path) else { return None };
                let pid = processes::first_of(host, cgroups::processes_below(&host.path(folder)))?;
                Some(Trace { engine: engine.to_owned(), id, pid, invocation: None })
            }
        }
    }
}
