//! What a recorder shows while it records: a log line for each thing that happens, and a line that lives on a terminal.

use std::collections::BTreeSet;

use tempfile::TempDir;

use crate::bundle::{Bundle, Runtime, Spec};
use crate::gate;
use crate::image::{Image, text};
use crate::process::run;
use crate::recorder::Recorder;
use crate::wait::wait_for;

#[test]
fn a_log_has_a_line_for_each_thing_that_happens() {
    if !gate::open("a_log_has_a_line_for_each_thing_that_happens", &["runc", "gcc"]) {
        return;
    }
    let root = Image::Tiny.unpack();
    let spec = Spec::of(root.path(), ["/programs/counts", "1", "0", "20"]);
    let bundle = Bundle::new(Runtime::Runc, &spec);
    let recorder = Recorder::start_with(&["--window", "1s", "--container", bundle.id()]);
    bundle.run().success();
    let ended = format!("container {} ended after ", bundle.id());
    let said = wait_for("the container's end to be told", || {
        let said = recorder.process().stderr();
        said.contains(&ended).then_some(said)
    });
    recorder.stop();
    assert!(said.contains(&format!("container {} (runc) seen\n", bundle.id())), "{said}");
    assert!(!said.contains(|it: char| it.is_control() && it != '\n'), "nothing that only a terminal obeys: {said:?}");
    let told: Vec<&str> = said.lines().filter(|line| line.contains(bundle.id())).collect();
    assert_eq!(told.len(), 2, "each thing once: {told:?}");
    // 2026-01-31T23:59:59Z
    assert!(told.iter().all(|line| line.as_bytes().get(19) == Some(&b'Z')), "with its time: {told:?}");
}

#[test]
fn a_terminal_has_one_line_that_lives() {
    if !gate::open("a_terminal_has_one_line_that_lives", &["script"]) {
        return;
    }
    let store = TempDir::new().unwrap();
    let record = format!("{} record --duration 4s --container no-such --output", env!("CARGO_BIN_EXE_ctrec"));
    let shown =
        run(&["script", "--quiet", "--return", "--command", &format!("{record} {}", text(store.path())), "/dev/null"]);
    let shown = shown.success();
    let lines: Vec<String> = shown.split(['\r', '\n']).map(plain).collect();
    let live: BTreeSet<&str> =
        lines.iter().map(|line| line.trim_end()).filter(|line| line.contains(" left  ")).collect();
    assert!(live.len() >= 2, "it goes on: {lines:?}");
    let whole = |line: &&str| line.contains("0 containers") && line.contains("no losses") && line.contains("cost ");
    assert!(live.iter().all(|line| whole(line) && line.chars().count() < 80), "{live:?}");
    assert!(shown.contains("own cost "), "{shown}");
}

/// The text without what moves a cursor.
fn plain(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| {
        plain + part.split_once(|it: char| it.is_ascii_alphabetic()).map_or("", |(_, rest)| rest)
    })
}
