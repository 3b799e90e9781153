//! Machines that are broken in ways that only root can arrange: no BTF, no room on the disk. One clear error, the
//! documented exit code, and nothing that was recorded is lost.

use std::fs;

use ctrec_recording::Store;
use tempfile::TempDir;

use crate::gate;
use crate::image::text;
use crate::process::{Outcome, run};

/// Runs a shell script in a mount namespace of its own; `$0` is ctrec, `$1` a folder to use.
fn in_own_mounts(script: &str, folder: &TempDir) -> Outcome {
    run(&["unshare", "--mount", "sh", "-c", script, env!("CARGO_BIN_EXE_ctrec"), text(folder.path())])
}

fn assert_refused(outcome: &Outcome, code: i32, needles: &[&str]) {
    assert_eq!(outcome.code, code, "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
    assert_eq!(outcome.stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{}", outcome.stderr);
    for needle in needles {
        assert!(outcome.stderr.contains(needle), "{needle:?} is not in: {}", outcome.stderr);
    }
}

#[test]
fn a_kernel_without_btf_is_named() {
    if !gate::open("a_kernel_without_btf_is_named", &[]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let hide = "mount -t tmpfs none /sys/kernel/btf && exec";
    let outcome = in_own_mounts(&format!("{hide} \"$0\" record --output \"$1/store\" --duration 1s"), &folder);
    assert_refused(&outcome, 3, &["BTF"]);
    let outcome = in_own_mounts(&format!("{hide} \"$0\" record --output \"$1/store\" -- true"), &folder);
    assert_refused(&outcome, 125, &["BTF"]);
}

#[test]
fn a_store_that_cannot_be_written_is_named() {
    if !gate::open("a_store_that_cannot_be_written_is_named", &[]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let read_only = "mount -t tmpfs -o ro none \"$1\" && exec";
    let outcome = in_own_mounts(&format!("{read_only} \"$0\" record --output \"$1/store\" --duration 1s"), &folder);
    assert_refused(&outcome, 3, &[text(folder.path())]);
    let outcome = in_own_mounts(&format!("{read_only} \"$0\" record --output \"$1/store\" -- true"), &folder);
    assert_refused(&outcome, 125, &[text(folder.path())]);
}

/// The disk fills up while a command is recorded, and has room again before it ends: the windows that could not be
/// written are in later ones, and the recording says so.
#[test]
fn a_full_disk_delays_windows_and_loses_nothing() {
    if !gate::open("a_full_disk_delays_windows_and_loses_nothing", &["gcc"]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let counts = crate::program::Program::Counts.binary();
    let workload = format!(
        "head -c 100M /dev/zero > \"$1/disk/filler\" 2>/dev/null; {counts} 1 0 1000 >/dev/null; \
         until grep -q 'cannot be written' \"$1/stderr\"; do {counts} 1 0 10 >/dev/null; echo >> \"$1/rounds\"; done; \
         rm \"$1/disk/filler\"",
        counts = text(&counts)
    );
    fs::write(folder.path().join("workload"), workload).unwrap();
    let script = "mkdir \"$1/disk\" && mount -t tmpfs -o size=2M none \"$1/disk\" && \
        \"$0\" record --window 1s --output \"$1/disk/store\" -- sh -c '. \"$0/workload\"' \"$1\" 2> \"$1/stderr\"; \
        code=$?; cat \"$1/stderr\" >&2; cp -r \"$1/disk/store\" \"$1/store\"; exit $code";
    in_own_mounts(script, &folder).success();

    let rounds = fs::read(folder.path().join("rounds")).map_or(0, |rounds| rounds.len() as u64);
    let recording = Store::open(folder.path().join("store")).and_then(|store| store.read_all()).unwrap().remove(0);
    let yields = recording.calls.iter().filter(|call| call.number == 24).map(|call| call.succeeded).sum::<u64>();
    assert_eq!(yields, 1000 + 10 * rounds, "sched_yield, all of them");
    assert!(recording.losses.iter().any(|loss| loss.kind == ctrec_recording::LossKind::WriteDelayed));
}
