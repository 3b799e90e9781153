//! Places that cannot be written: the error says so, and neither half a file nor a panic comes of it.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};

use crate::ctrec::{ENVIRONMENT, assert_refusal, assert_refused, ctrec};
use crate::sample::{store, text, with_a_loss, with_programs, write};

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
fn data_for_a_stdout_that_is_closed_is_a_failure_too() {
    let store = store();
    let run = |redirected: &str, words: &[&str]| {
        let script = format!("exec \"$0\" \"$@\" {redirected}");
        Command::new("sh").args(["-c", &script, env!("CARGO_BIN_EXE_ctrec")]).args(words).output().unwrap()
    };
    for words in [
        &["recommend", "--container", "web", text(store.path())][..],
        &["caps", "--container", "web", text(store.path())],
        &["report", text(store.path())],
        &["list", text(store.path())],
        &["man"],
        &["completions", "bash"],
        &["--help"],
        &["--version"],
    ] {
        assert_refusal(&run(">&-", words), ENVIRONMENT, &["cannot write to stdout", "Bad file descriptor"]);
        // Nobody knows whether these are read, and they were asked for.
        for redirected in [">/dev/null", "1<>/dev/null", ">/dev/null <&- 2>&-"] {
            assert_eq!(run(redirected, words).status.code(), Some(0), "{redirected} {words:?}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.txt");
    let written = run(">&-", &["report", "--output", text(&file), text(store.path())]);
    assert_eq!(written.status.code(), Some(0), "it goes elsewhere: {written:?}");
}

#[test]
fn colours_are_forced_by_anything_but_nothing_and_nought() {
    let store = store();
    let coloured = |variables: &[(&str, &str)], words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ctrec"));
        command.args(words).env_clear().env("TERM", "xterm").envs(variables.iter().copied());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        output.stdout.contains(&b'\x1b')
    };
    for words in [&["list", text(store.path())][..], &["report", text(store.path())], &["--help"]] {
        for (value, expected) in [("", false), ("0", false), ("1", true), ("yes", true), ("00", true)] {
            assert_eq!(coloured(&[("CLICOLOR_FORCE", value)], words), expected, "{value:?} {words:?}");
            assert!(!coloured(&[("CLICOLOR_FORCE", value), ("NO_COLOR", "1")], words), "{value:?} {words:?}");
        }
    }
    let always = ["--color", "always", "list", text(store.path())];
    assert!(coloured(&[("CLICOLOR_FORCE", "0")], &always), "whoever says so has it");
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
fn what_a_result_lacks_is_said_however_little_is_to_be_said() {
    let (store, whole) = (with_a_loss(), store());
    let profile = write(&store, "profile.json", r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}"#);
    let of = |words: &[&str], store: &str| ctrec(&[words, &["--container", "web", "--quiet", store]].concat());
    for words in [&["recommend"][..], &["recommend", "--dialect", "oci"], &["caps"], &["verify", "--profile", &profile]]
    {
        let said = String::from_utf8(of(words, text(store.path())).stderr).unwrap();
        let loss = "warning: incomplete: the ring buffer was full, so some executions are missing; calls are counted \
                    elsewhere and are whole (3)\n";
        assert_eq!(said, loss, "{words:?}");
        assert_eq!(of(words, text(whole.path())).stderr, b"", "{words:?}");
    }
    for words in [
        &["caps", "--format", "json"][..],
        &["caps", "--format", "text"],
        &["report"],
        &["report", "--format", "json"],
        &["report", "--format", "markdown"],
    ] {
        let output = of(words, text(store.path()));
        assert!(String::from_utf8_lossy(&output.stdout).contains("incomplete: the ring buffer was full"), "{words:?}");
    }
}

#[test]
fn the_evidence_of_a_rule_is_bounded_and_in_order() {
    let names: Vec<String> = (1..=400).map(|number| format!("/bin/p{number}")).collect();
    let store = with_programs(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let output = ctrec(&["recommend", "--verbose", "--container", "web", text(store.path())]);
    let said = String::from_utf8_lossy(&output.stderr);
    let reads: Vec<&str> = said.lines().filter(|line| line.starts_with("read ")).collect();
    let program = |line: &str| line.split_whitespace().find(|word| word.starts_with("/bin/p")).map(str::to_owned);
    let shown: Vec<String> = reads.iter().filter_map(|line| program(line)).collect();
    assert!((8..=256).contains(&shown.len()) && shown == names[..shown.len()], "{shown:?}");
    let more = format!("by {} more, which only the store has", 400 - shown.len());
    assert!(said.split_whitespace().collect::<Vec<_>>().join(" ").contains(&more), "{said}");
}

#[test]
fn messages_that_nobody_can_read_change_nothing() {
    let store = store();
    let output = ctrec_to(Stdio::piped(), full(), &["recommend", "--container", "web", text(store.path())]);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.starts_with(b"{"));
    assert_eq!(ctrec_to(Stdio::piped(), full(), &["fly"]).status.code(), Some(2));
}
