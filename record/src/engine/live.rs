//! Containers that run now, from the engines' records: for `--container` at the start of a recording, and `inspect`.

use std::fs;
use std::path::{Path, PathBuf};

use ctrec_recording::Container;
use serde_json::Value;

use super::{Host, Sighting, describe, docker, invocation::Invocation, path};

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
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) row: Container,
    pub(crate) pid: u32,
    /// (hierarchy id, path) as in `/proc/<pid>/cgroup`.
    pub(crate) cgroups: Vec<(u32, String)>,
}

/// Containers of Docker, runc and crun that run now, sorted by name.
pub fn containers(host: &Host) -> Vec<LiveContainer> {
    let mut found: Vec<LiveContainer> = docker_records(host)
        .into_iter()
        .filter_map(|record| {
            let (id, pid) = (record.id()?.to_owned(), record.pid()?);
            Some(LiveContainer { name: record.name().unwrap_or(&id).to_owned(), id, engine: "docker".to_owned(), pid })
        })
        .chain(states(host).into_iter().map(|state| LiveContainer {
            name: state.invocation.id.clone(),
            id: state.invocation.id,
            engine: state.invocation.runtime,
            pid: state.pid,
        }))
        .filter(|container| fs::exists(host.path(format!("/proc/{}", container.pid))).unwrap_or(false))
        .collect();
    found.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
    found.dedup_by(|one, other| one.id == other.id);
    found
}

fn docker_records(host: &Host) -> Vec<docker::Record> {
    docker::data_roots(host).iter().flat_map(|root| docker::records(host, root)).collect()
}

/// The same with everything that is known of each.
pub(crate) fn find(host: &Host) -> Vec<Found> {
    let states = states(host);
    let records = docker_records(host);
    containers(host)
        .into_iter()
        .filter_map(|live| {
            let cgroups = cgroups_of(host, live.pid)?;
            let path = &cgroups.iter().find(|(_, path)| path.contains(&live.id)).or(cgroups.first())?.1;
            let invocation = states.iter().find(|state| state.invocation.id == live.id).map(|state| &state.invocation);
            let engine = match path::parse(path) {
                path::Kind::Container { engine, .. } => engine,
                path::Kind::Helper | path::Kind::Unknown => live.engine.as_str(),
            };
            let seen = Sighting { engine, id: &live.id, cgroup_path: path, init_pid: live.pid };
            let mut row = describe(host, &seen, invocation).row;
            if let Some(record) = records.iter().find(|record| record.id() == Some(live.id.as_str())) {
                record.fill(&mut row);
                row.resolved = true;
            }
            row.already_running = true;
            Some(Found { row, pid: live.pid, cgroups })
        })
        .collect()
}

/// The record that a runtime keeps of a container, in the folder it was given or in the usual ones.
pub(super) fn state_of(host: &Host, id: &str, root: Option<&Path>) -> Option<Invocation> {
    let given = root.into_iter().flat_map(|root| [("runc", root, "state.json"), ("crun", root, "status")]);
    let usual = FOLDERS.iter().map(|(runtime, folder, file)| (*runtime, Path::new(*folder), *file));
    let mut places = given.chain(usual);
    places.find_map(|(runtime, folder, file)| read_state(host, runtime, folder, id, file)).map(|state| state.invocation)
}

/// The record of the container whose first process is in a cgroup.
pub(super) fn state_in(host: &Host, cgroup_path: &str) -> Option<Invocation> {
    let is_there = |state: &State| {
        cgroups_of(host, state.pid).is_some_and(|cgroups| cgroups.iter().any(|(_, path)| path == cgroup_path))
    };
    states(host).into_iter().filter(|_| cgroup_path.len() > 1).find(is_there).map(|state| state.invocation)
}

/// The bundle of a container that containerd runs: its shim works there, and is the parent of the first process.
pub(super) fn shim_folder(host: &Host, id: &str, init_pid: u32) -> Option<PathBuf> {
    let status = fs::read_to_string(host.path(format!("/proc/{init_pid}/status"))).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim();
    let folder = fs::read_link(host.path(format!("/proc/{parent}/cwd"))).ok()?;
    (folder.file_name()? == id).then_some(folder)
}

