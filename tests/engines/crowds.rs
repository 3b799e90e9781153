//! Much at once, and for long: programs, processes, windows. Everything is counted, and memory has a bound.

use std::fs;
use std::time::Instant;

use ctrec_recording::{Recording, Store};
use tempfile::TempDir;

use crate::gate;
use crate::image::text;
use crate::process::Process;
use crate::program::Program;
use crate::recorder::{Recorded, record_command};
use crate::wait::wait_for;

/// Calls on x86-64. No shell calls `sched_yield`.
const SCHED_YIELD: i64 = 24;
const EXECVE: i64 = 59;
const GETPPID: i64 = 110;

fn made(recorded: &Recorded, number: i64) -> u64 {
    recorded.rows().filter(|call| call.number == number).map(|call| call.succeeded).sum()
}

#[test]
fn sixty_four_programs_of_a_container_are_told_apart() {
    if !gate::open("sixty_four_programs_of_a_container_are_told_apart", &["gcc"]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let script = r#"for number in $(seq 64); do
        cp "$1" "$2/$number" && "$2/$number" 2 0 $number > /dev/null & [ $((number % 4)) -ne 0 ] || wait
    done; wait"#;
    let binary = Program::Counts.binary();
    let (outcome, recorded) = record_command(&["sh", "-c", script, "sh", text(&binary), text(folder.path())]);
    outcome.success();
    assert_eq!(recorded.recording().losses, []);
    for number in 1..=64 {
        let path = folder.path().join(number.to_string());
        let calls = recorded.rows_of(text(&path)).filter(|call| call.number == SCHED_YIELD);
        assert_eq!(calls.map(|call| call.succeeded).sum::<u64>(), 2 * number, "of program {number}");
    }
}

#[test]
fn as_many_processes_as_two_cpus_can_start_are_all_counted() {
    if !gate::open("as_many_processes_as_two_cpus_can_start_are_all_counted", &["gcc"]) {
        return;
    }
    let binary = Program::Spawns.binary();
    let started = Instant::now();
    let (outcome, recorded) = record_command(&[text(&binary), "2", "3000"]);
    outcome.success();
    println!("6000 processes, the recorder's start included, in {:?}", started.elapsed());
    assert_eq!(recorded.recording().losses, []);
    assert_eq!(made(&recorded, GETPPID), 6_000, "once a process");
    // ctrec's own that started it, and one a process.
    assert_eq!(made(&recorded, EXECVE), 6_001);
}

/// Windows that are recorded: each is as much work for the recorder as one of ten seconds in which as much happens.
const WINDOWS: u32 = 200;
/// Memory that the recorder may grow by once the files of the first 64 windows have been merged, which takes the most.
const GROWTH_BYTES: u64 = 4 << 20;

/// Starts new programs and ends them until it is told to stop.
const ON_AND_ON: &str = r#"n=0
until [ -e "$2" ]; do "$1" 1 0 10 > /dev/null && n=$((n + 1)); done
echo $n"#;

/// The most memory that a process ever had.
fn peak_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn a_recording_of_many_windows_does_not_grow() {
    if !gate::open("a_recording_of_many_windows_does_not_grow", &["gcc"]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let [store, stop] = ["store", "stop"].map(|name| folder.path().join(name));
    let binary = Program::Counts.binary();
    let record = [env!("CARGO_BIN_EXE_ctrec"), "record", "--window", "100ms", "--output", text(&store), "--"];
    let command = ["sh", "-c", ON_AND_ON, "sh", text(&binary), text(&stop)];
    let process = Process::start(&[record.as_slice(), &command].concat());
    let only_run = || -> Option<Recording> { Store::open(&store).and_then(|store| store.read_all()).ok()?.pop() };
    let reached = |windows: u32| {
        wait_for("windows", || only_run()?.windows.last().filter(|last| last.window >= windows).map(drop));
        peak_bytes(process.id())
    };
    let early = reached(100);
    let late = reached(WINDOWS);
    fs::write(&stop, "").unwrap();
    let outcome = process.finish();
    let times: u64 = outcome.stdout.trim().parse().unwrap();
    outcome.success();
    let recording = only_run().unwrap();
    println!("{} KiB after 100 windows, {} KiB after {WINDOWS}", early >> 10, late >> 10);
    assert!(late <= early + GROWTH_BYTES, "{early} bytes after 100 windows, {late} after {WINDOWS}");
    let calls = recording.calls.iter().filter(|call| call.number == SCHED_YIELD);
    assert_eq!(calls.map(|call| call.succeeded).sum::<u64>(), 10 * times);
    assert_eq!(recording.losses, []);
}
