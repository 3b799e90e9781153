//! Which container a cgroup is, and what its engine knows of it.
//!
//! Lives here: recognition by cgroup path and by the runtime that set it up, OCI bundles, the engines' and the runtimes'
//! records on disk, and their sockets. Everything reads below a [`Host`], which a test can point at a folder. Does not:
//! the kernel. All text read here is hostile: engines copy it from whoever made the container.

mod annotations;
mod bundle;
#[cfg(test)]
mod cases;
mod daemons;
mod describe;
mod docker;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod host;
mod installed;
mod invocation;
mod live;
mod machines;
mod path;
mod podman;
mod processes;
mod question;
mod socket;
mod states;

use std::path::Path;

use ctrec_recording::Container;

use describe::Sighting;
use invocation::Invocation;

pub use host::Host;
pub use live::{LiveContainer, containers as live_containers};

pub(crate) use describe::Description;
pub(crate) use installed::{Installed, installed};
pub(crate) use live::{Found as LiveFound, Scan};
pub(crate) use question::Question;
#[cfg(test)]
pub(crate) use socket::Said;
pub(crate) use socket::{Answer, Asker, Trouble};

/// A process that entered a cgroup which may be a container's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Newcomer {
    /// Path of the cgroup.
    pub(crate) cgroup_path: String,
    /// Its process id on the host.
    pub(crate) pid: u32,
    /// Its parent's: the runtime, while that waits for it.
    pub(crate) parent_pid: u32,
    /// File name of what it runs, at most 15 bytes.
    pub(crate) program: String,
    /// Arguments of the process that moved it there: the runtime's, or systemd's where that manages cgroups.
    pub(crate) arguments: Option<Vec<String>>,
    /// Working directory of that process.
    pub(crate) folder: Option<String>,
}

/// What a cgroup turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Recognition {
    /// A container.
    Container(Box<Description>),
    /// Something else: a service, a session, an engine's helper.
    NotAContainer,
}

/// Decides what a cgroup is from the first process that enters it. What the kernel read of the runtime comes first: the
/// runtime may be gone by now.
pub(crate) fn recognise(host: &Host, newcomer: &Newcomer) -> Recognition {
    let by_path = path::parse(&newcomer.cgroup_path);
    if by_path == path::Kind::Helper {
        return Recognition::NotAContainer;
    }
    let seen = newcomer.arguments.as_deref();
    let invocation = seen
        .and_then(|arguments| invocation::parse(arguments, newcomer.folder.as_deref().map(Path::new)))
        .or_else(|| invocation::of(host, newcomer.parent_pid))
        .or_else(|| invocation::of(host, newcomer.pid));
    // Further down in a container, a runtime sets up another: what it was asked to do is about that one.
    let is_about_it = |invocation: &Invocation| match &by_path {
        path::Kind::Container { id, .. } => {
            *id == invocation.id || path::own(&newcomer.cgroup_path, id).as_ref() == Some(&newcomer.cgroup_path)
        }
        path::Kind::Helper | path::Kind::Unknown => true,
    };
    let invocation = invocation.filter(is_about_it);
    let (engine, id) = match (by_path, &invocation) {
        (path::Kind::Container { engine: path::UNKNOWN, id }, Some(invocation)) => (invocation.runtime.as_str(), id),
        (path::Kind::Container { engine, id }, _) => (engine, id),
        (_, Some(invocation)) => (invocation.runtime.as_str(), invocation.id.clone()),
        (_, None) => match invocation::runtime_named(&newcomer.program) {
            Some(runtime) => (runtime, path::last(&newcomer.cgroup_path).unwrap_or("unknown").to_owned()),
            None => return Recognition::NotAContainer,
        },
    };
    let seen = Sighting { engine, id: &id, cgroup_path: &newcomer.cgroup_path, init_pid: newcomer.pid };
    Recognition::Container(Box::new(describe::describe(host, &seen, invocation.as_ref())))
}

