//! Several runs in one store, also at the same time.

use std::thread;

use ctrec_recording::{Format, LossKind, RunWriter, Store, StoreError};

use super::samples::{ended, finished, header, read, segment, writer};

#[test]
fn recorders_that_write_side_by_side_do_not_meet() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    thread::scope(|scope| {
        for (run, format) in [("a", Format::Parquet), ("b", Format::Json), ("c", Format::Parquet)] {
            let store = &store;
            scope.spawn(move || finished(store, run, format, 70));
        }
    });
    let store = Store::open(store).unwrap();
    assert_eq!(store.runs(), ["a", "b", "c"]);
    for (recording, run) in store.read_all().unwrap().into_iter().zip(["a", "b", "c"]) {
        assert_eq!(recording.header, ended(run));
        assert_eq!(recording.calls, (1..=70).flat_map(|window| segment(window, 3).calls).collect::<Vec<_>>());
    }
}

#[test]
fn a_run_can_be_read_while_it_and_another_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let done = finished(folder.path(), "done", Format::Parquet, 3);
    let mut live = writer(folder.path(), "live", Format::Parquet);
    thread::scope(|scope| {
        let recorder = scope.spawn(move || {
            for window in 1..=200 {
                live.seal(&segment(window, 3)).unwrap();
            }
            live.finish(&ended("live")).unwrap();
        });
        // Whatever moment it is, merges included: all windows up to some one, with all their rows.
        while !recorder.is_finished() {
            let recording = read(folder.path(), "live");
            let sealed = u32::try_from(recording.windows.len()).unwrap();
            assert_eq!(recording.calls.len(), recording.windows.len() * 3);
            assert_eq!(recording.windows.last().map_or(0, |window| window.window), sealed);
            assert!(recording.losses.iter().all(|loss| loss.kind != LossKind::CutOff));
            assert_eq!(read(folder.path(), "done").windows.len(), 3);
        }
    });
    assert_eq!(read(folder.path(), "live").windows.len(), 200);
    assert!(done.is_dir());
}

#[test]
fn a_run_never_overwrites_another() {
    let folder = tempfile::tempdir().unwrap();
    let first = writer(folder.path(), "a", Format::Parquet);
    let error = RunWriter::create(folder.path(), &header("a"), Format::Json).unwrap_err();
    assert!(matches!(&error, StoreError::RunExists { path } if path == first.path()), "{error}");
    assert_eq!(read(folder.path(), "a").containers.len(), 1);
}
