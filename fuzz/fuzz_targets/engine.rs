//! A host's files as engines and runtimes leave them, bundles above all, and who enters a cgroup there: `newcomer` has
//! the cgroup's path, the newcomer's program and the runtime's arguments, a line each.

#![no_main]

use ctrec_fuzz::{assert_judged, files, write_below};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let files = files(text);
    let Some((_, newcomer)) = files.iter().find(|(name, _)| *name == "newcomer") else { return };
    let mut lines = newcomer.lines();
    let mut next = || lines.next().unwrap_or_default();
    let (cgroup, program, arguments) = (next(), next(), next());
    let arguments: Vec<String> = arguments.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    let root = tempfile::tempdir().expect("there is room");
    write_below(root.path(), &files);
    if let Some(row) = ctrec_record::fuzzing::row_of_newcomer(root.path(), cgroup, program, &arguments) {
        assert_judged(row);
    }
});
