//! Each thing that can be wrong with a store has an error that names it and says what to do.

use std::error::Error;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use ctrec_recording::{Format, RunWriter, SchemaVersion, Segment, Store, StoreError};
use polars::prelude::{Column, DataFrame, ParquetWriter};

use super::elsewhere;
use super::samples::{HOSTILE, call, finished, header, read, segment, writer};

/// The whole chain, as the command line prints it.
fn said(error: &StoreError) -> String {
    let chain = std::iter::successors(Some(error as &dyn Error), |error| (*error).source());
    let text = chain.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    assert!(!text.contains(char::is_control), "{text:?}");
    text
}

fn refused(store: &Path) -> String {
    said(&Store::open(store).and_then(|store| store.read("a")).unwrap_err())
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

#[test]
fn a_store_that_is_not_there_or_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none");
    assert_says(&refused(&none), &["there is no store", "none", "ctrec record"]);
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert_says(&refused(&file), &["not a folder", "file"]);
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert_says(&refused(&empty), &["no run yet", "ctrec record --output"]);
    assert_says(&refused(folder.path()), &["not a store", "choose another folder"]);
}

#[test]
fn a_folder_of_other_things_is_not_written_to() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.odt"), "").unwrap();
    let error = RunWriter::create(folder.path(), &header("a"), Format::Parquet).unwrap_err();
    assert_says(&said(&error), &["not a store", "choose another folder"]);
    let error = RunWriter::create(&folder.path().join("thesis.odt"), &header("a"), Format::Parquet).unwrap_err();
    assert_says(&said(&error), &["thesis.odt\" is there and is not a folder", "choose another place"]);
    let below = folder.path().join("thesis.odt/store");
    let error = RunWriter::create(&below, &header("a"), Format::Parquet).unwrap_err();
    assert_says(&said(&error), &["thesis.odt\" is there and is not a folder"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_link_that_leads_nowhere_is_not_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    symlink(folder.path().join("gone"), &link).unwrap();
    for store in [link.clone(), link.join("store")] {
        let error = RunWriter::create(&store, &header("a"), Format::Parquet).unwrap_err();
        assert_says(&said(&error), &["link\" is a link to a folder that is not there", "make that folder"]);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_id_that_is_no_part_of_a_path() {
    let folder = tempfile::tempdir().unwrap();
    let long = "x".repeat(101);
    for run in HOSTILE.into_iter().filter(|run| *run != "null").chain(["..", "a/b", "a=b c", &long]) {
        let error = RunWriter::create(folder.path(), &header(run), Format::Parquet).unwrap_err();
        assert!(matches!(error, StoreError::BadRunId { .. }), "{run:?}: {error}");
        assert_says(&said(&error), &["cannot be the id"]);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_run_that_the_store_does_not_have() {
    let folder = tempfile::tempdir().unwrap();
    finished(folder.path(), "b", Format::Parquet, 1);
    let hostile = folder.path().join("run=\u{1b}[2J");
    fs::create_dir(&hostile).unwrap();
    fs::write(hostile.join("run.json"), "").unwrap();
    assert_says(&refused(folder.path()), &["no run \"a\"", "it has: \\u{1b}[2J, b"]);
}

#[test]
fn a_run_that_holds_nothing_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = folder.path().join("run=nothing");
    fs::create_dir(&nothing).unwrap();
    assert_says(&refused(folder.path()), &["no run yet", "ctrec record --output"]);
    finished(folder.path(), "a", Format::Parquet, 1);
    // What a recorder makes before its header, and may leave when it is killed.
    fs::create_dir(nothing.join("calls")).unwrap();
    fs::write(nothing.join(".lock"), "").unwrap();
    fs::write(nothing.join("calls/.w000001-000001.parquet.partial"), "half a ta").unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert_eq!((store.runs(), store.empty_runs()), (["a".to_owned()].as_slice(), ["nothing".to_owned()].as_slice()));
    assert_eq!(store.read_all().unwrap().len(), 1);
    // With data and no header it is a run that lost its header, and that is never passed over.
    fs::write(nothing.join("calls/w000001-000001.parquet"), "PAR1").unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert_says(&said(&store.read_all().unwrap_err()), &["run=nothing/run.json", "is missing"]);
}

#[test]
fn a_run_whose_name_is_no_text_is_named_and_hides_no_other() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let alien = folder.path().join(std::ffi::OsStr::from_bytes(b"run=\xff\xfe"));
    finished(folder.path(), "a", Format::Parquet, 1);
    fs::rename(folder.path().join("run=a"), &alien).unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert_says(&said(&store.read_all().unwrap_err()), &["run=\\xFF\\xFE", "a name that no run has"]);
    finished(folder.path(), "b", Format::Parquet, 1);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!((store.runs(), store.unnamed_runs()), (["b".to_owned()].as_slice(), [alien].as_slice()));
    assert_eq!(store.read("b").unwrap().header.run, "b");
}

#[test]
fn windows_out_of_order_and_rows_of_another_window() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = writer(folder.path(), "a", Format::Parquet);
    assert_says(&said(&run.seal(&segment(0, 1)).unwrap_err()), &["window 0", "in order"]);
    run.seal(&segment(2, 1)).unwrap();
    for window in [1, 2] {
        assert_says(&said(&run.seal(&segment(window, 1)).unwrap_err()), &["after window 2"]);
    }
    let stray = Segment { calls: vec![call(3, 1), call(2, 1)], ..segment(3, 1) };
    assert_says(&said(&run.seal(&stray).unwrap_err()), &["a row of window 2", "calls", "window 3"]);
    assert_says(&said(&run.update_header(&header("b")).unwrap_err()), &["\"b\"", "\"a\""]);
    assert_eq!(read(folder.path(), "a").windows.len(), 1);
}

#[test]
fn a_header_that_is_missing_or_broken() {
    let folder = tempfile::tempdir().unwrap();
    let path = finished(folder.path(), "a", Format::Parquet, 1).join("run.json");
    let text = fs::read_to_string(&path).unwrap();
    let broken = [
        "",
        "not json",
        "[]",
        "{}",
        &text[..text.len() / 2],
        &text.replace("\"v2\"", "\"v9\u{1b}[2J\""),
        &text.replace("\"host\"", "\"hots\""),
        &text.replace("17000", "x"),
    ];
    for text in broken {
        fs::write(&path, text).unwrap();
        assert_says(&refused(folder.path()), &["run.json", "damaged", "the other runs stay readable", "not a header"]);
    }
    fs::remove_file(&path).unwrap();
    assert_says(&refused(folder.path()), &["run.json", "is missing", "the other runs stay readable"]);
    symlink("/dev/zero", &path).unwrap();
    assert_says(&refused(folder.path()), &["run.json", "not a regular file"]);
}

#[test]
fn a_newer_format_is_refused_by_name_and_a_newer_minor_one_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = finished(folder.path(), "a", Format::Parquet, 1).join("run.json");
    let mut value: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    value["schema"]["minor"] = 7.into();
    value["a field of the future"] = 1.into();
    fs::write(&path, value.to_string()).unwrap();
    assert_eq!(read(folder.path(), "a").header.schema, SchemaVersion { major: 1, minor: 7 });
    // Only what every format has is asked of it.
    fs::write(&path, r#"{"schema":{"major":2,"minor":0},"ctrec_version":"3.1.4"}"#).unwrap();
    let expected = ["written by ctrec 3.1.4, format 2.0", "reads 1.x", "newer ctrec"];
    assert_says(&refused(folder.path()), &expected);
}

#[test]
fn a_snapshot_that_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished(folder.path(), "a", Format::Parquet, 1);
    fs::remove_file(run.join("programs.parquet")).unwrap();
    assert_says(&refused(folder.path()), &["programs.parquet", "is missing"]);
}

#[test]
fn other_runs_stay_readable() {
    let folder = tempfile::tempdir().unwrap();
    let bad = finished(folder.path(), "a", Format::Parquet, 1);
    finished(folder.path(), "b", Format::Parquet, 1);
    fs::write(bad.join("windows/w000001-000001.parquet"), "PAR1").unwrap();
    assert_says(&refused(folder.path()), &["w000001-000001.parquet", "damaged"]);
    let store = Store::open(folder.path()).unwrap();
    assert!(store.read("b").is_ok());
    assert!(store.read_all().is_err());
    fs::rename(&bad, folder.path().join("moved away")).unwrap();
    assert_eq!(Store::open(folder.path()).unwrap().read_all().unwrap().len(), 1);
}

#[test]
fn a_table_that_is_not_ctrecs() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished(folder.path(), "a", Format::Parquet, 1);
    let calls = run.join("calls/w000001-000001.parquet");
    let whole = fs::read(&calls).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    let mut alien = Vec::new();
    let mut pets = DataFrame::new(1, vec![Column::new("pet".into(), ["cat"])]).unwrap();
    ParquetWriter::new(&mut alien).finish(&mut pets).unwrap();
    let cases = [
        (whole[..whole.len() - 1].to_vec(), "checksum is wrong"),
        (whole[..whole.len() / 2].to_vec(), "cut off, or no Parquet file that ctrec wrote"),
        (Vec::new(), "cut off, or no Parquet file that ctrec wrote"),
        (b"window,calls\n1,2\n".to_vec(), "cut off, or no Parquet file that ctrec wrote"),
        (alien, "cut off, or no Parquet file that ctrec wrote"),
        (changed, "checksum is wrong"),
        (fs::read(run.join("errnos/w000001-000001.parquet")).unwrap(), "column `succeeded` is missing"),
    ];
    for (bytes, expected) in cases {
        fs::write(&calls, bytes).unwrap();
        let parts = ["w000001-000001.parquet", "damaged", "the other runs stay readable", expected];
        assert_says(&refused(folder.path()), &parts);
    }
}

