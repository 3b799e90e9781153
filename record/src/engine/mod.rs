//! Which container a cgroup is, and what its engine knows of it.
//!
//! Lives here: recognition by cgroup path and by the runtime that set it up, OCI bundles, Docker's and the runtimes'
//! records on disk. Everything reads below a [`Host`], which a test can point at a folder. Does not: the kernel, sockets.
//! All text read here is hostile: engines copy it from whoever made the container.

mod bundle;
mod docker;
mod invocation;
mod live;
mod path;

use std::path::{Path, PathBuf};

use ctrec_recording::Container;

pub use live::{LiveContainer, containers as live_containers};

pub(crate) use live::Found as LiveFound;
pub(crate) use live::find as find_live;

/// Where the host's files are.
#[derive(Debug, Clone)]
pub struct Host {
    root: PathBuf,
}

impl Default for Host {
    fn default() -> Self {
        Self { root: PathBuf::from("/") }
    }
}

impl Host {
    /// A host whose files lie below a folder.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// An absolute path of the host.
    pub(crate) fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let absolute = absolute.as_ref();
        self.root.join(absolute.strip_prefix("/").unwrap_or(absolute))
    }
}

/// A process that entered a cgroup which may be a container's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Newcomer {
    /// Path of the cgroup.
    pub(crate) cgroup_path: String,
    /// Its process id on the host.
    pub(crate) pid: u32,
    /// Its parent's: the runtime, while that waits for it.
    pub(crate) parent_pid: u32,
}

/// What a cgroup turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Recognition {
    /// A container; `resolved` says whether its engine's record was found.
    Container(Box<Container>),
    /// Something else: a service, a session, an engine's helper.
    NotAContainer,
}

/// Decides what a cgroup is from the first process that enters it. Fields that only the recorder knows (`container`,
/// times) are left at zero.
pub(crate) fn recognise(host: &Host, newcomer: &Newcomer) -> Recognition {
    let by_path = path::parse(&newcomer.cgroup_path);
    if by_path == path::Kind::Helper {
        return Recognition::NotAContainer;
    }
    let invocation = invocation::of(host, newcomer.parent_pid).or_else(|| invocation::of(host, newcomer.pid));
    let (engine, id) = match (by_path, &invocation) {
        (path::Kind::Container { engine, id }, _) => (engine, id),
        (_, Some(invocation)) => (invocation.runtime.as_str(), invocation.id.clone()),
        (_, None) => return Recognition::NotAContainer,
    };
    Recognition::Container(Box::new(describe(host, engine, &id, &newcomer.cgroup_path, invocation.as_ref())))
}

/// Everything that can be found out about a container.
fn describe(
    host: &Host,
    engine: &str,
    id: &str,
    cgroup_path: &str,
    invocation: Option<&invocation::Invocation>,
) -> Container {
    let mut row = unresolved(engine, id, cgroup_path);
    row.runtime = invocation.map(|invocation| invocation.runtime.clone());
    let bundle = invocation
        .and_then(|invocation| bundle::read(host, &invocation.bundle))
        .or_else(|| bundle::known_places(id).iter().find_map(|place| bundle::read(host, place)));
    if let Some(bundle) = &bundle {
        bundle.fill(&mut row);
        row.resolved = true;
    }
    if engine == "docker"
        && let Some(record) = docker::record(host, id, bundle.as_ref())
    {
        record.fill(&mut row);
        row.resolved = true;
    }
    row
}

/// A container of which nothing but its cgroup is known.
pub(crate) fn unresolved(engine: &str, id: &str, cgroup_path: &str) -> Container {
    Container {
        container: 0,
        id: id.to_owned(),
        name: id.to_owned(),
        image: None,
        engine: engine.to_owned(),
        runtime: None,
        pod: None,
        labels_json: "{}".to_owned(),
        entrypoint_json: None,
        no_new_privs: None,
        capabilities_json: None,
        seccomp_json: None,
        sysctls_json: "{}".to_owned(),
        limits_json: "{}".to_owned(),
        cgroup_path: cgroup_path.to_owned(),
        started_ns: 0,
        ended_ns: None,
        already_running: false,
        resolved: false,
    }
}
