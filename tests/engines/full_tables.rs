//! Tables of the kernel side that are full: what does not fit is counted, for the container that it belongs to, and
//! whatever is made from the recording says that it is incomplete.
//!
//! The tables are made smaller for it, so the recorder runs in this process: there is no option that does that.

#![expect(unsafe_code, reason = "signals get their default back; see the SAFETY comment")]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use ctrec_record::{CheckHook, Options, Outcome, Target, record};
use ctrec_recording::{Check, Ended, Format, Loss, LossKind, Recording};
use nix::sys::signal::{SigHandler, Signal, signal};
use tempfile::TempDir;

use crate::gate;
use crate::image::text;
use crate::native::number;
use crate::program::Program;
use crate::recorder::{ctrec, only_run};

/// `sched_yield` on x86-64, which no shell calls.
const SCHED_YIELD: i64 = 24;

/// Records a command with tables of so many entries.
fn record_with(tables: &[(&str, u32)], command: &[&str]) -> (TempDir, Outcome) {
    record_otherwise(tables, command, |_| ())
}

/// Like [`record_with`], with options that are changed.
fn record_otherwise(tables: &[(&str, u32)], command: &[&str], change: impl FnOnce(&mut Options)) -> (TempDir, Outcome) {
    let store = TempDir::new().unwrap();
    // What it prints is for other tests.
    let command: Vec<&str> =
        ["sh", "-c", r#"exec "$0" "$@" > /dev/null"#].into_iter().chain(command.iter().copied()).collect();
    let mut options = Options {
        store: store.path().to_owned(),
        format: Format::Parquet,
        window: Duration::from_millis(500),
        duration: None,
        tick: None,
        most_bytes: None,
        target: Target::Command(command.iter().map(OsString::from).collect()),
        exact_refusals: false,
        check_hook: None,
        ctrec_version: "of a test".to_owned(),
        owner: None,
        confine: None,
        tables: tables.iter().map(|(name, most)| ((*name).to_owned(), *most)).collect(),
    };
    change(&mut options);
    let outcome = record(&options, &mut |_| ()).unwrap();
    for ends in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // SAFETY: sets no handler.
        unsafe { signal(ends, SigHandler::SigDfl) }.unwrap();
    }
    assert_eq!(outcome.command_code, Some(0), "{command:?}");
    (store, outcome)
}

/// Losses of one kind and place, of the only container.
fn lost(recording: &Recording, kind: LossKind, detail: &str) -> u64 {
    let [container] = &recording.containers[..] else { panic!("one container: {:?}", recording.containers) };
    let is_it = |loss: &&Loss| (loss.kind, loss.detail.as_str()) == (kind, detail);
    let losses: Vec<_> = recording.losses.iter().filter(is_it).collect();
    assert!(losses.iter().all(|loss| loss.container == Some(container.container)), "{losses:?}");
    losses.iter().map(|loss| loss.count).sum()
}

/// A script that runs 20 copies of a program, which are 20 programs.
fn copies(arguments: &str) -> String {
    format!(
        r#"folder=$(mktemp -d)
        for number in $(seq 20); do
            cp "$1" $folder/$number && $folder/$number {arguments} > /dev/null || exit 1
        done
        rm -r $folder"#
    )
}