#[test]
fn rows_that_a_files_name_does_not_cover() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished(folder.path(), "a", Format::Parquet, 2);
    let merged = run.join("calls/w000001-000002.parquet");
    fs::copy(&merged, run.join("calls/w000002-000003.parquet")).unwrap();
    assert_says(&refused(folder.path()), &["w000001-000002", "w000002-000003", "some of the same windows"]);
    fs::rename(&merged, run.join("calls/w000005-000006.parquet")).unwrap();
    assert_says(&refused(folder.path()), &["window 1", "does not cover"]);
}

#[test]
fn a_window_that_is_there_twice() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished(folder.path(), "a", Format::Json, 1);
    let path = run.join("windows/w000001-000001.ndjson");
    let line = fs::read_to_string(&path).unwrap();
    fs::write(&path, line.repeat(2)).unwrap();
    assert_says(&refused(folder.path()), &["window 1 is there twice"]);
}

#[test]
fn a_line_that_is_broken_has_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = finished(folder.path(), "a", Format::Json, 1).join("calls/w000001-000001.ndjson");
    let text = fs::read_to_string(&path).unwrap();
    let lines = text.lines().collect::<Vec<_>>();
    let second = |line: &str| format!("{}\n{line}\n{}\n", lines[0], lines[2]);
    let cases = [
        (second("{"), "line 2: EOF while parsing an object, at column 1"),
        (second(""), "line 2: EOF while parsing a value"),
        (second("7"), "line 2: column `window` is missing"),
        (second(&lines[1].replace("\"succeeded\":8", "\"succeeded\":-8")), "line 2: invalid value: integer `-8`"),
        (second(&lines[1].replace("x86_64", "\\u001b")), "line 2: unknown variant `\\u{1b}`"),
        (second(&lines[1].replace("\"phase\"", "\"face\"")), "line 2: column `phase` is missing"),
        (text[..text.len() - 1].to_owned(), "line 3 is cut off"),
    ];
    for (text, expected) in cases {
        fs::write(&path, text).unwrap();
        assert_says(&refused(folder.path()), &["w000001-000001.ndjson", "damaged", expected]);
    }
    fs::write(&path, b"\xff\xfe\n").unwrap();
    assert_says(&refused(folder.path()), &["line 1"]);
}

