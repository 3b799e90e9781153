//! Reading is quick enough for `recommend` to answer at once.

use std::fs;
use std::path::Path;
use std::time::Duration;

use ctrec_recording::Format;

use super::samples::{ended, read, segment, writer};

/// Time that this thread has had a processor for: unlike the clock on the wall it leaves out what else the machine does.
fn on_cpu() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn best(store: &Path) -> Duration {
    let once = |_| {
        let start = on_cpu();
        assert!(!read(store, "a").calls.is_empty());
        on_cpu().checked_sub(start).unwrap()
    };
    (0..10).map(once).min().unwrap()
}

#[test]
fn small_and_merged_files_are_read_in_under_100_ms() {
    // 20 windows of 6 tables are 120 small files; 60 windows are ten minutes.
    for (windows, merge) in [(20, false), (60, true)] {
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
