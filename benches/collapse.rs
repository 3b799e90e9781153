//! Collapse speed: what it takes to make one file of 64 windows, compared with writing the same rows at once.
//!
//! Processor time of this thread, least of all rounds: neither the disk nor other load is in it. Both are done in turn,
//! so that what slows the machine slows both.

#![expect(clippy::unwrap_used, reason = "what cannot be measured ends the measurement")]
#![expect(clippy::print_stdout, reason = "the result is what it is run for")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use ctrec_recording::{
    Abi, Call, CgroupLayout, Format, Header, Origin, Phase, RunWriter, SchemaVersion, Segment, Settings, Window,
};

/// As many as are merged at once.
const WINDOWS: u32 = 64;
/// Calls of a window: a few containers at work.
const CALLS: u32 = 250;
const ROUNDS: usize = 20;

fn main() {
    println!("\ncollapse of {WINDOWS} windows of {CALLS} calls, least of {ROUNDS} rounds\n");
    println!("| format | written at once, ms | collapsed, ms | ratio |\n|---|---|---|---|");
    for format in Format::ALL {
        let folder = tempfile::tempdir().unwrap();
        let (mut once, mut collapsed) = (Duration::MAX, Duration::MAX);
        for round in 0..ROUNDS {
            once = once.min(write_at_once(folder.path(), &format!("once-{format}-{round}"), format));
            collapsed = collapsed.min(collapse(folder.path(), &format!("collapsed-{format}-{round}"), format));
        }
        let [once, collapsed] = [once, collapsed].map(|time| time.as_secs_f64() * 1e3);
        println!("| {format} | {once:.1} | {collapsed:.1} | {:.1} |", collapsed / once);
    }
}

/// Writes the rows of all windows as those of one.
fn write_at_once(store: &Path, run: &str, format: Format) -> Duration {
    let mut writer = RunWriter::create(store, &header(run), format).unwrap();
    let all = segment(1, WINDOWS * CALLS);
    time(|| writer.seal(&all).unwrap())
}

/// Writes each window, and collapses them when the last one is sealed. That last window is in the time.
fn collapse(store: &Path, run: &str, format: Format) -> Duration {
    let mut writer = RunWriter::create(store, &header(run), format).unwrap();
    for window in 1..WINDOWS {
        writer.seal(&segment(window, CALLS)).unwrap();
    }
    let last = segment(WINDOWS, CALLS);
    let spent = time(|| writer.seal(&last).unwrap());
    let files = std::fs::read_dir(writer.path().join("calls")).unwrap().count();
    assert_eq!(files, 1, "they were collapsed");
    spent
}

/// Processor time of this thread.
fn time(work: impl FnOnce()) -> Duration {
    let on_processor = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
    };
    let start = on_processor();
    work();
    on_processor().checked_sub(start).unwrap()
}

fn segment(window: u32, calls: u32) -> Segment {
    let start_ns = i64::from(window) * 10_000_000_000;
    let call = |number: u32| Call {
        window,
        container: number % 7,
        program: number % 11,
        origin: Origin::Init,
        phase: Phase::Workload,
        abi: Abi::X86_64,
        number: i64::from(number % 330),
        succeeded: u64::from(number) * 17,
        failed: u64::from(number % 3),
        interrupted: 0,
        unfinished: 0,
        refused: None,
        first_ns: start_ns + i64::from(number),
        last_ns: start_ns + 9_000_000_000 - i64::from(number),
    };
    Segment {
        window: Window { window, start_ns, end_ns: start_ns + 10_000_000_000 },
        calls: (0..calls).map(call).collect(),
        errnos: Vec::new(),
        arguments: Vec::new(),
        values: Vec::new(),
        starts: Vec::new(),
        checks: Vec::new(),
        askers: Vec::new(),
        identities: Vec::new(),
        losses: Vec::new(),
    }
}

fn header(run: &str) -> Header {
    Header {
        schema: SchemaVersion::CURRENT,
        run: run.to_owned(),
        ctrec_version: env!("CARGO_PKG_VERSION").to_owned(),
        host: "bench".to_owned(),
        kernel: String::new(),
        arch: String::new(),
        cgroups: CgroupLayout::V2,
        hooks: Vec::new(),
        sysctls: BTreeMap::new(),
        settings: Settings { window_ns: 10_000_000_000, containers: Vec::new(), command: None },
        started_ns: 0,
        ended_ns: None,
        end: None,
        continues: None,
        cost: None,
    }
}