#[test]
fn a_pipe_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = finished(folder.path(), "a", Format::Parquet, 1).join("calls/w000001-000001.parquet");
    fs::remove_file(&path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    assert_says(&refused(folder.path()), &["not a regular file"]);
}

#[test]
fn a_file_that_pretends_to_be_endless_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished(folder.path(), "a", Format::Json, 1);
    for name in ["calls/w000001-000001.ndjson", "containers.ndjson", "run.json"] {
        let path = run.join(name);
        let whole = fs::read(&path).unwrap();
        // Sparse: it takes no room on the disk.
        fs::File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
        assert_says(&refused(folder.path()), &[name, "damaged", "longer than 4294967296 bytes"]);
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(read(folder.path(), "a").calls.len(), 3);
}

#[test]
fn what_may_not_be_read_or_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = finished(folder.path(), "a", Format::Parquet, 1).join("calls/w000001-000001.parquet");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&path).is_ok() && !elsewhere::is_here() {
        // Root may read all, but for what its capabilities give.
        let test = "bad_input::what_may_not_be_read_or_written";
        return elsewhere::run_again(test, &["setpriv", "--inh-caps=-all", "--bounding-set=-all"]);
    }
    assert_says(&refused(folder.path()), &["cannot read", "readable for you, or use sudo"]);
    let error = RunWriter::create(Path::new("/proc/store"), &header("a"), Format::Parquet).unwrap_err();
    assert_says(&said(&error), &["cannot write", "/proc/store", "is the folder there"]);
}
