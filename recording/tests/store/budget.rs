//! A store that is kept within a size: what goes, what stays, and what is said of it.

use std::fs::{self, File};
use std::path::Path;

use ctrec_recording::{Budget, Format, Header, Removed, RunWriter, Store, StoreError};

use super::samples::{ended, segment};

const LEAST: u64 = Budget::LEAST_BYTES;
/// Four runs of this size fill the smallest budget but for what it keeps free; a fifth is too much.
const SIZE: usize = 2_350_000;

/// A run that was recorded `age` years before the others, and takes [`SIZE`] bytes.
fn header(run: &str, age: i64) -> Header {
    let started_ns = 1_700_000_000_000_000_000 - age * 31_536_000_000_000_000;
    Header { started_ns, ended_ns: Some(started_ns + 60_000_000_000), ..ended(run) }
}

fn begin(store: &Path, run: &str, age: i64) -> RunWriter {
    let open = Header { ended_ns: None, end: None, ..header(run, age) };
    let mut writer = RunWriter::create(store, &open, Format::Json).unwrap();
    writer.seal(&segment(1, 3)).unwrap();
    fs::write(writer.path().join("calls").join(".ballast"), vec![1; SIZE]).unwrap();
    writer
}

fn record(store: &Path, run: &str, age: i64) {
    begin(store, run, age).finish(&header(run, age)).unwrap();
}

fn runs(store: &Path) -> Vec<String> {
    Store::open(store).unwrap().runs().to_vec()
}

#[test]
fn nothing_is_removed_where_it_cannot_be_noted() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    for (run, age) in [("a", 5), ("b", 4), ("c", 3), ("d", 2), ("e", 1)] {
        record(store, run, age);
    }
    fs::write(store.join("removed.json"), "{").unwrap();
    assert!(Budget::new(store, LEAST).unwrap().keep().is_err());
    fs::remove_file(store.join("removed.json")).unwrap();
    assert_eq!(runs(store).len(), 5);
}

#[test]
fn the_oldest_go_first_and_only_as_many_as_must() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    for (run, age) in [("b", 2), ("a", 1), ("c", 5), ("d", 3)] {
        record(store, run, age);
    }
    let mut budget = Budget::new(store, LEAST).unwrap();
    let kept = budget.keep().unwrap();
    assert_eq!((kept.removed.len(), kept.is_over), (0, false));
    assert_eq!(Store::open(store).unwrap().removed().unwrap(), None);
    for (run, age) in [("e", 0), ("f", 0)] {
        record(store, run, age);
    }
    let kept = budget.keep().unwrap();
    let gone: Vec<&str> = kept.removed.iter().map(|removed| removed.run.as_str()).collect();
    assert_eq!(gone, ["c", "d"]);
    assert!(kept.bytes <= LEAST && kept.removed.iter().all(|removed| removed.bytes > SIZE as u64), "{kept:?}");
    assert_eq!(runs(store), ["a", "b", "e", "f"]);
    let (first, last) = (header("c", 5), header("d", 3));
    let note = Removed { runs: 2, first_ns: first.started_ns, last_ns: last.ended_ns.unwrap() };
    assert_eq!(Store::open(store).unwrap().removed().unwrap(), Some(note));
    assert!(fs::metadata(store.join("removed.json")).unwrap().len() < 200);
}

#[test]
fn a_run_that_is_written_stays_whoever_writes_it() {
    let folder = tempfile::tempdir().unwrap();
    let writers: Vec<RunWriter> = [("a", 9), ("b", 8), ("c", 7), ("d", 6), ("e", 5), ("f", 4), ("g", 3)]
        .map(|(run, age)| begin(folder.path(), run, age))
        .into();
    record(folder.path(), "young", 0);
    let kept = Budget::new(folder.path(), LEAST).unwrap().keep().unwrap();
    let gone: Vec<&str> = kept.removed.iter().map(|removed| removed.run.as_str()).collect();
    assert_eq!((gone, kept.is_over), (vec!["young"], true));
    drop(writers);
    let kept = Budget::new(folder.path(), LEAST).unwrap().keep().unwrap();
    assert_eq!(kept.removed.first().map(|removed| removed.run.as_str()), Some("a"), "cut off, so nobody writes it");
    assert!(!kept.is_over);
}

#[test]
fn what_is_no_run_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    let elsewhere = tempfile::tempdir().unwrap();
    record(elsewhere.path(), "linked", 50);
    std::os::unix::fs::symlink(elsewhere.path().join("run=linked"), store.join("run=linked")).unwrap();
    for name in ["notes", "run=headless", "run=of another"] {
        fs::create_dir(store.join(name)).unwrap();
        fs::write(store.join(name).join("ballast"), vec![1; 2 * SIZE]).unwrap();
    }
    // The header of another run, and of an id that no run has.
    let stolen = fs::read(elsewhere.path().join("run=linked/run.json")).unwrap();
    fs::create_dir(store.join("run=stolen")).unwrap();
    fs::write(store.join("run=stolen/run.json"), &stolen).unwrap();
    fs::write(
        store.join("run=of another/run.json"),
        String::from_utf8(stolen).unwrap().replace("linked", "of another"),
    )
    .unwrap();
    for (run, age) in [("a", 5), ("b", 4), ("c", 3), ("d", 2), ("e", 1)] {
        record(store, run, age);
    }
    let mut budget = Budget::new(store, LEAST).unwrap();
    let uncounted = budget.uncounted().unwrap();
    let ballast = 6 * SIZE as u64;
    assert!((ballast..ballast + 50_000).contains(&uncounted), "{uncounted} bytes are no runs");
    let kept = budget.keep().unwrap();
    assert_eq!(kept.removed.len(), 1, "{kept:?}");
    assert_eq!(budget.uncounted().unwrap(), uncounted, "nor is the note of what was removed");
    for name in ["notes/ballast", "run=headless/ballast", "run=of another/ballast", "run=linked", "run=stolen/run.json"]
    {
        assert!(store.join(name).exists(), "{name}");
    }
    assert!(elsewhere.path().join("run=linked/run.json").exists());
}