/// A container of which only its cgroup's path is known, which may be empty; `None` if the path says that it is none.
pub(crate) fn by_cgroup(cgroup_path: &str, otherwise: &str) -> Option<Container> {
    match path::parse(cgroup_path) {
        path::Kind::Helper => None,
        path::Kind::Container { engine, id } => Some(unresolved(engine, &id, cgroup_path)),
        path::Kind::Unknown => Some(unresolved("unknown", path::last(cgroup_path).unwrap_or(otherwise), cgroup_path)),
    }
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
        network_json: None,
        cgroup_path: cgroup_path.to_owned(),
        started_ns: 0,
        ended_ns: None,
        already_running: false,
        resolved: false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    fn host(files: &[(&str, serde_json::Value)]) -> (TempDir, Host) {
        let folder = TempDir::new().unwrap();
        for (path, content) in files {
            let file = folder.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content.to_string()).unwrap();
        }
        let host = Host::at(folder.path());
        (folder, host)
    }

    /// A newcomer whose runtime has gone: only what the kernel read of it is there.
    fn newcomer(cgroup_path: &str, command: &str) -> Newcomer {
        Newcomer {
            cgroup_path: cgroup_path.to_owned(),
            pid: 7,
            parent_pid: 8,
            program: "memfd:runc_clon".to_owned(),
            arguments: Some(command.split(' ').map(str::to_owned).collect()),
            folder: Some("/bundle".to_owned()),
        }
    }

    fn container(host: &Host, newcomer: &Newcomer) -> Description {
        match recognise(host, newcomer) {
            Recognition::Container(description) => *description,
            Recognition::NotAContainer => panic!("{newcomer:?} is a container"),
        }
    }

    #[test]
    fn what_the_kernel_read_of_a_runtime_that_has_gone_is_enough() {
        let (_folder, host) = host(&[("bundle/config.json", json!({ "process": { "args": ["x"] } }))]);
        let found = container(&host, &newcomer("/web", "runc run web"));
        assert_eq!((found.row.id.as_str(), found.row.runtime.as_deref()), ("web", Some("runc")));
        assert!(found.row.resolved && found.named);
    }

    #[test]
    fn a_container_of_docker_has_no_name_until_its_record_is_found() {
        let id = "0123456789abcdef".repeat(4);
        let newcomer = newcomer(&format!("/docker/{id}"), &format!("runc create --bundle /bundle {id}"));
        let config = ("bundle/config.json", json!({ "hostname": "0123456789ab" }));
        let (_folder, without) = host(std::slice::from_ref(&config));
        let found = container(&without, &newcomer);
        assert!(found.row.resolved && !found.named, "the bundle is there, but knows no name: {found:?}");
        let record = format!("var/lib/docker/containers/{id}/config.v2.json");
        let (_folder, with) = host(&[config, (&record, json!({ "ID": id, "Name": "/web" }))]);
        let found = container(&with, &newcomer);
        assert!(found.named && found.row.name == "web");
    }

    #[test]
    fn a_parent_cgroup_of_the_users_own_does_not_hide_docker() {
        let id = "0123456789abcdef".repeat(4);
        let record = format!("var/lib/docker/containers/{id}/config.v2.json");
        let (_folder, host) = host(&[(&record, json!({ "ID": id, "Name": "/web" }))]);
        let found = container(&host, &newcomer(&format!("/mine/{id}"), &format!("runc create {id}")));
        assert_eq!((found.row.engine.as_str(), found.row.name.as_str()), ("docker", "web"));
    }

    #[test]
    fn a_runtime_of_which_nothing_could_be_read_still_makes_a_container() {
        let (_folder, host) = host(&[]);
        let unknown = Newcomer { arguments: None, folder: None, ..newcomer("/system.slice/web.scope", "") };
        let found = container(&host, &unknown);
        assert_eq!((found.row.id.as_str(), found.named), ("web.scope", false));
        let other = Newcomer { program: "bash".to_owned(), ..unknown };
        assert_eq!(recognise(&host, &other), Recognition::NotAContainer);
    }

    #[test]
    fn a_runtimes_own_record_names_what_its_arguments_did_not() {
        let (_folder, host) = host(&[
            ("run/runc/web/state.json", json!({ "init_process_pid": 7, "config": { "labels": ["bundle=/bundle"] } })),
            ("bundle/config.json", json!({ "process": { "noNewPrivileges": true } })),
        ]);
        fs::create_dir_all(host.path("/proc/7")).unwrap();
        fs::write(host.path("/proc/7/cgroup"), "0::/system.slice/runc-web.scope\n").unwrap();
        let unknown = Newcomer { arguments: None, folder: None, ..newcomer("/system.slice/runc-web.scope", "") };
        let found = container(&host, &unknown);
        assert_eq!((found.row.id.as_str(), found.row.no_new_privs, found.named), ("web", Some(true), true));
    }
}
