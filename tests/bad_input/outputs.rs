//! Places that cannot be written: the error says so, and neither half a file nor a panic comes of it.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};

use crate::ctrec::{ENVIRONMENT, assert_refusal, assert_refused, ctrec};
use crate::sample::{store, text};

/// A disk that is always full.
fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

fn ctrec_to(stdout: impl Into<Stdio>, stderr: impl Into<Stdio>, words: &[&str]) -> Output {
    let child = Command::new(env!("CARGO_BIN_EXE_ctrec")).args(words).stdout(stdout).stderr(stderr).spawn();
    child.unwrap().wait_with_output().unwrap()
}

#[test]
fn data_that_cannot_be_written_is_a_failure_of_the_machine() {
    let store = store();
    let profile = store.path().join("profile.json");
    fs::write(&profile, r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []}"#).unwrap();
    let own = std::process::id().to_string();
    for words in [
        &["recommend", "--container", "web", text(store.path())][..],
        &["caps", "--container", "web", text(store.path())],
        &["report", text(store.path())],
        &["report", "--format", "json", text(store.path())],
        &["verify", "--profile", text(&profile), "--container", "web", text(store.path())],
        &["inspect", "--pid", &own],
        &["doctor"],
        &["--help"],
        &["--version"],
    ] {
        let output = ctrec_to(full(), Stdio::piped(), words);
        assert_refusal(&output, ENVIRONMENT, &["cannot write to stdout", "make room"]);
    }
}

#[test]
fn a_report_goes_whole_into_a_file_or_not_at_all() {
    let store = store();
    let report = |file: &str| ["report", "--output", file, text(store.path())].map(str::to_owned);
    let refused = |file: &str, needles: &[&str]| {
        assert_refused(&report(file).each_ref().map(String::as_str), ENVIRONMENT, needles);
    };
    refused("/dev/full", &["cannot write \"/dev/full\"", "make room"]);
    refused("/proc/report", &["cannot write \"/proc/report\""]);
    refused(text(store.path()), &["name a file"]);

    let (folder, file) = (tempfile::tempdir().unwrap(), "report.txt");
    let file = folder.path().join(file);
    let written = ctrec(&report(text(&file)).each_ref().map(String::as_str));
    assert_eq!(written.status.code(), Some(0), "{written:?}");
    let printed = ctrec(&["report", text(store.path())]);
    assert_eq!(fs::read(&file).unwrap(), printed.stdout);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let store = store();
    for words in [&["report", text(store.path())][..], &["--help"], &["--version"], &["record", "--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = ctrec_to(writer, Stdio::piped(), words);
        let ended = (output.status.signal(), output.stderr.as_slice());
        assert_eq!(ended, (Some(13), &b""[..]), "as a shell's own tools end: {words:?}");
    }
}

#[test]
fn messages_that_nobody_can_read_change_nothing() {
    let store = store();
    let output = ctrec_to(Stdio::piped(), full(), &["recommend", "--container", "web", text(store.path())]);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.starts_with(b"{"));
    assert_eq!(ctrec_to(Stdio::piped(), full(), &["fly"]).status.code(), Some(2));
}
