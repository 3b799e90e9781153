//! What was sealed and is missing later is noticed, whatever it is: a file, a line, a window.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use ctrec_recording::{Format, Segment, Store, StoreError};

use super::samples::{FOLDERS, copy, ended, files, finished, read, segment, writer};

const WINDOWS: u32 = 3;

/// What is said of a run that is not whole, with its cause.
#[track_caller]
fn missed(store: &Path) -> String {
    let error = Store::open(store).and_then(|store| store.read("a")).unwrap_err();
    let StoreError::NotWhole { path, source } = &error else { panic!("{error}: {error:?}") };
    assert!(path.ends_with("run=a"), "{path:?}");
    assert!(error.to_string().contains("restore its files"), "{error}");
    source.to_string()
}

/// Two runs of the same windows: one that was ended, and one that nobody ended, with small files.
fn runs(format: Format) -> (tempfile::TempDir, [PathBuf; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let stores = ["ended", "cut off"].map(|name| folder.path().join(name));
    finished(&stores[0], "a", format, WINDOWS);
    let mut run = writer(&stores[1], "a", format);
    (1..=WINDOWS).for_each(|window| run.seal(&segment(window, 3)).unwrap());
    (folder, stores)
}

#[test]
fn a_table_file_that_is_deleted() {
    for format in Format::ALL {
        let (_folder, stores) = runs(format);
        for store in stores {
            for table in FOLDERS {
                for file in files(&store.join("run=a").join(table)) {
                    let ended = store.ends_with("ended");
                    let last = file.file_name().unwrap().to_string_lossy().starts_with("w000003");
                    let bytes = fs::read(&file).unwrap();
                    fs::remove_file(&file).unwrap();
                    if table == "windows" && !ended && last {
                        // Of a run that was cut off nobody knows how far it went; that it was is a loss.
                        assert_eq!(read(&store, "a").windows.len(), 2);
                    } else {
                        let what = if table == "windows" { "is missing" } else { table };
                        let said = missed(&store);
                        assert!(said.contains(what) && said.contains("window "), "{file:?}: {said}");
                    }
                    fs::write(&file, bytes).unwrap();
                }
            }
            assert_eq!(read(&store, "a").calls.len(), 9);
        }
    }
}

#[test]
fn the_window_and_the_table_are_named() {
    let (_folder, [ended, cut_off]) = runs(Format::Parquet);
    fs::remove_file(ended.join("run=a/calls/w000001-000003.parquet")).unwrap();
    assert_eq!(missed(&ended), "window 1 of table calls has 0 rows, and had 3");
    fs::remove_file(cut_off.join("run=a/errnos/w000002-000002.parquet")).unwrap();
    assert_eq!(missed(&cut_off), "window 2 of table errnos has 0 rows, and had 1");
    fs::remove_file(cut_off.join("run=a/windows/w000002-000002.parquet")).unwrap();
    assert_eq!(missed(&cut_off), "window 2 is missing");
}

#[test]
fn any_line_that_is_deleted_or_there_twice() {
    let (_folder, [store, _]) = runs(Format::Json);
    let run = store.join("run=a");
    let snapshots = ["containers.ndjson", "programs.ndjson"].map(|name| run.join(name));
    let files = FOLDERS.iter().flat_map(|table| files(&run.join(table))).chain(snapshots);
    let mut lines_tried = 0;
    for file in files {
        let whole = fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = whole.split_inclusive('\n').collect();
        for at in 0..lines.len() {
            let without = [&lines[..at], &lines[at + 1..]].concat().concat();
            fs::write(&file, without).unwrap();
            missed(&store);
            let twice = [&lines[..=at], &lines[at..]].concat().concat();
            fs::write(&file, twice).unwrap();
            Store::open(&store).and_then(|store| store.read("a")).unwrap_err();
            lines_tried += 1;
        }
        fs::write(&file, whole).unwrap();
    }
    assert_eq!(lines_tried, 9 + 8 * 3 + 3 + 3, "calls, other tables, windows, snapshots");
    assert_eq!(read(&store, "a").calls.len(), 9);
}

#[test]
fn a_count_that_is_changed_in_a_line() {
    let (_folder, [store, cut_off]) = runs(Format::Json);
    for (store, table) in [(&store, "w000001-000003"), (&cut_off, "w000002-000002")] {
        let file = store.join(format!("run=a/calls/{table}.ndjson"));
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("\"succeeded\":15", "\"succeeded\":0")).unwrap();
        assert_eq!(missed(store), "window 2 of table calls was changed");
    }
    let file = cut_off.join("run=a/containers.ndjson");
    fs::write(cut_off.join("run=a/calls/w000002-000002.ndjson"), segment_lines(2)).unwrap();
    fs::write(&file, "").unwrap();
    assert_eq!(missed(&cut_off), "table containers has 0 rows, and had 1");
}

