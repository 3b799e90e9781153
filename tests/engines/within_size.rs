//! Recorders that keep their store within a size: runs that continue each other, and runs that are removed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ctrec_enforce::Status;
use ctrec_recording::{End, Format, Header, Recording, RunWriter, Store};
use tempfile::TempDir;

use crate::gate;
use crate::image::text;
use crate::process::{Process, run};
use crate::program::Program;
use crate::recorder::ctrec;
use crate::wait::{wait_at_most, wait_for};

/// getppid on x86-64.
const GETPPID: i64 = 110;
/// How often `counts` calls it each time.
const EACH: u64 = 100;
/// The smallest store that a recorder keeps to.
const MOST: u64 = 16_000_000;
/// More than is filled of it.
const TOO_LARGE: usize = 12_000_000;
/// Longest that it may take to fill a store: a machine under load writes a few hundred kilobytes in a second.
const LONGEST: Duration = Duration::from_secs(400);
/// Starts programs until it is told to stop: every window has many rows.
const BUSY: &str = r#"
    n=0
    until [ -e "$2" ]; do
        "$1" 1 0 100 || exit 1
        for program in ls cat id uname date env wc sort; do $program < /dev/null > /dev/null 2>&1; done
        n=$((n + 1))
    done
    echo "$n""#;

/// A recording of [`BUSY`], and where it is told to stop.
struct Busy {
    process: Process,
    folder: TempDir,
}

