//! What an engine said of a container, whichever way it was asked.

use std::collections::BTreeMap;

use ctrec_recording::Container;
use serde_json::{Map, Value};

/// What an engine said of a container. Hostile text, like all that engines copy from whoever made the container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The engine that knows it, where it said which one it is.
    pub(crate) engine: Option<&'static str>,
    pub(crate) name: Option<String>,
    pub(crate) image: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
    /// `namespace/pod`.
    pub(crate) pod: Option<String>,
}

/// Longest name, image, label or pod that is taken over. Engines allow less.
const LONGEST_BYTES: usize = 64 << 10;

impl Said {
    /// Puts it into a row. What the disk said stays: it was read first, and a name that changed since is not the one
    /// that the container started with.
    pub(crate) fn fill(self, row: &mut Container, named: bool) {
        let fits = |text: &String| !text.is_empty() && text.len() <= LONGEST_BYTES;
        if let Some(name) = self.name.filter(fits).filter(|_| !named) {
            row.name = name;
        }
        row.image = row.image.take().or(self.image.filter(fits));
        row.pod = row.pod.take().or(self.pod.filter(fits));
        if row.labels_json == "{}" {
            let labels = self.labels.into_iter().filter(|(key, value)| key.len() + value.len() <= LONGEST_BYTES);
            let labels: Map<String, Value> = labels.map(|(key, value)| (key, Value::from(value))).collect();
            row.labels_json = Value::from(labels).to_string();
        }
        if let Some(engine) = self.engine {
            engine.clone_into(&mut row.engine);
        }
        row.resolved = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::unresolved;

    fn said() -> Said {
        Said {
            engine: Some("docker"),
            name: Some("new".to_owned()),
            image: Some("nginx:1".to_owned()),
            labels: BTreeMap::from([("tier".to_owned(), "\"front\"".to_owned())]),
            pod: None,
        }
    }

    #[test]
    fn what_is_not_known_is_filled_in() {
        let mut row = unresolved("unknown", "abc", "/abc");
        said().fill(&mut row, false);
        assert_eq!((row.name.as_str(), row.image.as_deref(), row.engine.as_str()), ("new", Some("nginx:1"), "docker"));
        assert_eq!((row.labels_json.as_str(), row.resolved), (r#"{"tier":"\"front\""}"#, true));
    }

    #[test]
    fn what_was_known_first_stays() {
        let mut row = Container { image: Some("old".to_owned()), ..unresolved("docker", "abc", "/abc") };
        said().fill(&mut row, true);
        assert_eq!((row.name.as_str(), row.image.as_deref()), ("abc", Some("old")));
    }

    #[test]
    fn what_no_engine_allows_is_not_taken_over() {
        let long = "x".repeat(LONGEST_BYTES + 1);
        let mut row = unresolved("docker", "abc", "/abc");
        let labels = BTreeMap::from([(long.clone(), String::new()), ("tier".to_owned(), String::new())]);
        Said { name: Some(long), image: Some(String::new()), labels, ..said() }.fill(&mut row, false);
        assert_eq!((row.name.as_str(), row.image), ("abc", None));
        assert_eq!(row.labels_json, r#"{"tier":""}"#);
    }
}
