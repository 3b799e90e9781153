//! Whatever bytes a file holds: rows or an error, never a panic.

use std::fs;
use std::path::{Path, PathBuf};

use ctrec_recording::{Format, Store, StoreError};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::samples::{finished, read};

/// A run and its file of calls.
fn sample(format: Format) -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let run = finished(folder.path(), "a", format, 3);
    let file = run.join(format!("calls/w000001-000003.{}", format.ending()));
    let bytes = fs::read(&file).unwrap();
    (folder, file, bytes)
}

fn try_read(store: &Path) -> Result<(), StoreError> {
    Store::open(store)?.read("a").map(drop)
}

/// Whether the file is said to be damaged, or its run not to be whole.
fn is_noticed(error: &StoreError, file: &Path, not_whole: bool) -> bool {
    match error {
        StoreError::Damaged { path, .. } => !not_whole && path == file,
        StoreError::NotWhole { path, .. } => not_whole && file.starts_with(path),
        _ => false,
    }
}

#[test]
fn a_file_cut_at_any_length_is_damaged() {
    for format in Format::ALL {
        let (folder, file, bytes) = sample(format);
        for length in 0..bytes.len() {
            fs::write(&file, &bytes[..length]).unwrap();
            let error = try_read(folder.path()).unwrap_err();
            // NDJSON that is cut between lines is NDJSON, but fewer lines.
            let between = format == Format::Json && (length == 0 || bytes[length - 1] == b'\n');
            assert!(is_noticed(&error, &file, between), "{length}: {error}");
        }
        fs::write(&file, &bytes).unwrap();
        assert_eq!(read(folder.path(), "a").calls.len(), 9);
    }
}

/// Runs a case many times; the sample is made once, its files are synced.
fn many<S: Strategy>(strategy: &S, case: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config).run(strategy, case).unwrap();
}

#[test]
fn any_damage_gives_rows_or_an_error() {
    let damage = proptest::collection::vec((any::<usize>(), any::<u8>()), 1..12);
    for format in Format::ALL {
        let (folder, file, whole) = sample(format);
        many(&(&damage, any::<Option<usize>>()), |(damage, cut)| {
            let mut bytes = whole.clone();
            for (at, byte) in damage {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            if let Some(cut) = cut {
                bytes.drain(4..4 + cut % (bytes.len() - 12));
            }
            fs::write(&file, &bytes).unwrap();
            match try_read(folder.path()) {
                Ok(()) => prop_assert!(bytes == whole),
                Err(error) => prop_assert!(
                    is_noticed(&error, &file, false) || format == Format::Json && is_noticed(&error, &file, true),
                    "{error}"
                ),
            }
            Ok(())
        });
    }
}

#[test]
fn any_header_gives_a_run_or_an_error() {
    let (folder, file, _) = sample(Format::Parquet);
    let path = file.ancestors().nth(2).unwrap().join("run.json");
    let whole = fs::read(&path).unwrap();
    many(&(any::<usize>(), any::<u8>(), any::<usize>()), |(at, byte, cut)| {
        let mut bytes = whole.clone();
        let (at, cut) = (at % bytes.len(), cut % (bytes.len() - 1));
        bytes[at] = byte;
        fs::write(&path, &bytes).unwrap();
        if let Err(error) = try_read(folder.path()) {
            use StoreError::{Damaged, NotWhole, UnknownFormat};
            // A header that says what else the run should hold makes it one that is not whole.
            prop_assert!(matches!(error, Damaged { .. } | UnknownFormat { .. } | NotWhole { .. }), "{error}");
        }
        fs::write(&path, &bytes[..cut]).unwrap();
        prop_assert!(try_read(folder.path()).is_err());
        Ok(())
    });
}
