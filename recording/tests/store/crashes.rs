//! A recorder that is killed at any moment leaves a run that reads as what was sealed.

use std::fs;
use std::path::Path;

use ctrec_recording::{Format, LossKind, Recording, RunWriter, StoreError};

use super::samples::{FOLDERS, copy, ended, files, finished, read, segment, writer};

const WINDOWS: u32 = 5;

/// The run as it was with small files, before `finish` merged them.
fn small_and_merged(format: Format) -> (tempfile::TempDir, Recording) {
    let folder = tempfile::tempdir().unwrap();
    let mut run = writer(&folder.path().join("small"), "a", format);
    for window in 1..=WINDOWS {
        run.seal(&segment(window, 3)).unwrap();
    }
    run.update_header(&ended("a")).unwrap();
    let recording = read(&folder.path().join("small"), "a");
    copy(&folder.path().join("small"), &folder.path().join("merged"));
    copy(&folder.path().join("small"), &folder.path().join("crashed"));
    run.finish(&ended("a")).unwrap();
    // `finish` worked in `small`: swap, so that the names say what is in them.
    fs::rename(folder.path().join("small"), folder.path().join("done")).unwrap();
    fs::rename(folder.path().join("merged"), folder.path().join("small")).unwrap();
    (folder, recording)
}

#[test]
fn a_merge_that_is_cut_at_any_step_changes_nothing() {
    for format in Format::ALL {
        let (folder, whole) = small_and_merged(format);
        let [small, done, crashed] = ["small", "done", "crashed"].map(|store| folder.path().join(store).join("run=a"));
        assert_eq!(read(&folder.path().join("done"), "a"), whole);
        for (index, table) in FOLDERS.iter().enumerate() {
            // The merged file is in, and one small file after the other goes.
            for gone in 0..=WINDOWS as usize {
                for (other, name) in FOLDERS.iter().enumerate() {
                    fs::remove_dir_all(crashed.join(name)).unwrap();
                    copy(&if other < index { &done } else { &small }.join(name), &crashed.join(name));
                }
                for path in files(&done.join(table)) {
                    fs::copy(&path, crashed.join(table).join(path.file_name().unwrap())).unwrap();
                }
                for path in files(&small.join(table)).iter().take(gone) {
                    fs::remove_file(crashed.join(table).join(path.file_name().unwrap())).unwrap();
                }
                assert_eq!(read(&folder.path().join("crashed"), "a"), whole, "{table}, {gone} small files gone");
            }
        }
    }
}

#[test]
fn a_seal_that_is_cut_at_any_step_is_as_if_it_had_not_begun() {
    for format in Format::ALL {
        let folder = tempfile::tempdir().unwrap();
        let mut run = writer(folder.path(), "a", format);
        run.seal(&segment(1, 3)).unwrap();
        let path = run.path().to_owned();
        let copied = tempfile::tempdir().unwrap();
        run.seal(&segment(2, 3)).unwrap();
        drop(run);
        // Backwards: the seal goes first, then one table after the other.
        for table in FOLDERS.iter().rev() {
            let file = path.join(table).join(format!("w000002-000002.{}", format.ending()));
            fs::rename(&file, path.join(table).join(format!(".w000002-000002.{}.partial", format.ending()))).unwrap();
            let recording = read(folder.path(), "a");
            assert_eq!(recording.windows.len(), 1, "{table}");
            assert!(recording.calls.iter().all(|call| call.window == 1));
            let (last, losses) = recording.losses.split_last().unwrap();
            assert_eq!((last.kind, last.window, last.count), (LossKind::CutOff, 2, 1));
            assert_eq!(losses.len(), 1);
        }
        copy(folder.path(), copied.path());
        assert_eq!(read(copied.path(), "a"), read(folder.path(), "a"));
    }
}

#[test]
fn a_run_without_an_end_is_cut_off_only_when_nobody_writes_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = writer(folder.path(), "a", Format::Parquet);
    assert_eq!(read(folder.path(), "a").losses, []);
    run.seal(&segment(1, 1)).unwrap();
    let kinds = |recording: Recording| recording.losses.iter().map(|loss| loss.kind).collect::<Vec<_>>();
    assert_eq!(kinds(read(folder.path(), "a")), [LossKind::RingFull]);
    drop(run);
    assert_eq!(kinds(read(folder.path(), "a")), [LossKind::RingFull, LossKind::CutOff]);
}

#[test]
fn a_run_that_was_ended_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = finished(folder.path(), "a", Format::Parquet, 3);
    let recording = read(folder.path(), "a");
    assert!(recording.losses.iter().all(|loss| loss.kind == LossKind::RingFull));
    assert_eq!(recording.header, ended("a"));
    assert!(!path.join(".lock").exists());
}

