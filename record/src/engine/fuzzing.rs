//! Any text as what cgroups, runtimes and engines say of a container, and what must be true of it. For `fuzz/`.

use std::path::Path;

use ctrec_recording::Container;

use super::{Host, Newcomer, Recognition, path, recognise, socket, unresolved};

/// Reads a cgroup's path.
pub fn path(text: &str) {
    let last = path::last(text).unwrap_or_default().to_owned();
    for id in ["", "x", &last] {
        let own = path::own(text, id);
        assert!(own.is_none_or(|own| own.starts_with('/') && !own.contains("//")));
        assert!(path::above(text, id).is_none_or(|above| !above.is_empty() && !above.contains('/')));
    }
    if let path::Kind::Container { engine, id } = path::parse(text) {
        assert!(!engine.is_empty() && !id.is_empty(), "{text:?}");
        let own = path::own(text, &id).expect("what names the container is in the path");
        let again = path::parse(&own);
        assert_eq!(again, path::Kind::Container { engine, id }, "{text:?}: its own cgroup {own:?} says the same");
    }
}

/// What a recorder makes of whoever enters a cgroup on a host whose files lie below a folder.
pub fn row_of_newcomer(root: &Path, cgroup_path: &str, program: &str, arguments: &[String]) -> Option<Container> {
    let newcomer = Newcomer {
        cgroup_path: cgroup_path.to_owned(),
        pid: 7,
        parent_pid: 8,
        program: program.to_owned(),
        arguments: (!arguments.is_empty()).then(|| arguments.to_vec()),
        folder: Some("/bundle".to_owned()),
    };
    match recognise(&Host::at(root), &newcomer) {
        Recognition::Container(description) => Some(description.row),
        Recognition::NotAContainer => None,
    }
}

/// The rows that bytes make which an engine's socket answers with.
pub fn answer(data: &[u8]) -> Vec<Container> {
    let fill = |said: socket::Said| {
        let mut row = unresolved("docker", "x", "/x");
        said.fill(&mut row, false);
        row
    };
    socket::fuzzing::said(data).into_iter().map(fill).collect()
}
