//! podman's records on disk: `<storage>/<driver>-containers/containers.json`, and of containers that are removed at
//! their end, `volatile-containers.json` beside it. CRI-O keeps the same.
//!
//! Lives here: where storages are, and what a record says. Labels are in podman's database, which its socket reads.

use std::path::{Path, PathBuf};

use ctrec_recording::Container;
use serde_json::Value;

use super::{Host, bundle::Bundle};

/// Root's storage where `storage.conf` does not say otherwise, and below a user's home.
const STORAGE: &str = "/var/lib/containers/storage";
const BELOW_HOME: &str = ".local/share/containers/storage";

/// The lists of a storage, below the folder of its driver.
const LISTS: [&str; 2] = ["containers.json", "volatile-containers.json"];

/// What a storage says of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    name: String,
    image: Option<String>,
}

/// Finds a container's record: in the storage that its bundle lies in, else in those of root and of every user.
pub(super) fn record(host: &Host, id: &str, bundle: Option<&Bundle>) -> Option<Record> {
    let storages = match bundle.and_then(Bundle::storage) {
        Some(storage) => vec![storage.to_owned()],
        None => storages(host),
    };
    storages.iter().flat_map(|storage| lists(host, storage)).find_map(|list| find(&host.json(list)?, id))
}

/// A container's bundle in root's storage or in a user's.
pub(super) fn bundle_places(host: &Host, id: &str) -> Vec<PathBuf> {
    let containers = storages(host).into_iter().flat_map(|storage| drivers(host, &storage));
    let container = containers.filter_map(|containers| super::host::below(&containers, id));
    container.map(|container| container.join("userdata")).collect()
}

fn storages(host: &Host) -> Vec<PathBuf> {
    let users = host.text("/etc/passwd").unwrap_or_default();
    let homes = users.lines().filter_map(|line| line.split(':').nth(5)).filter(|home| home.starts_with('/'));
    let mut homes: Vec<PathBuf> = homes.map(|home| Path::new(home).join(BELOW_HOME)).collect();
    homes.sort();
    homes.dedup();
    let told = host.daemons().paths("podman", &["--root"]);
    std::iter::once(PathBuf::from(STORAGE)).chain(told).chain(homes).collect()
}

/// Folders of a storage that are called `<driver>-containers`.
fn drivers(host: &Host, storage: &Path) -> Vec<PathBuf> {
    let names = host.names(storage).into_iter().filter(|name| name.ends_with("-containers"));
    names.map(|name| storage.join(name)).collect()
}

fn lists(host: &Host, storage: &Path) -> Vec<PathBuf> {
    drivers(host, storage).into_iter().flat_map(|folder| LISTS.map(|list| folder.join(list))).collect()
}

/// The record of a container in a list. `metadata` is JSON in a text.
fn find(list: &Value, id: &str) -> Option<Record> {
    let record = list.as_array()?.iter().find(|record| record.get("id").and_then(Value::as_str) == Some(id))?;
    let text = |value: Option<&Value>| value?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let metadata = record.get("metadata").and_then(Value::as_str).unwrap_or_default();
    let metadata: Value = serde_json::from_str(metadata).unwrap_or_default();
    Some(Record {
        name: text(record.pointer("/names/0")).or_else(|| text(metadata.get("name")))?,
        image: text(metadata.get("image-name")),
    })
}

impl Record {
    /// Puts what the record says into a row.
    pub(super) fn fill(self, row: &mut Container) {
        row.name = self.name;
        row.image = self.image.or(row.image.take());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_has_name_and_image() {
        let list = json!([
            { "id": "other", "names": ["db"] },
            { "id": "abc", "names": ["web"], "image": "f00", "metadata": r#"{"image-name":"docker.io/library/nginx:1"}"# },
        ]);
        let expected = Record { name: "web".to_owned(), image: Some("docker.io/library/nginx:1".to_owned()) };
        assert_eq!(find(&list, "abc"), Some(expected));
        assert_eq!(find(&list, "other").unwrap().image, None, "an image's id is not its name");
        assert_eq!(find(&list, "none"), None);
    }

    #[test]
    fn a_broken_list_has_no_record() {
        for list in [
            json!({}),
            json!([3]),
            json!([{ "id": "abc" }]),
            json!([{ "id": "abc", "names": "web", "metadata": "{" }]),
            json!([{ "id": "abc", "names": [""], "metadata": 1 }]),
        ] {
            assert_eq!(find(&list, "abc"), None, "{list}");
        }
    }
}
