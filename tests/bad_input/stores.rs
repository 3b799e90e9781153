//! Stores that are not there, hold nothing, or are broken; containers that are not in them.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::ctrec::{BAD_INPUT, USAGE, assert_refused, ctrec};
use crate::sample::{add_lost_run, lost, store, text, write};

/// The only Parquet file below a folder whose path holds `word`.
fn parquet_file(folder: &Path, word: &str) -> PathBuf {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "parquet") && text(&path).contains(word) {
                found.push(path);
            }
        }
    }
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn an_unknown_container_is_answered_with_those_there_are() {
    let store = store();
    for command in ["recommend", "caps", "report"] {
        assert_refused(&[command, "--container", "wbe", text(store.path())], BAD_INPUT, &["wbe", "web"]);
    }
}

#[test]
fn a_store_that_is_not_there_is_named() {
    let folder = TempDir::new().unwrap();
    let store = folder.path().join("nothing");
    assert_refused(&["recommend", "--container", "web", text(&store)], BAD_INPUT, &[text(&store), "ctrec record"]);
}

#[test]
fn an_empty_store_says_how_to_fill_it() {
    let store = TempDir::new().unwrap();
    for command in ["recommend", "caps", "report"] {
        assert_refused(&[command, "--container", "web", text(store.path())], BAD_INPUT, &["ctrec record"]);
    }
}

#[test]
fn a_folder_of_something_else_is_no_store() {
    let folder = TempDir::new().unwrap();
    write(&folder, "holiday.jpg", "not a recording");
    assert_refused(&["recommend", "--container", "web", text(folder.path())], BAD_INPUT, &[text(folder.path())]);
}

#[test]
fn a_truncated_file_is_named() {
    let store = store();
    let file = parquet_file(store.path(), "calls");
    let whole = fs::read(&file).unwrap();
    for length in [0, 3, whole.len() / 2, whole.len() - 1] {
        fs::write(&file, &whole[..length]).unwrap();
        assert_refused(&["recommend", "--container", "web", text(store.path())], BAD_INPUT, &[text(&file)]);
    }
}

#[test]
fn an_alien_file_is_named() {
    let store = store();
    let (calls, programs) = (parquet_file(store.path(), "calls"), parquet_file(store.path(), "programs"));
    for alien in [b"not Parquet at all".to_vec(), fs::read(programs).unwrap()] {
        fs::write(&calls, alien).unwrap();
        assert_refused(&["recommend", "--container", "web", text(store.path())], BAD_INPUT, &[text(&calls)]);
    }
}

#[test]
fn a_table_file_that_somebody_deleted_is_missed() {
    let store = store();
    fs::remove_file(parquet_file(store.path(), "calls")).unwrap();
    let needles = ["run=20260101T000000Z-1", "window 1 of table calls", "restore its files"];
    for command in ["recommend", "caps", "report"] {
        assert_refused(&[command, "--container", "web", text(store.path())], BAD_INPUT, &needles);
    }
}

#[test]
fn a_run_that_holds_nothing_is_left_out_with_a_warning() {
    let store = store();
    fs::create_dir(store.path().join("run=killed\u{1b}[2J")).unwrap();
    for command in ["recommend", "caps", "report"] {
        let words = [command, "--container", "web", text(store.path())];
        let output = ctrec(&words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.contains("warning: ") && said.contains("run \"killed\\u{1b}[2J\" holds nothing"), "{said}");
        let quiet = ctrec(&[words.as_slice(), &["--quiet"]].concat());
        assert_eq!((quiet.stdout, String::from_utf8_lossy(&quiet.stderr).as_ref()), (output.stdout, ""));
    }
}

#[test]
fn a_run_that_was_killed_before_its_first_window_is_named() {
    let (lost, store) = (lost(), store());
    add_lost_run(store.path());
    let profile = write(&store, "profile.json", r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}"#);
    let web = ["--container", "web"];
    for command in [&["recommend"][..], &["caps"], &["report"], &["verify", "--profile", &profile]] {
        let needles = ["run \"killed\" was cut off before the first window", "record again"];
        assert_refused(&[command, &web, &[text(lost.path())]].concat(), BAD_INPUT, &needles);
        let output = ctrec(&[command, &web, &[text(store.path())]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.contains("warning: run \"killed\" was cut off before its first window"), "{said}");
        let quiet = ctrec(&[command, &web, &[text(store.path()), "--quiet"]].concat());
        let lost = "warning: run \"killed\" was cut off before its first window was written: nothing of it is left\n";
        assert_eq!(String::from_utf8_lossy(&quiet.stderr), lost);
    }
    for format in ["text", "markdown", "json"] {
        for store in [&lost, &store] {
            let output = ctrec(&["report", "--format", format, text(store.path())]);
            let report = String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.code(), Some(0));
            assert!(report.contains("run killed: before its first window") && report.contains("cut_off"), "{report}");
        }
    }
}

#[test]
fn a_newer_store_is_refused_by_its_version() {
    let store = store();
    let file = store.path().join("run=20260101T000000Z-1/run.json");
    let newer = fs::read_to_string(&file)
        .unwrap()
        .replace("\"major\": 1", "\"major\": 2")
        .replace("\"major\":1", "\"major\":2");
    fs::write(&file, newer).unwrap();
    assert_refused(&["recommend", "--container", "web", text(store.path())], BAD_INPUT, &["format 2.", "newer ctrec"]);
}

#[test]
fn a_list_names_what_cannot_be_read_and_lists_the_rest() {
    let (broken, store, folder) = (store(), store(), TempDir::new().unwrap());
    fs::remove_file(parquet_file(broken.path(), "calls")).unwrap();
    let missing = folder.path().join("missing");
    let stores = [text(broken.path()), text(&missing), text(store.path())];
    for format in ["text", "json"] {
        let output = ctrec(&[&["list", "--format", format], &stores[..]].concat());
        let (shown, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(BAD_INPUT), "{said}");
        assert!(shown.contains(stores[2]) && !shown.contains(stores[0]), "{shown}");
        let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(errors.len() == 2 && errors[0].contains(stores[1]) && errors[1].contains(stores[0]), "{said}");
    }
    assert_refused(&["list", text(broken.path())], BAD_INPUT, &["window 1 of table calls", "restore its files"]);
}

#[test]
fn a_list_knows_runs_of_which_nothing_is_left() {
    let store = store();
    add_lost_run(store.path());
    let output = ctrec(&["list", text(store.path())]);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(shown.contains("Run killed on host") && shown.contains("CUT OFF"), "{shown}");
    assert!(shown.contains("no container was recorded") && shown.contains("ended when its time was over"), "{shown}");
}

#[test]
fn a_list_can_be_of_some_containers() {
    let store = store();
    let output = ctrec(&["list", "--container", "image=web", text(store.path())]);
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("NAME"), "{output:?}");
    assert_refused(&["list", "--container", "wbe", text(store.path())], BAD_INPUT, &["wbe", "web"]);
    assert_refused(&["list", "--container", "image=", text(store.path())], USAGE, &["no pattern"]);
}
