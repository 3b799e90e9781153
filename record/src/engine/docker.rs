//! Docker's record of a container on disk: `<data root>/containers/<id>/config.v2.json`. Gone with the container.

use std::path::{Path, PathBuf};

use ctrec_recording::Container;
use serde_json::Value;

use super::annotations::{self, Annotations};
use super::daemons::Daemons;
use super::host::below;
use super::{Host, bundle::Bundle, invocation::runtime_named};

/// Data roots where dockerd is not told otherwise: root's, and users'.
const DATA_ROOTS: [&str; 2] = ["/var/lib/docker", "/home/*/.local/share/docker"];

/// File of the record.
pub(super) const RECORD: &str = "config.v2.json";

/// A `config.v2.json`, and the runtime that the `hostconfig.json` beside it names.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    config: Value,
    runtime: Option<String>,
}

/// Finds a container's record. Its bundle mounts files out of the record's folder, which says where it is whatever the
/// data root; without one, the data roots that there are are tried.
pub(crate) fn record(host: &Host, id: &str, bundle: Option<&Bundle>) -> Option<Record> {
    let marker = format!("/containers/{id}/");
    let root = bundle.and_then(|bundle| {
        bundle.mount_sources().find_map(|source| source.find(&marker).map(|at| PathBuf::from(&source[..at])))
    });
    let roots = root.map_or_else(|| data_roots(host, &host.daemons()), |root| vec![root]);
    roots.iter().find_map(|root| read(host, &below(&root.join("containers"), id)?))
}

/// Reads the record in a folder.
pub(crate) fn read(host: &Host, folder: &Path) -> Option<Record> {
    let named = |config: Value| Some(config.get("Runtime")?.as_str()?.to_owned());
    Some(Record {
        config: host.json(folder.join(RECORD))?,
        runtime: host.json(folder.join("hostconfig.json")).and_then(named),
    })
}

/// Folders of the containers that there are records of.
pub(super) fn folders(host: &Host) -> impl Iterator<Item = PathBuf> {
    data_roots(host, &host.usual_daemons()).into_iter().flat_map(|root| {
        let containers = root.join("containers");
        host.names(&containers).into_iter().filter_map(move |id| below(&containers, &id))
    })
}

/// Data roots: the usual ones, and those that a running dockerd was given.
fn data_roots(host: &Host, daemons: &Daemons) -> Vec<PathBuf> {
    let mut roots = daemons.paths("dockerd", &["--data-root", "-g", "--graph"]);
    roots.extend(DATA_ROOTS.iter().flat_map(|root| host.expand(root)));
    roots.sort();
    roots.dedup();
    roots
}

impl Record {
    fn text(&self, pointer: &str) -> Option<&str> {
        self.config.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
    }

    /// Id of the container.
    pub(crate) fn id(&self) -> Option<&str> {
        self.text("/ID")
    }

    /// Its name, without Docker's leading slash.
    pub(crate) fn name(&self) -> Option<&str> {
        self.text("/Name").map(|name| name.trim_start_matches('/'))
    }

    /// Its first process, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        let pid = self.config.pointer("/State/Pid")?.as_u64()?;
        u32::try_from(pid).ok().filter(|pid| *pid != 0)
    }

    /// Puts what the record says into a row.
    pub(crate) fn fill(&self, row: &mut Container) {
        if let Some(name) = self.name() {
            name.clone_into(&mut row.name);
        }
        row.image = self.text("/Config/Image").map(str::to_owned);
        let labels = self.config.pointer("/Config/Labels");
        if let Some(texts) = labels.and_then(annotations::labels) {
            row.labels_json = texts;
            Annotations::new(labels).fill_from_labels(row);
        }
        // A name that the administrator gave a runtime says nothing of what it is.
        if let (None, Some(runtime)) = (&row.runtime, self.runtime.as_deref().and_then(runtime_named)) {
            row.runtime = Some(runtime.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::unresolved;

    #[test]
    fn name_image_and_labels_come_from_the_record() {
        let config = json!({
            "ID": "abc", "Name": "/web", "State": { "Pid": 12 },
            "Config": { "Image": "nginx:1", "Labels": { "tier": "front", "port": 80 } }
        });
        let record = Record { config, runtime: Some("runc".to_owned()) };
        let mut row = unresolved("docker", "abc", "/docker/abc");
        record.fill(&mut row);
        assert_eq!((row.name.as_str(), row.image.as_deref()), ("web", Some("nginx:1")));
        assert_eq!(row.labels_json, r#"{"tier":"front"}"#);
        assert_eq!(record.pid(), Some(12));
        assert_eq!(row.runtime.as_deref(), Some("runc"));
    }

    #[test]
    fn a_broken_record_changes_nothing() {
        let mut row = unresolved("docker", "abc", "/docker/abc");
        let before = row.clone();
        Record { config: json!({ "Name": 3, "Config": [] }), runtime: Some("mine".to_owned()) }.fill(&mut row);
        assert_eq!(row, before);
    }
}
