//! OCI bundles: what `config.json` says of a container.
//!
//! Read as JSON values rather than through a typed specification: a field that a newer runtime writes differently must
//! not cost us the others, and the filter is kept word for word.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ctrec_recording::Container;
use serde_json::Value;

use super::Host;

/// A larger `config.json` is not read.
const LARGEST_BYTES: u64 = 8 << 20;

/// A `config.json`.
#[derive(Debug, Clone)]
pub(crate) struct Bundle(Value);

/// Folders in which engines put bundles, for a container whose runtime could not be asked.
pub(crate) fn known_places(id: &str) -> Vec<PathBuf> {
    [
        "/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby",
        "/run/containerd/io.containerd.runtime.v2.task/moby",
        "/run/containerd/io.containerd.runtime.v2.task/default",
        "/run/containerd/io.containerd.runtime.v2.task/k8s.io",
        "/var/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby",
    ]
    .iter()
    .map(|folder| Path::new(folder).join(id))
    .collect()
}

/// Reads the bundle in a folder; `None` if there is none that can be read.
pub(crate) fn read(host: &Host, folder: &Path) -> Option<Bundle> {
    let file = host.path(folder).join("config.json");
    if fs::metadata(&file).ok()?.len() > LARGEST_BYTES {
        return None;
    }
    serde_json::from_slice(&fs::read(file).ok()?).ok().map(Bundle)
}

impl Bundle {
    fn text(&self, pointer: &str) -> Option<&str> {
        self.0.pointer(pointer)?.as_str()
    }

    fn annotation(&self, key: &str) -> Option<String> {
        Some(self.0.get("annotations")?.get(key)?.as_str()?.to_owned())
    }

    /// Sources of its mounts.
    pub(crate) fn mount_sources(&self) -> impl Iterator<Item = &str> {
        self.0
            .get("mounts")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|mount| mount.get("source")?.as_str())
    }

    /// Puts what the bundle says into a row.
    pub(crate) fn fill(&self, row: &mut Container) {
        row.entrypoint_json = self.0.pointer("/process/args").map(ToString::to_string);
        row.no_new_privs = Some(self.0.pointer("/process/noNewPrivileges").and_then(Value::as_bool).unwrap_or(false));
        row.capabilities_json = Some(self.capabilities());
        row.seccomp_json =
            Some(self.0.pointer("/linux/seccomp").map_or_else(|| "null".to_owned(), ToString::to_string));
        if let Some(sysctls) = self.0.pointer("/linux/sysctl").filter(|sysctls| sysctls.is_object()) {
            row.sysctls_json = sysctls.to_string();
        }
        row.limits_json = self.limits();
        self.fill_names(row);
    }

    fn capabilities(&self) -> String {
        let bounding = self.0.pointer("/process/capabilities/bounding").and_then(Value::as_array);
        let mut names: Vec<&str> = bounding.into_iter().flatten().filter_map(Value::as_str).collect();
        names.sort_unstable();
        names.dedup();
        Value::from(names).to_string()
    }

    fn limits(&self) -> String {
        let limits = self.0.pointer("/process/rlimits").and_then(Value::as_array);
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

    /// Names that kubernetes runtimes annotate: containerd's CRI plugin, then CRI-O.
    fn fill_names(&self, row: &mut Container) {
        let either = |first: &str, second: &str| self.annotation(first).or_else(|| self.annotation(second));
        if let Some(name) = either("io.kubernetes.cri.container-name", "io.kubernetes.container.name") {
            row.name = name;
        }
        if let Some(image) = either("io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName") {
            row.image = Some(image);
        }
        if let (Some(namespace), Some(pod)) = (
            either("io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"),
            either("io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"),
        ) {
            row.pod = Some(format!("{namespace}/{pod}"));
        }
        if let Some(hostname) = self.text("/hostname").filter(|_| row.name.is_empty()) {
            row.name = hostname.to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::unresolved;

    fn filled(config: Value) -> Container {
        let mut row = unresolved("runc", "web", "/web");
        Bundle(config).fill(&mut row);
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
    }

    #[test]
    fn kubernetes_annotations_name_container_and_pod() {
        let row = filled(json!({ "annotations": {
            "io.kubernetes.cri.container-name": "app", "io.kubernetes.cri.sandbox-name": "pod-1",
            "io.kubernetes.cri.sandbox-namespace": "shop", "io.kubernetes.cri.image-name": "shop/app:1"
        }}));
        assert_eq!((row.name.as_str(), row.pod.as_deref()), ("app", Some("shop/pod-1")));
        assert_eq!(row.image.as_deref(), Some("shop/app:1"));
    }
}
