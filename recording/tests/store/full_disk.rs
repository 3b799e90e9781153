//! A disk that is full for a while.

use std::env;
use std::fs;
use std::io::Write;
use std::path::Path;

use ctrec_recording::{Format, StoreError};

use super::elsewhere;
use super::samples::{ended, names_below, read, segment, writer};

const TEST: &str = "full_disk::a_full_disk_loses_nothing_once_there_is_room_again";

/// A disk of 4 MiB needs a mount, and a mount needs a namespace: the test runs itself in one.
#[test]
fn a_full_disk_loses_nothing_once_there_is_room_again() {
    if elsewhere::is_here() {
        return fill_and_free(&env::current_dir().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=4m tmpfs \"$0\" && cd \"$0\" && exec \"$@\"";
    let folder = folder.path().to_str().unwrap();
    elsewhere::run_again(TEST, &["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, folder]);
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
