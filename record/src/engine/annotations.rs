//! Names that kubernetes' runtimes, podman and nerdctl annotate a bundle with, and those that labels carry.
//!
//! Lives here: the keys, and what each means for a row. Does not: reading a bundle (see `bundle`).

use ctrec_recording::Container;
use serde_json::{Map, Value};

/// What kubernetes calls the container that holds a pod's namespaces, whatever image it is made of.
pub(super) const POD: &str = "POD";

/// The annotations of a bundle, or the labels of a container.
#[derive(Debug, Clone, Copy)]
pub(super) struct Annotations<'json>(Option<&'json Map<String, Value>>);

impl<'json> Annotations<'json> {
    pub(super) fn new(value: Option<&'json Value>) -> Self {
        Self(value.and_then(Value::as_object))
    }

    /// The first of some keys that has a text.
    pub(super) fn first(self, keys: &[&str]) -> Option<&'json str> {
        keys.iter().find_map(|key| self.0?.get(*key)?.as_str()).filter(|text| !text.is_empty())
    }

    /// Who made the bundle, where it says so: podman and CRI-O share libraries, folders and the form of bundles.
    pub(super) fn engine(self) -> Option<&'static str> {
        let manager = self.first(&["io.container.manager"]);
        let has = |prefix: &str| self.0.is_some_and(|all| all.keys().any(|key| key.starts_with(prefix)));
        match manager {
            Some("libpod") => Some("podman"),
            Some("cri-o") => Some("cri-o"),
            _ if has("io.podman.annotations.") => Some("podman"),
            _ if has("io.kubernetes.cri-o.") => Some("cri-o"),
            _ if has("io.kubernetes.cri.") || has("nerdctl/") => Some("containerd"),
            _ => None,
        }
    }

    /// Puts the names of a bundle's container into its row; `true` if the container's own was among them.
    pub(super) fn fill(self, row: &mut Container) -> bool {
        let kind = self.first(&["io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType"]);
        // podman writes the kind of its pods' containers too, without kubernetes' names.
        let pod = self.pod();
        let name = match kind {
            Some("sandbox") if pod.is_some() => Some(POD),
            _ => self.first(&["io.kubernetes.cri.container-name", "io.kubernetes.container.name", "nerdctl/name"]),
        };
        if let Some(name) = name {
            name.clone_into(&mut row.name);
        }
        let image = ["io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName", "io.kubernetes.cri-o.Image"];
        let sandboxes = ["io.kubernetes.cri.podsandbox.image-name"];
        if let Some(image) = self.first(&image).or_else(|| self.first(&sandboxes)) {
            row.image = Some(image.to_owned());
        }
        if let Some(labels) = self.first(&["io.kubernetes.cri-o.Labels"]).and_then(labels_in) {
            row.labels_json = labels;
        }
        row.pod = pod.or(row.pod.take());
        name.is_some()
    }

    /// Puts what kubernetes says in labels into a row: the pod, and the name that it knows the container by, which
    /// Docker's is made of. An image may bring such labels of its own, so they count below kubernetes' cgroup alone.
    pub(super) fn fill_from_labels(self, row: &mut Container) {
        let Some(pod) = self.pod().filter(|_| row.cgroup_path.contains("kubepods")) else { return };
        row.pod = Some(pod);
        if let Some(name) = self.first(&["io.kubernetes.container.name"]) {
            name.clone_into(&mut row.name);
        }
    }

    fn pod(self) -> Option<String> {
        let namespace = ["io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"];
        let pod = ["io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"];
        Some(format!("{}/{}", self.first(&namespace)?, self.first(&pod)?))
    }
}

/// Labels as a row has them, from a JSON object; `None` if it is something else. A value that is no text is no label:
/// whoever reads the row would take it for a damaged one.
pub(super) fn labels(value: &Value) -> Option<String> {
    let texts = value.as_object()?.iter().filter(|(_, value)| value.is_string());
    let labels: Map<String, Value> = texts.map(|(key, value)| (key.clone(), value.clone())).collect();
    Some(Value::from(labels).to_string())
}

/// The same of a JSON object in a text.
fn labels_in(text: &str) -> Option<String> {
    labels(&serde_json::from_str(text).ok()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::unresolved;

    fn filled(annotations: &Value) -> (Container, bool) {
        let mut row = unresolved("containerd", "id", "/id");
        let named = Annotations::new(Some(annotations)).fill(&mut row);
        (row, named)
    }

    #[test]
    fn a_sandbox_is_called_pod_and_has_its_pod() {
        for annotations in [
            json!({ "io.kubernetes.cri.container-type": "sandbox", "io.kubernetes.cri.sandbox-name": "web-1",
                "io.kubernetes.cri.sandbox-namespace": "shop" }),
            json!({ "io.kubernetes.cri-o.ContainerType": "sandbox", "io.kubernetes.pod.name": "web-1",
                "io.kubernetes.pod.namespace": "shop", "io.kubernetes.container.name": "POD" }),
        ] {
            let (row, named) = filled(&annotations);
            assert_eq!((row.name.as_str(), row.pod.as_deref(), named), ("POD", Some("shop/web-1"), true));
        }
    }

    #[test]
    fn podmans_infra_container_is_not_kubernetes_pod() {
        let (row, named) = filled(&json!({ "io.kubernetes.cri-o.ContainerType": "sandbox" }));
        assert_eq!((row.name.as_str(), row.pod, named), ("id", None, false));
    }

    #[test]
    fn labels_that_an_image_brings_make_no_pod() {
        let labels = json!({ "io.kubernetes.pod.name": "web-1", "io.kubernetes.pod.namespace": "shop",
            "io.kubernetes.container.name": "app" });
        for (path, pod, name) in [("/kubepods/pod1/id", Some("shop/web-1"), "app"), ("/docker/id", None, "id")] {
            let mut row = unresolved("docker", "id", path);
            Annotations::new(Some(&labels)).fill_from_labels(&mut row);
            assert_eq!((row.pod.as_deref(), row.name.as_str()), (pod, name), "{path}");
        }
    }

    #[test]
    fn labels_of_cri_o_are_json_in_a_text() {
        let labels = |text: &str| filled(&json!({ "io.kubernetes.cri-o.Labels": text })).0.labels_json;
        assert_eq!(labels(r#"{"app": "web"}"#), r#"{"app":"web"}"#);
        assert_eq!(labels(r#"{"app": "web", "port": 80, "x": null}"#), r#"{"app":"web"}"#, "texts alone are labels");
        assert_eq!(labels("[1]"), "{}");
        assert_eq!(labels("{"), "{}");
    }

    #[test]
    fn whoever_made_a_bundle_is_told_by_its_annotations() {
        for (annotations, engine) in [
            (json!({ "io.container.manager": "libpod", "io.kubernetes.cri-o.TTY": "false" }), Some("podman")),
            (json!({ "io.podman.annotations.autoremove": "FALSE" }), Some("podman")),
            (json!({ "io.kubernetes.cri-o.TTY": "false" }), Some("cri-o")),
            (json!({ "io.kubernetes.cri.container-type": "container" }), Some("containerd")),
            (json!({ "nerdctl/name": "web" }), Some("containerd")),
            (json!({ "io.container.manager": 3 }), None),
            (json!([]), None),
        ] {
            assert_eq!(Annotations::new(Some(&annotations)).engine(), engine, "{annotations}");
        }
    }
}
