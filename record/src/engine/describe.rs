//! Everything that the host's files say of a container.
//!
//! Lives here: which records to look for, and what is still missing when they have been read. Does not: the form of any
//! record, or asking a socket.

use std::path::PathBuf;

use ctrec_recording::Container;

use super::bundle::{self, Bundle};
use super::invocation::Invocation;
use super::path::{self, UNKNOWN, is_full_id};
use super::question::{Ask, Question};
use super::{Host, docker, machines, podman, processes, states, unresolved};

/// What could be found out about a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Description {
    /// Fields that only the recorder knows (`container`, times) are zero. `resolved`: its records or bundle were found.
    pub(crate) row: Container,
    /// Whether its name is the one that it goes by. Until then no pattern can be held against it.
    pub(crate) named: bool,
    /// What its engine's socket would add: the name, the image or labels are not known. `None`: nothing.
    pub(crate) question: Option<Question>,
}

/// What was seen of a container, before anything is looked up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sighting<'seen> {
    /// Engine, or the runtime where there is none.
    pub(super) engine: &'seen str,
    pub(super) id: &'seen str,
    pub(super) cgroup_path: &'seen str,
    /// Its first process, on the host.
    pub(super) init_pid: u32,
}

/// Everything that can be found out about a container without asking anybody.
pub(super) fn describe(host: &Host, seen: &Sighting<'_>, invocation: Option<&Invocation>) -> Description {
    match seen.engine {
        "lxc" => return of_lxc(host, seen),
        "nspawn" => return of_nspawn(seen),
        _ => {}
    }
    let state = match invocation {
        Some(invocation) if !invocation.bundles.is_empty() => None,
        Some(invocation) => states::of(host, seen.id, invocation.root.as_deref()),
        None => states::of(host, seen.id, None).or_else(|| state_in(host, seen.cgroup_path)),
    };
    let invocation = state.as_ref().or(invocation);
    let plain = invocation.filter(|invocation| invocation.runtime == seen.engine);
    let id = plain.map_or(seen.id, |invocation| invocation.id.as_str());
    let bundle = find_bundle(host, id, invocation, seen);
    let mut row = unresolved(engine_of(bundle.as_ref()).unwrap_or(seen.engine), id, seen.cgroup_path);
    row.runtime = invocation.map(|invocation| invocation.runtime.clone());
    if let Some(bundle) = &bundle {
        bundle.fill(&mut row);
        row.resolved = true;
    }
    match row.engine.as_str() {
        "docker" => of_docker(host, row, bundle.as_ref()),
        "podman" => of_podman(host, row, bundle.as_ref()),
        "cri-o" => of_crio(row, bundle.as_ref()),
        "containerd" if bundle.is_some() => of_containerd(row, bundle.as_ref()),
        "containerd" | UNKNOWN => of_unknown(host, row),
        // A runtime under an engine whose folders could not be read, in a cgroup of the user's own.
        _ if bundle.is_none() && is_full_id(&row.id) => of_unknown(host, row),
        _ => {
            let named = plain.is_some() || row.resolved;
            Description { row, named, question: None }
        }
    }
}

/// The engine that a bundle lies in the folders of, or is annotated with. Docker lets users annotate, so its folder
/// comes first.
fn engine_of(bundle: Option<&Bundle>) -> Option<&'static str> {
    let bundle = bundle?;
    match bundle.namespace() {
        Some("moby") => Some("docker"),
        Some(_) => Some("containerd"),
        None => bundle.annotations().engine().or_else(|| bundle.storage().map(|_| "podman")),
    }
}

fn find_bundle(host: &Host, id: &str, invocation: Option<&Invocation>, seen: &Sighting<'_>) -> Option<Bundle> {
    let first = |places: Vec<PathBuf>| places.iter().find_map(|place| bundle::read(host, place));
    let said = invocation.map(|invocation| invocation.bundles.clone()).unwrap_or_default();
    let is_podmans = matches!(seen.engine, "podman" | "cri-o");
    first(said)
        .or_else(|| first(bundle::known_places(host, id)))
        .or_else(|| bundle::read(host, &processes::shim_folder(host, id, seen.init_pid)?))
        .or_else(|| is_podmans.then(|| first(podman::bundle_places(host, id)))?)
}