fn cgroups_of(host: &Host, pid: u32) -> Option<Vec<(u32, String)>> {
    let text = fs::read_to_string(host.path(format!("/proc/{pid}/cgroup"))).ok()?;
    let parse = |line: &str| {
        let mut parts = line.splitn(3, ':');
        let hierarchy = parts.next()?.parse().ok()?;
        Some((hierarchy, parts.nth(1)?.to_owned()))
    };
    Some(text.lines().filter_map(parse).collect())
}

/// A runtime's own record of a container.
struct State {
    invocation: Invocation,
    pid: u32,
}

/// Where runc and crun keep records, also below Docker's and containerd's: runtime, folder, file below the id.
const FOLDERS: [(&str, &str, &str); 4] = [
    ("runc", "/run/runc", "state.json"),
    ("runc", "/run/docker/runtime-runc/moby", "state.json"),
    ("runc", "/run/containerd/runc/default", "state.json"),
    ("crun", "/run/crun", "status"),
];

/// All records in the usual folders.
fn states(host: &Host) -> Vec<State> {
    FOLDERS
        .iter()
        .flat_map(|(runtime, folder, file)| {
            let entries = fs::read_dir(host.path(folder)).into_iter().flatten().filter_map(Result::ok);
            entries.filter_map(move |entry| {
                read_state(host, runtime, Path::new(folder), &entry.file_name().to_string_lossy(), file)
            })
        })
        .collect()
}

fn read_state(host: &Host, runtime: &str, folder: &Path, id: &str, file: &str) -> Option<State> {
    let content = fs::read(host.path(folder).join(id).join(file)).ok()?;
    state(runtime, id, &serde_json::from_slice(&content).ok()?)
}

/// runc: `init_process_pid` and a label `bundle=...`; crun: `pid` and `bundle`.
fn state(runtime: &str, id: &str, record: &Value) -> Option<State> {
    let pid = record.get("init_process_pid").or_else(|| record.get("pid"))?.as_u64()?;
    let labels = record.pointer("/config/labels").and_then(Value::as_array);
    let label = labels.into_iter().flatten().find_map(|label| label.as_str()?.strip_prefix("bundle="));
    let bundle = label.or_else(|| record.get("bundle")?.as_str());
    Some(State {
        invocation: Invocation {
            runtime: runtime.to_owned(),
            id: id.to_owned(),
            bundles: bundle.map(PathBuf::from).into_iter().collect(),
            root: None,
        },
        pid: u32::try_from(pid).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn running_containers_are_found_in_the_records_of_runc_crun_and_docker() {
        let folder = tempfile::tempdir().unwrap();
        let put = |path: &str, content: &Value| {
            let file = folder.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content.to_string()).unwrap();
        };
        put("run/runc/web/state.json", &json!({ "init_process_pid": 7, "config": { "labels": ["bundle=/b"] } }));
        put("run/crun/db/status", &json!({ "pid": 8, "bundle": "/c" }));
        put(
            "var/lib/docker/containers/abc/config.v2.json",
            &json!({ "ID": "abc", "Name": "/shop", "State": { "Pid": 9 } }),
        );
        put("run/runc/gone/state.json", &json!({ "init_process_pid": 99 }));
        put("b/config.json", &json!({ "process": { "args": ["x"] } }));
        for pid in [7, 8, 9] {
            put(&format!("proc/{pid}/cgroup"), &json!(null));
        }
        fs::write(folder.path().join("proc/7/cgroup"), "4:memory:/web\n0::/web\n").unwrap();
        let host = Host::at(folder.path());
        let names: Vec<_> = containers(&host).into_iter().map(|found| (found.name, found.engine, found.pid)).collect();
        let expected = [("db", "crun", 8), ("shop", "docker", 9), ("web", "runc", 7)];
        assert_eq!(names, expected.map(|(name, engine, pid)| (name.to_owned(), engine.to_owned(), pid)));

        let web = find(&host).into_iter().find(|found| found.row.name == "web").unwrap();
        assert_eq!(web.cgroups, [(4, "/web".to_owned()), (0, "/web".to_owned())]);
        assert!(web.row.resolved && web.row.already_running);
    }
}