#[test]
fn what_a_killed_recorder_left_while_starting_is_not_taken_for_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let nascent = folder.path().join(".run=a.partial");
    fs::create_dir_all(nascent.join("calls")).unwrap();
    fs::write(nascent.join("calls/w000009-000009.parquet"), "half a ta").unwrap();
    fs::write(nascent.join("containers.parquet"), "half a ta").unwrap();
    fs::write(nascent.join("run.json"), "half a hea").unwrap();
    finished(folder.path(), "a", Format::Json, 1);
    assert_eq!(names(folder.path()), ["run=a"]);
    assert_eq!((read(folder.path(), "a").windows.len(), read(folder.path(), "a").containers.len()), (1, 1));
}

#[test]
fn a_seal_that_fails_leaves_nothing_and_can_be_repeated() {
    // The folder of the third table is a file: its temporary cannot be made, as with a full disk.
    let folder = tempfile::tempdir().unwrap();
    let mut run = writer(folder.path(), "a", Format::Parquet);
    let blocked = run.path().join("arguments");
    fs::remove_dir(&blocked).unwrap();
    fs::write(&blocked, "").unwrap();
    let error = run.seal(&segment(1, 3)).unwrap_err().to_string();
    assert!(error.contains("cannot write") && error.contains("arguments"), "{error}");
    assert_eq!(files(&run.path().join("calls")), files(&run.path().join("windows")));
    fs::remove_file(&blocked).unwrap();
    fs::create_dir(&blocked).unwrap();
    run.seal(&segment(1, 3)).unwrap();
    assert_eq!(read(folder.path(), "a").calls, segment(1, 3).calls);
}

#[test]
fn a_seal_that_fails_late_takes_back_what_was_visible() {
    // A folder has the name that the file of the fifth table is to get: the rename fails when four are done.
    let folder = tempfile::tempdir().unwrap();
    let mut run = writer(folder.path(), "a", Format::Parquet);
    let blocked = run.path().join("losses/w000001-000001.parquet");
    fs::create_dir(&blocked).unwrap();
    run.seal(&segment(1, 3)).unwrap_err();
    for table in ["calls", "errnos", "arguments", "starts", "windows"] {
        assert_eq!(files(&run.path().join(table)), [] as [std::path::PathBuf; 0], "{table}");
    }
    // While it cannot be cleared nothing more is sealed; then the rows come with a later window.
    run.seal(&segment(2, 3)).unwrap_err();
    fs::remove_dir(&blocked).unwrap();
    run.seal(&segment(2, 3)).unwrap();
    assert_eq!(read(folder.path(), "a").calls, segment(2, 3).calls);
}

#[test]
fn a_merge_that_fails_leaves_the_small_files_and_is_said_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = writer(folder.path(), "a", Format::Parquet);
    // The name of the merged file's temporary is taken by a folder.
    let blocked = run.path().join("errnos/.w000001-000003.parquet.partial");
    fs::create_dir(&blocked).unwrap();
    for window in 1..=3 {
        run.seal(&segment(window, 3)).unwrap();
    }
    let error = run.finish(&ended("a")).unwrap_err().to_string();
    assert!(error.contains("complete and readable"), "{error}");
    fs::remove_dir(&blocked).unwrap();
    let recording = read(folder.path(), "a");
    assert_eq!((recording.windows.len(), recording.errnos.len()), (3, 3));
    assert_eq!(recording.header, ended("a"));
}

#[test]
fn a_killed_recorder_leaves_what_it_sealed() {
    // The test runs itself as the recorder, and kills it.
    const STORE: &str = "CTREC_TEST_KILLED_STORE";
    if let Some(store) = std::env::var_os(STORE) {
        record_until_killed(Path::new(&store));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crashes::a_killed_recorder_leaves_what_it_sealed", "--nocapture"])
        .env(STORE, folder.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    assert!(lines.any(|line| line.unwrap().contains("sealed 70")));
    child.kill().unwrap();
    child.wait().unwrap();
    let recording = read(folder.path(), "a");
    let sealed = u32::try_from(recording.windows.len()).unwrap();
    assert!(sealed >= 70);
    assert_eq!(recording.calls, (1..=sealed).flat_map(|window| segment(window, 3).calls).collect::<Vec<_>>());
    assert_eq!(recording.losses.last().map(|loss| (loss.kind, loss.window)), Some((LossKind::CutOff, sealed + 1)));
}

fn record_until_killed(store: &Path) -> ! {
    let mut run: RunWriter = writer(store, "a", Format::Parquet);
    for window in 1.. {
        run.seal(&segment(window, 3)).unwrap();
        println!("sealed {window}");
    }
    unreachable!("windows do not end")
}

fn names(folder: &Path) -> Vec<String> {
    files(folder).iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_run_that_is_removed_while_it_is_written_is_said_to_be_gone() {
    for format in Format::ALL {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        let mut run = writer(&store, "a", format);
        run.seal(&segment(1, 3)).unwrap();
        fs::remove_dir_all(&store).unwrap();
        let is_gone = |error: StoreError| matches!(error, StoreError::Removed { path } if path == store.join("run=a"));
        assert!(is_gone(run.seal(&segment(2, 3)).unwrap_err()));
        assert!(is_gone(run.finish(&ended("a")).unwrap_err()));
        assert!(!store.exists(), "nothing is made in its place");
    }
}