/// The record of the container whose first process is in a cgroup.
fn state_in(host: &Host, cgroup_path: &str) -> Option<Invocation> {
    let is_in = |pid| {
        let cgroups = processes::cgroups_of(host, pid);
        cgroups.is_some_and(|cgroups| cgroups.iter().any(|(_, path)| path == cgroup_path))
    };
    (cgroup_path.len() > 1).then(|| states::whose(host, is_in))?
}

fn of_docker(host: &Host, mut row: Container, bundle: Option<&Bundle>) -> Description {
    let record = docker::record(host, &row.id, bundle);
    if let Some(record) = &record {
        record.fill(&mut row);
        "docker".clone_into(&mut row.engine);
        row.resolved = true;
    }
    let question = record.is_none().then(|| Question::of(&row, vec![Ask::Docker])).flatten();
    Description { row, named: record.is_some(), question }
}

fn of_podman(host: &Host, mut row: Container, bundle: Option<&Bundle>) -> Description {
    let record = podman::record(host, &row.id, bundle);
    let named = record.is_some();
    if let Some(record) = record {
        record.fill(&mut row);
        row.resolved = true;
    }
    // Labels are in podman's database alone.
    let question = Question::of(&row, vec![Ask::Podman { user: user_of(&row.cgroup_path) }]);
    Description { row, named, question }
}

fn of_crio(mut row: Container, bundle: Option<&Bundle>) -> Description {
    let named = bundle.is_some_and(|bundle| bundle.annotations().fill(&mut row));
    let question = (!named).then(|| Question::of(&row, vec![Ask::Cri])).flatten();
    Description { row, named, question }
}

fn of_containerd(mut row: Container, bundle: Option<&Bundle>) -> Description {
    let annotated = bundle.is_some_and(|bundle| bundle.annotations().fill(&mut row));
    let namespace = bundle.and_then(Bundle::namespace).unwrap_or("k8s.io").to_owned();
    let of_kubernetes = row.pod.is_some();
    let asks = if of_kubernetes { vec![Ask::Cri] } else { vec![Ask::Containerd { namespace }, Ask::Cri] };
    // What is called by its id has one that a person chose.
    let named = annotated || !is_full_id(&row.id);
    let question = Question::of(&row, asks);
    Description { row, named, question }
}

/// A container of which only the id is known, or the engine too, and nothing was found where that keeps it.
fn of_unknown(host: &Host, row: Container) -> Description {
    let docker = of_docker(host, row, None);
    if docker.named {
        return docker;
    }
    let podman = of_podman(host, docker.row, None);
    if podman.named {
        return Description { row: Container { engine: "podman".to_owned(), ..podman.row }, ..podman };
    }
    let row = podman.row;
    let user = user_of(&row.cgroup_path);
    let parent = path::above(&row.cgroup_path, &row.id).filter(|_| row.engine != "containerd");
    let namespace = parent.unwrap_or("k8s.io").to_owned();
    let question = Question::of(&row, vec![Ask::Cri, Ask::Docker, Ask::Podman { user }, Ask::Containerd { namespace }]);
    Description { row, named: false, question }
}

fn of_lxc(host: &Host, seen: &Sighting<'_>) -> Description {
    let mut row = unresolved("lxc", seen.id, seen.cgroup_path);
    machines::fill_lxc(host, &mut row);
    // Its cgroup is named after it, and what decides a profile is in no record of LXC's.
    row.resolved = true;
    Description { row, named: true, question: None }
}

fn of_nspawn(seen: &Sighting<'_>) -> Description {
    let mut row = unresolved("nspawn", seen.id, seen.cgroup_path);
    row.resolved = true;
    Description { row, named: true, question: None }
}

/// The user in whose slice a cgroup is.
fn user_of(cgroup_path: &str) -> Option<u32> {
    let slice = cgroup_path.split('/').find_map(|part| part.strip_prefix("user-")?.strip_suffix(".slice"))?;
    slice.parse().ok()
}