/// Everything that shows a recording says what the loss means.
fn assert_said_everywhere(store: &TempDir, name: &str, outcome: &Outcome) {
    let store = text(store.path());
    let words: [&[&str]; 4] = [
        &["recommend", "--container", name],
        &["caps", "--container", name, "--format", "text"],
        &["report", "--container", name],
        &["report", "--container", name, "--format", "markdown"],
    ];
    for words in words {
        let shown = ctrec(&[words, &[store]].concat());
        let all = format!("{}{}", shown.stdout, shown.stderr).to_lowercase();
        assert!(all.contains("incomplete: "), "{words:?}: {all}");
    }
    let json = ctrec(&["report", "--container", name, "--format", "json", store]).success();
    assert!(json.contains(r#""severity": "incomplete""#), "{json}");
    let profile = TempDir::new().unwrap();
    let file = profile.path().join("profile.json");
    std::fs::write(&file, ctrec(&["recommend", "--container", name, store]).success()).unwrap();
    let verified = ctrec(&["verify", "--profile", text(&file), "--container", name, store]);
    assert!(verified.stderr.contains("incomplete: "), "{verified:?}");
    let recording = only_run(Path::new(store));
    let losses: u64 = recording.losses.iter().map(|loss| loss.count).sum();
    assert_eq!(outcome.progress.losses, losses, "said at the end of the recording");
    let listed = ctrec(&["list", "--format", "json", store]).success();
    assert!(listed.contains(&format!(r#""losses": {losses}"#)), "{losses} in {listed}");
}

/// Records with tables that are too small, and sees to it that everything says so.
fn assert_full(tables: &[(&str, u32)], kind: LossKind, details: &[&str], command: &[&str]) -> Recording {
    let (store, outcome) = record_with(tables, command);
    let recording = only_run(store.path());
    for detail in details {
        assert!(lost(&recording, kind, detail) > 0, "{detail} of {tables:?}: {:?}", recording.losses);
    }
    let name = recording.containers[0].name.clone();
    assert_said_everywhere(&store, &name, &outcome);
    recording
}

#[test]
fn calls_without_a_slot_are_counted_as_lost_each() {
    if !gate::open("calls_without_a_slot_are_counted_as_lost_each", &["gcc"]) {
        return;
    }
    let (binary, script) = (Program::Counts.binary(), copies("1 0 7"));
    let command = ["sh", "-c", &script, "sh", text(&binary)];
    let recording = assert_full(&[("slots", 8)], LossKind::SlotsFull, &["slots"], &command);
    let whole = only_run(record_with(&[], &command).0.path());
    assert_eq!(whole.losses, []);
    let made = |recording: &Recording, number: i64| -> u64 {
        let calls = recording.calls.iter().filter(|call| call.number == number);
        calls.map(|call| call.succeeded + call.failed).sum()
    };
    assert_eq!(made(&whole, SCHED_YIELD), 20 * 7);
    let (counted, lost) = (made(&recording, SCHED_YIELD), lost(&recording, LossKind::SlotsFull, "slots"));
    assert!(counted < 20 * 7 && counted % 7 == 0, "programs with a slot are counted whole: {counted}");
    assert!(lost >= 20 * 7 - counted, "{lost}");
}

#[test]
fn what_a_full_table_does_not_take_is_lost_by_name() {
    if !gate::open("what_a_full_table_does_not_take_is_lost_by_name", &["gcc"]) {
        return;
    }
    let [counts, checks, namespaces, values] =
        [Program::Counts, Program::Checks, Program::Namespaces, Program::Values].map(Program::binary);
    let many = copies("1 0 2");
    let of_clone = copies("2");
    let lost = |tables: &[&str], details: &[&str], command: &[&str]| {
        let tables: Vec<_> = tables.iter().map(|table| (*table, 1)).collect();
        assert_full(&tables, LossKind::MapFull, details, command);
    };
    let full = |tables: &[&str], command: &[&str]| lost(tables, tables, command);
    let copied = ["sh", "-c", &many, "sh", text(&counts)];
    full(&["sparse", "starts", "identities"], &copied);
    full(&["programs"], &copied);
    lost(&["paths"], &["programs"], &copied);
    full(&["tasks"], &[text(&counts), "8", "2", "20"]);
    full(&["arguments"], &["sh", "-c", &of_clone, "sh", text(&namespaces)]);
    let checked = [text(&checks), "1", "0", "5"];
    full(&["checks"], &checked);
    lost(&["check_counts", "check_ends", "askers"], &["checks", "askers"], &checked);
    for table in ["values", "value_counts"] {
        lost(&[table], &["values of arguments"], &[text(&values), "known", "1", "0", "5"]);
    }
}

/// Checks for `CAP_CHOWN` by `fchownat`.
fn checks_of_chown(recording: &Recording) -> impl Iterator<Item = &Check> {
    recording.checks.iter().filter(|check| (check.capability, check.number) == (0, number("fchownat")))
}

#[test]
fn a_check_that_finds_no_place_to_wait_is_counted_without_its_end() {
    if !gate::open("a_check_that_finds_no_place_to_wait_is_counted_without_its_end", &["gcc"]) {
        return;
    }
    let binary = Program::Checks.binary();
    // Two checks of each call, of which one waits in the table, in as many threads as can meet there.
    let (store, _) = record_with(&[("pending", 1)], &[text(&binary), "8", "0", "2000"]);
    let recording = only_run(store.path());
    assert_eq!(recording.losses, []);
    assert_eq!(checks_of_chown(&recording).map(|check| check.count).sum::<u64>(), 2 * 8 * 2000);
    let ends: BTreeSet<_> = checks_of_chown(&recording).map(|check| check.ended).collect();
    assert_eq!(ends, BTreeSet::from([Ended::Succeeded, Ended::Unknown]));
}

/// Losses of a table's name that are the only container's: others of the host may have some too.
fn own_losses(recording: &Recording, detail: &str) -> u64 {
    let own = recording.losses.iter().filter(|loss| loss.container.is_some());
    own.filter(|loss| (loss.kind, loss.detail.as_str()) == (LossKind::MapFull, detail)).map(|loss| loss.count).sum()
}

/// Only a kprobe leaves its arguments to another program, so this is for machines that have one (`CTREC_CHECK_HOOK`, as
/// scripts/kernels.sh sets it).
#[test]
fn by_kprobe_a_check_that_is_not_passed_on_is_lost() {
    let test = "by_kprobe_a_check_that_is_not_passed_on_is_lost";
    if !gate::open(test, &["gcc"]) {
        return;
    }
    if std::env::var("CTREC_CHECK_HOOK").as_deref() != Ok("kprobe") {
        gate::tell_elsewhere(test, "no kprobe is asked for here");
        return;
    }
    let binary = Program::Checks.binary();
    let command = [text(&binary), "8", "0", "2000"];
    let change = |options: &mut Options| options.check_hook = Some(CheckHook::Kprobe);
    let recording = only_run(record_otherwise(&[("questions", 1)], &command, change).0.path());
    let lost = own_losses(&recording, "checks");
    let counted: u64 = checks_of_chown(&recording).map(|check| check.count).sum();
    assert!(lost > 0 && counted <= 2 * 8 * 2000 && counted + lost >= 2 * 8 * 2000, "{counted} and {lost} lost");
}

/// Where CPUs cannot agree on a place in memory (before Linux 5.15), a table has all threads that are in a call.
#[test]
fn on_old_kernels_a_call_without_a_place_is_a_loss() {
    let test = "on_old_kernels_a_call_without_a_place_is_a_loss";
    if !gate::open(test, &["gcc"]) {
        return;
    }
    let release = nix::sys::utsname::uname().unwrap().release().to_string_lossy().into_owned();
    if !release.starts_with("5.10.") {
        gate::tell_elsewhere(test, &format!("Linux {release} needs no such table"));
        return;
    }
    let binary = Program::Counts.binary();
    let command = [text(&binary), "8", "0", "200"];
    let change = |options: &mut Options| options.exact_refusals = true;
    let recording = only_run(record_otherwise(&[("more_entries", 1)], &command, change).0.path());
    assert!(own_losses(&recording, "tasks") > 0, "{:?}", recording.losses);
    let yields = recording.calls.iter().filter(|call| call.number == SCHED_YIELD);
    assert_eq!(yields.map(|call| call.succeeded).sum::<u64>(), 8 * 200, "calls are counted all the same");
}

#[test]
fn losses_beyond_their_own_table_are_losses_too() {
    if !gate::open("losses_beyond_their_own_table_are_losses_too", &["gcc"]) {
        return;
    }
    let binary = Program::Counts.binary();
    let tables = [("losses", 1), ("sparse", 1), ("tasks", 1)];
    let (store, _) = record_with(&tables, &[text(&binary), "8", "2", "20"]);
    let recording = only_run(store.path());
    let beyond = recording.losses.iter().filter(|loss| loss.detail == "losses" && loss.container.is_none());
    assert!(beyond.map(|loss| loss.count).sum::<u64>() > 0, "{:?}", recording.losses);
}

#[test]
fn an_event_that_finds_no_room_costs_no_count() {
    if !gate::open("an_event_that_finds_no_room_costs_no_count", &["gcc"]) {
        return;
    }
    let binary = Program::Counts.binary();
    // One page takes slots, and not the event of a task that enters, which has a runtime's arguments in it.
    let command = [text(&binary), "2", "3", "400"];
    let recording = assert_full(&[("events", 4096)], LossKind::RingFull, &["events"], &command);
    let calls = recording.calls.iter().filter(|call| call.number == SCHED_YIELD);
    assert_eq!(calls.map(|call| call.succeeded).sum::<u64>(), 2 * 4 * 400);
}

#[test]
fn a_cgroup_that_cannot_be_kept_is_a_loss() {
    if !gate::open("a_cgroup_that_cannot_be_kept_is_a_loss", &["gcc"]) {
        return;
    }
    let script = "root=$(awk '$0 ~ / - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
        own=$(sed -n 's/^0:://p' /proc/self/cgroup)
        mkdir $root$own/below && rmdir $root$own/below";
    assert_full(&[("cgroups", 1)], LossKind::MapFull, &["containers"], &["sh", "-c", script]);
}
