//! The records that runc and crun keep of the containers that they run.
//!
//! Lives here: where those are, also below engines, and what they say. Does not: which of them is wanted.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::host::below;
use super::{Host, invocation::Invocation};

/// A runtime's own record of a container.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) invocation: Invocation,
    /// The first process, on the host.
    pub(super) pid: u32,
}

/// A record's file, before it is read.
#[derive(Debug, Clone)]
pub(super) struct File {
    runtime: &'static str,
    id: String,
    pub(super) path: PathBuf,
}

/// Where records are by default, also below Docker's, containerd's and users' folders, and whose they are.
const FOLDERS: [(&str, &str); 10] = [
    ("runc", "/run/runc"),
    ("crun", "/run/crun"),
    ("runc", "/run/docker/runtime-runc/*"),
    ("crun", "/run/docker/runtime-crun/*"),
    ("runc", "/run/containerd/runc/*"),
    ("runc", "/run/user/*/runc"),
    ("crun", "/run/user/*/crun"),
    ("runc", "/run/user/*/docker/runtime-runc/*"),
    ("runc", "/run/k3s/containerd/runc/*"),
    ("crun", "/run/containerd/runc/*"),
];

/// The file below the id.
fn file_of(runtime: &str) -> &'static str {
    if runtime == "crun" { "status" } else { "state.json" }
}

/// The files of all records in the usual folders.
pub(super) fn files(host: &Host) -> Vec<File> {
    let folders = FOLDERS.iter().flat_map(|(runtime, folder)| host.expand(folder).into_iter().map(|it| (*runtime, it)));
    folders
        .flat_map(|(runtime, folder)| {
            let ids = host.names(&folder).into_iter();
            ids.filter_map(move |id| Some(File { runtime, path: below(&folder, &id)?.join(file_of(runtime)), id }))
        })
        .collect()
}

/// The record that a runtime keeps of a container, in the folder it was given or in the usual ones.
pub(super) fn of(host: &Host, id: &str, root: Option<&Path>) -> Option<Invocation> {
    let given = root.into_iter().flat_map(|root| [("runc", root.to_owned()), ("crun", root.to_owned())]);
    let usual = FOLDERS.iter().flat_map(|(runtime, folder)| host.expand(folder).into_iter().map(|it| (*runtime, it)));
    let mut files = given.chain(usual).filter_map(|(runtime, folder)| {
        Some(File { runtime, path: below(&folder, id)?.join(file_of(runtime)), id: id.to_owned() })
    });
    files.find_map(|file| read(host, &file)).map(|state| state.invocation)
}

/// The record of the container whose first process `is_it`.
pub(super) fn whose(host: &Host, is_it: impl Fn(u32) -> bool) -> Option<Invocation> {
    files(host).iter().filter_map(|file| read(host, file)).find(|state| is_it(state.pid)).map(|state| state.invocation)
}

/// Reads a record.
pub(super) fn read(host: &Host, file: &File) -> Option<State> {
    parse(file.runtime, &file.id, &host.json(&file.path)?)
}

/// runc: `init_process_pid` and a label `bundle=...`; crun: `pid` and `bundle`.
fn parse(runtime: &str, id: &str, record: &Value) -> Option<State> {
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
    fn both_runtimes_say_process_and_bundle() {
        let runc = json!({ "init_process_pid": 7, "config": { "labels": ["x=y", "bundle=/b"] } });
        let crun = json!({ "pid": 8, "bundle": "/c" });
        for (runtime, record, pid, bundle) in [("runc", runc, 7, "/b"), ("crun", crun, 8, "/c")] {
            let state = parse(runtime, "web", &record).unwrap();
            assert_eq!((state.pid, state.invocation.bundles), (pid, vec![PathBuf::from(bundle)]));
        }
        for broken in [json!([]), json!({ "pid": "8" }), json!({ "pid": -1 }), json!({ "pid": 1u64 << 40 })] {
            assert!(parse("crun", "web", &broken).is_none(), "{broken}");
        }
    }
}