/// The calls of a window as they are written.
fn segment_lines(window: u32) -> String {
    segment(window, 3).calls.iter().map(|call| serde_json::to_string(call).unwrap() + "\n").collect()
}

#[test]
fn a_snapshot_of_another_run() {
    let (_folder, [store, cut_off]) = runs(Format::Parquet);
    let other = tempfile::tempdir().unwrap();
    let mut run = writer(other.path(), "a", Format::Parquet);
    run.write_snapshot(&[], &[]).unwrap();
    for table in ["containers", "programs"] {
        for store in [&store, &cut_off] {
            let file = store.join(format!("run=a/{table}.parquet"));
            let bytes = fs::read(&file).unwrap();
            fs::copy(run.path().join(format!("{table}.parquet")), &file).unwrap();
            let said = missed(store);
            assert!(said.starts_with(&format!("table {table} has 0 rows, and had ")), "{said}");
            fs::write(&file, bytes).unwrap();
        }
    }
}

#[test]
fn a_link_is_not_followed() {
    let (folder, [store, _]) = runs(Format::Parquet);
    let refused = || Store::open(&store).and_then(|store| store.read("a")).unwrap_err();
    let run = store.join("run=a");
    for name in ["calls/w000001-000003.parquet", "programs.parquet", "run.json"] {
        let (path, away) = (run.join(name), folder.path().join("away"));
        fs::rename(&path, &away).unwrap();
        symlink(&away, &path).unwrap();
        assert!(matches!(refused(), StoreError::Damaged { path: of, .. } if of == path), "{name}");
        fs::rename(&away, &path).unwrap();
    }
    fs::rename(run.join("calls"), folder.path().join("calls")).unwrap();
    symlink(folder.path().join("calls"), run.join("calls")).unwrap();
    assert!(matches!(refused(), StoreError::Damaged { path, .. } if path == run.join("calls")));
}

#[test]
fn merging_keeps_what_the_windows_say() {
    for format in Format::ALL {
        let folder = tempfile::tempdir().unwrap();
        let mut run = writer(folder.path(), "a", format);
        (1..=70).for_each(|window| run.seal(&segment(window, 2)).unwrap());
        let merged = run.path().join(format!("starts/w000001-000064.{}", format.ending()));
        let bytes = fs::read(&merged).unwrap();
        fs::remove_file(&merged).unwrap();
        assert_eq!(missed(folder.path()), "window 1 of table starts has 0 rows, and had 1");
        fs::write(&merged, bytes).unwrap();
        run.finish(&ended("a")).unwrap();
        assert_eq!(read(folder.path(), "a").calls.len(), 140);
    }
}

#[test]
fn a_run_of_format_1_0_says_nothing_of_it_and_is_read() {
    let (folder, [store, _]) = runs(Format::Json);
    let whole = read(&store, "a");
    let run = store.join("run=a");
    let edit = |path: &Path, change: &dyn Fn(&mut serde_json::Value)| {
        let text = fs::read_to_string(path).unwrap();
        let lines = text.lines().map(|line| {
            let mut value = serde_json::from_str(line).unwrap();
            change(&mut value);
            value.to_string() + "\n"
        });
        let lines: String = lines.collect();
        fs::write(path, lines).unwrap();
    };
    edit(&run.join("windows/w000001-000003.ndjson"), &|row| {
        let row = row.as_object_mut().unwrap();
        row.remove("previous").and(row.remove("tables_json")).unwrap();
    });
    let header = fs::read_to_string(run.join("run.json")).unwrap().replace('\n', "");
    fs::write(run.join("run.json"), header).unwrap();
    edit(&run.join("run.json"), &|header| {
        header["schema"]["minor"] = 0.into();
        header.as_object_mut().unwrap().remove("contents").unwrap();
    });
    let old = read(&store, "a");
    assert_eq!((old.calls, old.windows, old.header.schema.minor), (whole.calls, whole.windows, 0));
    // Nothing is known of what it had.
    copy(&store, &folder.path().join("old"));
    fs::remove_dir_all(run.join("errnos")).unwrap();
    assert_eq!(read(&store, "a").errnos, []);
}

#[test]
fn a_run_without_a_window_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let run = writer(folder.path(), "a", Format::Json);
    let path = run.path().to_owned();
    run.finish(&ended("a")).unwrap();
    assert_eq!(read(folder.path(), "a").programs.len(), 2);
    fs::write(path.join("programs.ndjson"), "").unwrap();
    assert_eq!(missed(folder.path()), "table programs has 0 rows, and had 2");
}

#[test]
fn what_a_window_says_must_be_readable() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = writer(folder.path(), "a", Format::Json);
    run.seal(&Segment { calls: Vec::new(), ..segment(1, 0) }).unwrap();
    let file = run.path().join("windows/w000001-000001.ndjson");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("{\\\"arguments\\\"", "[\\\"arguments\\\"")).unwrap();
    assert_eq!(missed(folder.path()), "what window 1 says of its tables cannot be read");
}
