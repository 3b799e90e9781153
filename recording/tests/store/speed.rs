//! Reading is quick enough for `recommend` to answer at once.

use std::path::Path;
use std::time::{Duration, Instant};

use ctrec_recording::Format;

use super::samples::{ended, read, segment, writer};

/// The best of several: this measures the reader, not what else the machine does.
fn best(store: &Path) -> Duration {
    let once = |_| {
        let start = Instant::now();
        assert!(!read(store, "a").calls.is_empty());
        start.elapsed()
    };
    (0..10).map(once).min().unwrap()
}

#[test]
fn an_hour_of_small_or_merged_files_reads_in_under_100_ms() {
    // 20 windows of 6 tables are 120 small files; 60 windows are ten minutes, 360 windows an hour.
    for (windows, merge) in [(20, false), (60, true), (360, true)] {
        let folder = tempfile::tempdir().unwrap();
        let mut run = writer(folder.path(), "a", Format::Parquet);
        for window in 1..=windows {
            run.seal(&segment(window, 200)).unwrap();
        }
        if merge {
            run.finish(&ended("a")).unwrap();
        }
        let best = best(folder.path());
        println!("{windows} windows of 200 calls, merged: {merge}: {best:?}");
        assert!(best < Duration::from_millis(100), "{windows} windows: {best:?}");
    }
}
