//! OCI bundles: what `config.json` says of a container.
//!
//! Read as JSON values rather than through a typed specification: a field that a newer runtime writes differently must
//! not cost us the others, and the filter is kept word for word.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ctrec_recording::Container;
use serde_json::Value;

use super::Host;
use super::annotations::Annotations;
use super::host::below;

/// A `config.json`, and the folder that it lies in.
#[derive(Debug, Clone)]
pub(crate) struct Bundle {
    config: Value,
    folder: PathBuf,
}

/// What containerd calls the folder below its state that has a folder a namespace, and in that one a container.
const TASKS: &str = "io.containerd.runtime.v2.task";

/// State folders of containerd where it is not told otherwise: its own, Docker's, k3s's.
const STATES: [&str; 3] = ["/run/containerd", "/run/docker/containerd/daemon", "/run/k3s/containerd"];

/// Bundles of a container in the folders of every containerd and of all its namespaces, for a container whose runtime
/// could not be asked.
pub(crate) fn known_places(host: &Host, id: &str) -> Vec<PathBuf> {
    let told = host.daemons().paths("containerd", &["--state"]);
    let states = STATES.iter().map(PathBuf::from).chain(told);
    states
        .map(|state| state.join(TASKS))
        .flat_map(|tasks| host.names(&tasks).into_iter().filter_map(move |namespace| below(&tasks, &namespace)))
        .filter_map(|namespace| below(&namespace, id))
        .collect()
}

/// Reads the bundle in a folder; `None` if there is none that can be read.
pub(crate) fn read(host: &Host, folder: &Path) -> Option<Bundle> {
    Some(Bundle { config: host.json(folder.join("config.json"))?, folder: folder.to_owned() })
}

impl Bundle {
    /// Its annotations.
    pub(super) fn annotations(&self) -> Annotations<'_> {
        Annotations::new(self.config.get("annotations"))
    }

    /// The namespace of containerd that it is of, by the folder that it lies in.
    pub(super) fn namespace(&self) -> Option<&str> {
        let namespace = self.folder.parent()?;
        (namespace.parent()?.file_name()? == TASKS).then(|| namespace.file_name()?.to_str())?
    }

    /// The storage that it lies in, of podman or CRI-O: `<storage>/<driver>-containers/<id>/userdata`.
    pub(super) fn storage(&self) -> Option<&Path> {
        let container = self.folder.parent().filter(|_| self.folder.ends_with("userdata"))?;
        let containers = container.parent()?;
        containers.file_name()?.to_str()?.ends_with("-containers").then(|| containers.parent())?
    }

    /// Sources of its mounts.
    pub(crate) fn mount_sources(&self) -> impl Iterator<Item = &str> {
        self.config
            .get("mounts")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|mount| mount.get("source")?.as_str())
    }

    /// Puts what the bundle says into a row. Names are the annotations' business.
    pub(crate) fn fill(&self, row: &mut Container) {
        let is_words = |args: &&Value| args.as_array().is_some_and(|words| words.iter().all(Value::is_string));
        row.entrypoint_json = self.config.pointer("/process/args").filter(is_words).map(ToString::to_string);
        row.no_new_privs =
            Some(self.config.pointer("/process/noNewPrivileges").and_then(Value::as_bool).unwrap_or(false));
        row.capabilities_json = Some(self.capabilities());
        row.seccomp_json =
            Some(self.config.pointer("/linux/seccomp").map_or_else(|| "null".to_owned(), ToString::to_string));
        if let Some(sysctls) = self.config.pointer("/linux/sysctl").filter(|sysctls| sysctls.is_object()) {
            row.sysctls_json = sysctls.to_string();
        }
        row.limits_json = self.limits();
    }

    fn capabilities(&self) -> String {
        let bounding = self.config.pointer("/process/capabilities/bounding").and_then(Value::as_array);
        let mut names: Vec<&str> = bounding.into_iter().flatten().filter_map(Value::as_str).collect();
        names.sort_unstable();
        names.dedup();
        Value::from(names).to_string()
    }

    fn limits(&self) -> String {
        let limits = self.config.pointer("/process/rlimits").and_then(Value::as_array);
        let limits: BTreeMap<&str, [Option<u64>; 2]> = limits
            .into_iter()
            .flatten()
            .filter_map(|limit| {
                let value = |key: &str| limit.get(key).and_then(Value::as_u64);
                Some((limit.get("type")?.as_str()?, [value("soft"), value("hard")]))
            })
            .collect();
        serde_json::to_string(&limits).unwrap_or_else(|_| "{}".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::unresolved;

    fn bundle(config: Value, folder: &str) -> Bundle {
        Bundle { config, folder: PathBuf::from(folder) }
    }

    fn filled(config: Value) -> Container {
        let mut row = unresolved("runc", "web", "/web");
        bundle(config, "/b").fill(&mut row);
        row
    }

    #[test]
    fn what_decides_a_profile_is_read() {
        let row = filled(json!({
            "process": {
                "args": ["nginx", "-g", "daemon off;"],
                "noNewPrivileges": true,
                "capabilities": { "bounding": ["CAP_KILL", "CAP_CHOWN", "CAP_KILL"] },
                "rlimits": [{ "type": "RLIMIT_NOFILE", "soft": 10, "hard": 20 }]
            },
            "linux": { "seccomp": { "defaultAction": "SCMP_ACT_ERRNO" }, "sysctl": { "net.core.somaxconn": "9" } }
        }));
        assert_eq!(row.entrypoint_json.as_deref(), Some(r#"["nginx","-g","daemon off;"]"#));
        assert_eq!(row.no_new_privs, Some(true));
        assert_eq!(row.capabilities_json.as_deref(), Some(r#"["CAP_CHOWN","CAP_KILL"]"#));
        assert_eq!(row.seccomp_json.as_deref(), Some(r#"{"defaultAction":"SCMP_ACT_ERRNO"}"#));
        assert_eq!(row.sysctls_json, r#"{"net.core.somaxconn":"9"}"#);
        assert_eq!(row.limits_json, r#"{"RLIMIT_NOFILE":[10,20]}"#);
    }

    #[test]
    fn a_bundle_without_a_filter_says_so() {
        assert_eq!(filled(json!({})).seccomp_json.as_deref(), Some("null"));
        assert_eq!(filled(json!({})).no_new_privs, Some(false));
    }

    #[test]
    fn any_shape_of_json_is_harmless() {
        for config in [json!(null), json!([]), json!({"process": 1, "linux": [], "mounts": {}, "annotations": 3})] {
            assert_eq!(filled(config).name, "web");
        }
        for args in [json!("nginx"), json!(["nginx", 1]), json!({})] {
            assert_eq!(filled(json!({ "process": { "args": args } })).entrypoint_json, None, "that is no command line");
        }
    }

    #[test]
    fn the_folder_of_a_bundle_tells_who_made_it() {
        let at = |folder: &str| bundle(json!({}), folder);
        let containerds = at("/run/containerd/io.containerd.runtime.v2.task/shop/web");
        assert_eq!((containerds.namespace(), containerds.storage()), (Some("shop"), None));
        let podmans = at("/var/lib/containers/storage/overlay-containers/abc/userdata");
        assert_eq!((podmans.namespace(), podmans.storage()), (None, Some(Path::new("/var/lib/containers/storage"))));
        for folder in ["/", "/web", "/a/b/c", "/x-containers/y", "/userdata"] {
            assert_eq!((at(folder).namespace(), at(folder).storage()), (None, None), "{folder}");
        }
    }
}
