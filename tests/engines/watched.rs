//! What a recorder shows while it records: a log line for each thing that happens, and a line that lives on a terminal.

use std::collections::BTreeSet;

use serde_json::Value;
use tempfile::TempDir;

use crate::bundle::{Bundle, Runtime, Spec};
use crate::gate;
use crate::image::{Image, text};
use crate::process::run;
use crate::recorder::{Recorded, Recorder, ctrec};
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
    let shown = on_terminal(80, "--duration 4s --window 2s --container no-such");
    let live = live_lines(&shown);
    assert!(live.len() >= 2, "it goes on: {shown:?}");
    let whole = |line: &&String| line.contains("0 containers") && line.contains("no losses") && line.contains("cost ");
    assert!(live.iter().all(|line| whole(&line) && line.chars().count() < 80), "{live:?}");
    let (before, after): (Vec<_>, Vec<_>) = live.iter().partition(|line| line.contains("first window in "));
    assert!(!before.is_empty() && !after.is_empty(), "{live:?}");
    assert!(before.iter().all(|line| !line.contains("call")), "nothing was counted yet: {before:?}");
    assert!(after.iter().all(|line| line.contains("0 call kinds")), "{after:?}");
    assert!(shown.contains("own cost "), "{shown}");
}

#[test]
fn a_narrow_terminal_shows_what_is_lost() {
    if !gate::open("a_narrow_terminal_shows_what_is_lost", &["script"]) {
        return;
    }
    let live = live_lines(&on_terminal(40, "--duration 3s --container no-such"));
    assert!(!live.is_empty());
    assert!(live.iter().all(|line| line.contains("no losses") && line.chars().count() < 40), "{live:?}");
}

#[test]
fn a_command_has_its_terminal_to_itself() {
    if !gate::open("a_command_has_its_terminal_to_itself", &["script"]) {
        return;
    }
    let shown = on_terminal(80, "-- sh -c 'printf \"Name: \"; sleep 3; echo hi; printf bye'");
    assert!(shown.contains("Name: hi\r\nbye\r\nrecorded 1 container"), "{shown:?}");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    let told: Vec<&str> = shown.lines().take_while(|line| !line.contains("Name: ")).collect();
    assert!(told.len() == 1 && told[0].contains("-v says after each window how far it is"), "{told:?}");
}

#[test]
fn the_end_has_the_numbers_of_a_listing() {
    if !gate::open("the_end_has_the_numbers_of_a_listing", &[]) {
        return;
    }
    let store = TempDir::new().unwrap();
    let said = ctrec(&["record", "--output", text(store.path()), "--", "sh", "-c", "ls > /dev/null; sleep 1"]).stderr;
    let listing: Value =
        serde_json::from_str(&ctrec(&["list", "--format", "json", text(store.path())]).success()).unwrap();
    let listed = &listing["runs"][0]["containers"][0];
    let recorded = ctrec_analyze::text::duration(listed["recorded_ns"].as_u64().unwrap());
    let expected = ["sh", &recorded, &listed["call_kinds"].to_string()];
    let lines: Vec<Vec<&str>> = said.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(lines.iter().any(|words| words.starts_with(&expected)), "{expected:?} in {said}");
    let recording = Recorded::read(store.path(), "sh");
    let (recording, command) = (recording.recording(), recording.container());
    assert_eq!(recording.header.started_ns, recording.windows[0].start_ns, "loading is no part of it");
    assert!(command.started_ns > recording.header.started_ns, "nor is attaching part of the command");
}

/// What a terminal of so many columns is sent by a recording.
fn on_terminal(columns: usize, options: &str) -> String {
    let store = TempDir::new().unwrap();
    let record = format!("{} record --output {} {options}", env!("CARGO_BIN_EXE_ctrec"), text(store.path()));
    let command = format!("stty rows 24 cols {columns} && exec {record}");
    run(&["script", "--quiet", "--return", "--command", &command, "/dev/null"]).success()
}

/// The live lines, each of them once. Whatever the terminal's size becomes, the cursor is where the line begins, and what
/// follows is cleared with it.
fn live_lines(shown: &str) -> BTreeSet<String> {
    const BEGINNING: &str = "\r\u{1b}[J";
    assert_eq!(shown.matches('\u{1b}').count(), shown.matches(BEGINNING).count(), "{shown:?}");
    let lines = shown.split(BEGINNING).skip(1).map(|drawn| drawn.split_once('\r').expect("the cursor goes back").0);
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}