#[test]
fn a_removal_that_is_cut_is_known_and_finished_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    for (run, age) in [("a", 9), ("b", 8), ("c", 7), ("d", 6), ("e", 5), ("f", 4)] {
        record(store, run, age);
    }
    // Killed when the run had lost its name, and nothing else.
    fs::rename(store.join("run=a"), store.join(".run=a.removed")).unwrap();
    assert_eq!(runs(store), ["b", "c", "d", "e", "f"]);
    assert_eq!(Store::open(store).unwrap().removed().unwrap().map(|removed| removed.runs), Some(1));
    let kept = Budget::new(store, LEAST).unwrap().keep().unwrap();
    assert_eq!(kept.removed.len(), 1);
    assert!(!store.join(".run=a.removed").exists());
    let removed = Store::open(store).unwrap().removed().unwrap().unwrap();
    assert_eq!((removed.runs, removed.first_ns), (2, header("a", 9).started_ns));
}

#[test]
fn who_comes_second_waits_for_the_first_to_remove() {
    let folder = tempfile::tempdir().unwrap();
    for run in ["a", "b", "c", "d", "e"] {
        record(folder.path(), run, 1);
    }
    let first = File::open(folder.path()).unwrap();
    first.lock().unwrap();
    assert_eq!(Budget::new(folder.path(), LEAST).unwrap().keep().unwrap().removed, []);
    first.unlock().unwrap();
    assert_eq!(Budget::new(folder.path(), LEAST).unwrap().keep().unwrap().removed.len(), 1);
}

#[test]
fn a_note_that_says_nothing_is_named_and_hides_no_run() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path(), "a", 1);
    let note = folder.path().join("removed.json");
    for (text, words) in [
        ("{\"runs\": \"\u{1b}[2J\"}", "control character"),
        (r#"{"runs": 0, "first_ns": 1, "last_ns": 2}"#, "it counts no run"),
        (r#"{"runs": 1, "first_ns": 3, "last_ns": 2}"#, "end before they begin"),
    ] {
        fs::write(&note, text).unwrap();
        assert_bad_note(folder.path(), words);
    }
    fs::remove_file(&note).unwrap();
    std::os::unix::fs::symlink("run=a/run.json", &note).unwrap();
    assert_bad_note(folder.path(), "not a regular file");
    fs::remove_file(&note).unwrap();
    fs::create_dir(&note).unwrap();
    assert_bad_note(folder.path(), "not a regular file");
    fs::remove_dir(&note).unwrap();
    // Whoever opened it would wait for a writer.
    assert!(std::process::Command::new("mkfifo").arg(&note).status().unwrap().success());
    assert_bad_note(folder.path(), "not a regular file");
}

#[track_caller]
fn assert_bad_note(store: &Path, words: &str) {
    let opened = Store::open(store).unwrap();
    let error = opened.removed().unwrap_err();
    let said = error.to_string();
    assert!(matches!(error, StoreError::BadNote { .. }) && said.contains(words), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
    assert_eq!(opened.read_all().unwrap().len(), 1);
}

#[test]
fn a_note_of_a_run_whose_clock_was_set_back_ends_no_earlier_than_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    for run in ["a", "b", "c", "d", "e"] {
        let writer = begin(folder.path(), run, 1);
        writer.finish(&Header { ended_ns: Some(0), ..header(run, 1) }).unwrap();
    }
    assert_eq!(Budget::new(folder.path(), LEAST).unwrap().keep().unwrap().removed.len(), 1);
    let started_ns = header("a", 1).started_ns;
    let note = Removed { runs: 1, first_ns: started_ns, last_ns: started_ns };
    assert_eq!(Store::open(folder.path()).unwrap().removed().unwrap(), Some(note));
}

#[test]
fn a_budget_that_is_too_small_says_what_is_needed() {
    let error = Budget::new(Path::new("x"), LEAST - 1).unwrap_err().to_string();
    assert!(error.contains("16000000"), "{error}");
}

#[test]
fn a_store_of_which_everything_was_removed_takes_new_runs() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("removed.json"), "{\"runs\":1,\"first_ns\":1,\"last_ns\":2}").unwrap();
    assert!(matches!(Store::open(folder.path()), Err(StoreError::Empty { .. })));
    record(folder.path(), "a", 1);
    assert_eq!(runs(folder.path()), ["a"]);
}
