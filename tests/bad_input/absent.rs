//! Runs that are not there, are there twice, or cannot be told apart; and the note of those that were removed.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::ctrec::{BAD_INPUT, assert_refused, ctrec};
use crate::sample::{add_run, store, text, write};

/// The run of the usual store.
const RUN: &str = "20260101T000000Z-1";

fn said(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8(all).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

#[test]
fn a_run_of_a_recording_that_is_not_there_is_missed_by_every_command() {
    let (first, last) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    add_run(first.path(), |header| (header.run, header.end) = ("a".to_owned(), None));
    add_run(last.path(), |header| (header.run, header.continues) = ("a-0002".to_owned(), Some("a".to_owned())));
    let profile = write(&first, ".profile.json", r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}"#);
    let before = "run a-0002 goes on from run a, which is not here: what containers did before is missing";
    let after = "run a is continued by another, which is not here: what containers did after is missing";
    let web = ["--container", "web"];
    for command in [
        &["recommend"][..],
        &["caps"],
        &["caps", "--format", "text"],
        &["caps", "--format", "json"],
        &["report"],
        &["report", "--format", "markdown"],
        &["report", "--format", "json"],
        &["verify", "--profile", &profile],
        &["list"],
        &["list", "--format", "json"],
    ] {
        let of = |stores: &[&str]| said(&ctrec(&[command, &web, stores].concat()));
        let (of_first, of_last) = (of(&[text(first.path())]), of(&[text(last.path())]));
        assert!(of_first.contains(after) && !of_first.contains(before), "{command:?}: {of_first}");
        assert!(of_last.contains(before) && !of_last.contains(after), "{command:?}: {of_last}");
        let of_both = of(&[text(first.path()), text(last.path())]);
        assert!(!of_both.contains("not here"), "{command:?}: {of_both}");
        fs::write(last.path().join("removed.json"), r#"{"runs":1,"first_ns":1,"last_ns":1000}"#).unwrap();
        let noted = of(&[text(last.path())]);
        assert!(!noted.contains("not here:") && noted.contains("removed"), "{command:?}: {noted}");
        fs::remove_file(last.path().join("removed.json")).unwrap();
    }
}

#[test]
fn a_copy_of_a_run_is_left_out_by_every_command() {
    let store = store();
    let run = store.path().join(format!("run={RUN}"));
    copy(&run, &store.path().join("run=copy"));
    let alone = crate::sample::store();
    let expected = format!("run=copy\" is a copy of run \"{RUN}\" in \"{}\", which counts once", text(&run));
    let web = ["--container", "web"];
    for command in [&["recommend"][..], &["caps"], &["report"], &["list"], &["list", "--format", "json"]] {
        let of = |folder: &TempDir| {
            let output = ctrec(&[command, &web, &[text(folder.path())]].concat());
            (String::from_utf8(output.stdout).unwrap().replace(text(folder.path()), "STORE"), output.stderr)
        };
        let ((shown, stderr), (once, _)) = (of(&store), of(&alone));
        assert_eq!(shown, once, "{command:?}");
        let stderr = String::from_utf8(stderr).unwrap();
        assert!(stderr.contains(&expected), "{command:?}: {stderr}");
    }
}

#[test]
fn a_store_that_is_named_twice_is_read_once() {
    let store = store();
    let again = format!("{}/.", text(store.path()));
    let output = ctrec(&["list", text(store.path()), &again]);
    assert_eq!(output.stdout, ctrec(&["list", text(store.path())]).stdout);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains(&format!("{again:?} is the store {:?}, which was named before", text(store.path()))),
        "{stderr}"
    );
}

#[test]
fn two_runs_with_one_id_are_not_taken_for_one() {
    let (one, two) = (store(), TempDir::new().unwrap());
    add_run(two.path(), |header| header.host = "another".to_owned());
    let stores = [text(one.path()), text(two.path())];
    for command in [&["recommend", "--container", "web"][..], &["report"]] {
        let words = [command, &stores].concat();
        assert_refused(&words, BAD_INPUT, &["are two runs with one id", "\"host\" and \"another\"", "one at a time"]);
    }
    let listed = ctrec(&[&["list"], &stores[..]].concat());
    assert_eq!(listed.status.code(), Some(BAD_INPUT));
    assert!(said(&listed).contains("two runs with one id"), "{}", said(&listed));
}

#[test]
fn a_bad_note_or_name_hides_no_run_from_a_list() {
    let store = store();
    let (note, alien) = (store.path().join("removed.json"), store.path().join(OsStr::from_bytes(b"run=\xff\xfe")));
    let check = |needle: &str| {
        for format in ["text", "json"] {
            let output = ctrec(&["list", "--format", format, text(store.path())]);
            let (shown, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
            assert_eq!(output.status.code(), Some(BAD_INPUT), "{said}");
            assert!(shown.contains("web") && said.contains(needle), "{shown}{said}");
            assert_eq!(said.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{said}");
            if format == "json" {
                let listing: Value = serde_json::from_str(&shown).unwrap();
                assert_eq!(listing["runs"].as_array().unwrap().len(), 1);
            }
        }
        for command in ["recommend", "caps", "report"] {
            assert_refused(&[command, "--container", "web", text(store.path())], BAD_INPUT, &[needle, "and run again"]);
        }
    };
    assert!(Command::new("mkfifo").arg(&note).status().unwrap().success());
    check("it is not a regular file");
    fs::remove_file(&note).unwrap();
    symlink("/dev/zero", &note).unwrap();
    check("it is not a regular file");
    fs::remove_file(&note).unwrap();
    fs::write(&note, r#"{"runs":0,"first_ns":1,"last_ns":2}"#).unwrap();
    check("it counts no run");
    fs::remove_file(&note).unwrap();
    copy(&store.path().join(format!("run={RUN}")), &alien);
    check("run=\\xFF\\xFE\" has a name that no run has");
}

#[test]
fn a_run_that_was_cut_off_has_one_loss_in_both_forms_of_a_list() {
    let store = TempDir::new().unwrap();
    add_run(store.path(), |header| (header.ended_ns, header.end) = (None, None));
    let shown = said(&ctrec(&["list", text(store.path())]));
    assert!(
        shown.contains("CUT OFF: what came after its last window is lost (1 loss of the run as a whole)"),
        "{shown}"
    );
    let listing: Value =
        serde_json::from_slice(&ctrec(&["list", "--format", "json", text(store.path())]).stdout).unwrap();
    let run = &listing["runs"][0];
    assert_eq!((&run["ending"]["how"], &run["losses"][0]["kind"]), (&"cut_off".into(), &"cut_off".into()));
    assert_eq!((&run["losses"][0]["count"], &listing["names"][0]["losses"]), (&1.into(), &1.into()));
}
