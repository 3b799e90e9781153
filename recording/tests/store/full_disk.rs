//! A disk that is full for a while.

use std::env;
use std::fs;
use std::io::Write;
use std::path::Path;

use ctrec_recording::{End, Format, Header, LossKind, StoreError};

use super::elsewhere;
use super::samples::{ended, names_below, read, segment, writer};

const TEST: &str = "full_disk::a_full_disk_loses_nothing_once_there_is_room_again";

#[test]
fn a_full_disk_loses_nothing_once_there_is_room_again() {
    on_small_disk(TEST, fill_and_free);
}

#[test]
fn on_a_full_disk_a_run_has_its_last_window_and_says_why_it_ended() {
    on_small_disk("full_disk::on_a_full_disk_a_run_has_its_last_window_and_says_why_it_ended", fill_and_end);
}

/// A disk of 4 MiB needs a mount, and a mount needs a namespace: the test runs itself in one.
fn on_small_disk(test: &str, happens: impl FnOnce(&Path)) {
    if elsewhere::is_here() {
        return happens(&env::current_dir().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=4m tmpfs \"$0\" && cd \"$0\" && exec \"$@\"";
    let folder = folder.path().to_str().unwrap();
    elsewhere::run_again(test, &["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, folder]);
}

/// Nothing fits on it any more.
fn fill(ballast: &Path) {
    let mut ballast = fs::File::options().append(true).create(true).open(ballast).unwrap();
    while ballast.write_all(&[1; 4096]).is_ok() {}
}

fn fill_and_end(disk: &Path) {
    let store = disk.join("store");
    for format in Format::ALL {
        let run_id = format.ending();
        let mut run = writer(&store, run_id, format);
        run.seal(&segment(1, 100)).unwrap();
        fill(&disk.join("ballast"));
        run.seal(&segment(2, 100)).unwrap_err();
        run.make_room().unwrap();
        run.seal(&segment(2, 100)).unwrap();
        fill(&disk.join("ballast"));
        run.seal(&segment(3, 5000)).unwrap_err();
        let end = Some(End::Failure { message: "the disk is full".to_owned() });
        match run.finish(&Header { ended_ns: None, end: end.clone(), ..ended(run_id) }) {
            Ok(()) | Err(StoreError::Unmerged { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        let recording = read(&store, run_id);
        assert_eq!((recording.header.end, recording.windows.len()), (end, 2));
        assert!(recording.losses.iter().any(|loss| loss.kind == LossKind::CutOff), "{:?}", recording.losses);
        fs::remove_file(disk.join("ballast")).unwrap();
        fs::remove_dir_all(&store).unwrap();
    }
}

fn fill_and_free(disk: &Path) {
    let store = disk.join("store");
    for format in Format::ALL {
        let mut run = writer(&store, format.ending(), format);
        run.seal(&segment(1, 100)).unwrap();
        let before = names_below(run.path());
        let path = disk.join("ballast");
        let mut ballast = fs::File::create(&path).unwrap();
        while ballast.write_all(&[1; 4096]).is_ok() {}
        let large = segment(2, 5000);
        let error = run.seal(&large).unwrap_err();
        assert!(matches!(error, StoreError::Write { .. }), "{error}");
        assert!(error.to_string().contains("free some space"), "{error}");
        assert_eq!(names_below(run.path()), before);
        assert_eq!(read(&store, format.ending()).windows.len(), 1);
        drop(ballast);
        fs::remove_file(&path).unwrap();
        run.seal(&large).unwrap();
        run.finish(&ended(format.ending())).unwrap();
        let recording = read(&store, format.ending());
        assert_eq!((recording.windows.len(), recording.calls.len()), (2, 5100));
        fs::remove_dir_all(&store).unwrap();
    }
}