impl Busy {
    fn start() -> Self {
        let folder = TempDir::with_prefix("ctrec-within-").unwrap();
        let [store, stop] = ["store", "stop"].map(|name| folder.path().join(name));
        let counts = Program::Counts.binary();
        let record = [env!("CARGO_BIN_EXE_ctrec"), "record", "--output", text(&store), "--format", "json"];
        let limits = ["--window", "100ms", "--max-size", "16MB", "--"];
        let command = ["sh", "-c", BUSY, "sh", text(&counts), text(&stop)];
        let process = Process::start(&[record.as_slice(), &limits, &command].concat());
        Self { process, folder }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// Looks until there is an answer, while it records.
    fn wait_for<T>(&mut self, what: &str, mut look: impl FnMut(&Path) -> Option<T>) -> T {
        let store = self.store();
        let found = wait_at_most(LONGEST, || {
            assert!(self.process.runs(), "ctrec ended: {}", self.process.stderr());
            look(&store)
        });
        found.unwrap_or_else(|| panic!("waited {LONGEST:?} in vain for {what}: {}", self.process.stderr()))
    }

    /// Ends it. Gives how often `counts` ran, what ctrec said, and the folder that holds the store.
    fn stop(self) -> (u64, String, TempDir) {
        fs::write(self.folder.path().join("stop"), "").unwrap();
        let outcome = self.process.finish();
        let said = outcome.stderr.clone();
        (outcome.success().lines().last().unwrap().parse().unwrap(), said, self.folder)
    }
}

/// The runs, oldest first.
fn recordings(store: &Path) -> Vec<Recording> {
    let mut all = Store::open(store).and_then(|store| store.read_all()).unwrap();
    all.sort_by_key(|recording| recording.header.started_ns);
    all
}

fn getppids(recording: &Recording) -> u64 {
    let counts: Vec<u32> = recording
        .programs
        .iter()
        .filter(|it| it.path == text(&Program::Counts.binary()))
        .map(|it| it.program)
        .collect();
    let calls = recording.calls.iter().filter(|call| counts.contains(&call.program) && call.number == GETPPID);
    calls.map(|call| call.succeeded).sum()
}

fn said_of(store: &Path) -> String {
    let outcome = ctrec(&["recommend", "--container", "sh", text(store)]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    // On one line, however it was wrapped.
    outcome.stderr.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn runs_that_continue_each_other_lose_nothing_between_them() {
    if !gate::open("runs_that_continue_each_other_lose_nothing_between_them", &["gcc"]) {
        return;
    }
    let mut busy = Busy::start();
    busy.wait_for("a third run", |store| {
        let runs = Store::open(store).map_or(0, |store| store.runs().len());
        (runs >= 3).then_some(())
    });
    let (times, said, folder) = busy.stop();
    let store = folder.path().join("store");
    let all = recordings(&store);
    assert_eq!(all.iter().map(getppids).sum::<u64>(), times * EACH);
    assert_eq!(all.iter().map(|one| one.losses.len()).sum::<usize>(), 0);
    for pair in all.windows(2) {
        let [before, after] = [&pair[0], &pair[1]];
        assert_eq!(after.header.continues.as_ref(), Some(&before.header.run));
        assert_eq!((before.header.ended_ns, &before.header.end), (Some(after.header.started_ns), &None));
        let (last, first) = (before.windows.last().unwrap(), after.windows.first().unwrap());
        assert_eq!((last.end_ns, first.window), (first.start_ns, 1));
        assert!(after.containers[0].already_running && after.containers[0].id == all[0].containers[0].id);
    }
    assert!(!all[0].containers[0].already_running);
    for cost in all.iter().map(|one| one.header.cost.as_ref().unwrap()) {
        let programs = cost.programs.unwrap();
        assert!(cost.recorder_ns > 0 && cost.kernel_bytes > Some(1 << 20), "{cost:?}");
        assert!(programs.runs > 0 && programs.run_ns > 0 && programs.sampled_ns > programs.run_ns, "{cost:?}");
    }
    assert_eq!(all.last().unwrap().header.end, Some(End::Command { code: 0 }));
    assert!(said.contains(&format!("{} runs, the last in", all.len())), "{said}");
    let whole = said_of(&store);
    assert!(!["not here", "may have seen", "ran before"].iter().any(|words| whole.contains(words)), "{whole}");
    // The last run alone has not seen the start.
    let last = format!("run={}", all.last().unwrap().header.run);
    let alone = folder.path().join("alone");
    fs::create_dir(&alone).unwrap();
    fs::rename(store.join(&last), alone.join(&last)).unwrap();
    let of_last = said_of(&alone);
    let before = &all.iter().rev().nth(1).unwrap().header.run;
    assert!(of_last.contains(&format!("goes on from run {before}, which is not here")), "{of_last}");
    assert!(of_last.contains("a run that is not here may have seen it"), "{of_last}");
    assert!(said_of(&store).contains("is continued by another, which is not here"));
}

#[test]
fn a_store_stays_within_its_size_and_says_what_is_missing() {
    if !gate::open("a_store_stays_within_its_size_and_says_what_is_missing", &["gcc"]) {
        return;
    }
    let mut busy = Busy::start();
    let first = busy.wait_for("the first run", |store| {
        let store = Store::open(store).ok()?;
        store.runs().first().and_then(|run| store.read(run).ok())
    });
    // Older than any other, and written by somebody.
    let header = Header { run: "another".to_owned(), started_ns: 1, ..first.header };
    let other = RunWriter::create(&busy.store(), &header, Format::Json).unwrap();
    busy.wait_for("a run to be removed", |store| {
        let bytes = bytes_of(store);
        assert!(bytes <= MOST, "the store has {bytes} bytes");
        store.join("removed.json").exists().then_some(())
    });
    let (_, said, folder) = busy.stop();
    let store = folder.path().join("store");
    assert!(bytes_of(&store) <= MOST);
    assert!(other.path().join("run.json").exists());
    assert!(said.contains("removed run ") && said.contains("to keep the store within its size"), "{said}");
    let removed = Store::open(&store).unwrap().removed().unwrap().unwrap();
    assert_eq!(said.matches("removed run ").count() as u64, removed.runs);
    assert!(said.contains(&format!(", {} of this recording: ", removed.runs)), "{said}");
    assert_eq!(recordings(&store)[1].header.started_ns, removed.last_ns, "the oldest are gone");
    let shown = said_of(&store);
    assert!(shown.contains("removed to keep the store within its size"), "{shown}");
    assert!(shown.contains("a run that was removed may have seen it"), "{shown}");
}

#[test]
fn a_run_of_another_user_is_removed_from_a_sticky_store() {
    if !gate::open("a_run_of_another_user_is_removed_from_a_sticky_store", &["chown"]) {
        return;
    }
    let folder = TempDir::with_prefix("ctrec-sticky-").unwrap();
    let [store, stop, first] = ["store", "stop", "first"].map(|name| folder.path().join(name));
    fs::create_dir(&store).unwrap();
    fs::set_permissions(&store, fs::Permissions::from_mode(0o1777)).unwrap();
    run(&["chown", "12345", text(&store)]).success();
    // It comes when the recorder has confined itself.
    ctrec(&["record", "--output", text(&first), "--", "true"]).success();
    let old = Store::open(&first).unwrap().runs()[0].clone();
    let old = format!("run={old}");
    fs::write(first.join(&old).join("calls/.large"), vec![0; TOO_LARGE]).unwrap();
    run(&["chown", "--recursive", "54321", text(&first)]).success();

    let record = [env!("CARGO_BIN_EXE_ctrec"), "record", "--window", "100ms", "--max-size", "16MB", "--output"];
    let command = [text(&store), "--", "sh", "-c", "until [ -e \"$1\" ]; do sleep 0.05; done", "sh", text(&stop)];
    let mut process = Process::start(&[record.as_slice(), &command].concat());
    wait_for("the recorder to record", || process.stderr().contains("recording;").then_some(()));
    wait_for("the recorder to be confined", || {
        assert!(process.runs(), "{}", process.stderr());
        Status::of(process.id().cast_signed()).unwrap().no_new_privs.then_some(())
    });
    fs::rename(first.join(&old), store.join(&old)).unwrap();
    wait_for("the run to be removed", || {
        assert!(!process.stderr().contains("cannot be kept"), "{}", process.stderr());
        (!store.join(&old).exists()).then_some(())
    });
    fs::write(&stop, "").unwrap();
    process.finish().success();
    assert_eq!(Store::open(&store).unwrap().removed().unwrap().unwrap().runs, 1);
}

#[test]
fn why_a_run_cannot_be_removed_is_said_with_the_kernels_reason() {
    if !gate::open("why_a_run_cannot_be_removed_is_said_with_the_kernels_reason", &["setpriv"]) {
        return;
    }
    let folder = TempDir::with_prefix("ctrec-sticky-").unwrap();
    let store = folder.path().join("store");
    ctrec(&["record", "--output", text(&store), "--", "true"]).success();
    let run_id = Store::open(&store).unwrap().runs()[0].clone();
    fs::write(store.join(format!("run={run_id}/calls/.large")), vec![0; TOO_LARGE]).unwrap();
    fs::set_permissions(&store, fs::Permissions::from_mode(0o1777)).unwrap();
    run(&["chown", "12345", text(&store)]).success();
    run(&["chown", "--recursive", "54321", text(&store.join(format!("run={run_id}")))]).success();
    let without = ["setpriv", "--bounding-set=-fowner", env!("CARGO_BIN_EXE_ctrec"), "record", "--max-size", "16MB"];
    let outcome = run(&[without.as_slice(), &["--output", text(&store), "--", "true"]].concat());
    assert!(outcome.stderr.contains("warning: the store cannot be kept within its size: "), "{outcome:?}");
    assert!(outcome.stderr.contains("Operation not permitted (os error 1)"), "{outcome:?}");
    outcome.success();
}

/// Bytes on the disk of everything in a folder.
fn bytes_of(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.filter_map(Result::ok).map(|entry| match entry.metadata() {
        Ok(about) if about.is_dir() => bytes_of(&entry.path()),
        Ok(about) => about.blocks() * 512,
        // Merged or removed a moment ago.
        Err(_) => 0,
    });
    sizes.sum()
}
