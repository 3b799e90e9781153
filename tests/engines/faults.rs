//! Recorders through faults: killed at any moment, stopped for long, robbed of their store, and engines that come anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ctrec_recording::{LossKind, Recording, Store};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::docker::Dockerd;
use crate::gate;
use crate::image::{Image, text};
use crate::process::Process;
use crate::program::Program;
use crate::recorder::{Recorder, ctrec, only_run};
use crate::wait::wait_for;

/// `sched_yield` on x86-64.
const SCHED_YIELD: i64 = 24;

/// How often `counts` called `sched_yield` in the sealed windows: once a round.
fn yields(recording: &Recording) -> u64 {
    let is_counts = |path: &str| path.rsplit('/').next().is_some_and(|name| name.starts_with("counts"));
    let programs = recording.programs.iter().filter(|program| is_counts(&program.path));
    let programs: Vec<u32> = programs.map(|program| program.program).collect();
    let calls = recording.calls.iter().filter(|call| programs.contains(&call.program) && call.number == SCHED_YIELD);
    calls.map(|call| call.succeeded).sum()
}

/// Recorders that are killed, and how many at the same time: loading is work for a CPU, and windows are waited for.
const KILLS: usize = 100;
const AT_ONCE: usize = 5;
/// Of ten, so many are killed within this from their start on, which is mostly before they record; so many from when they
/// record on; and the others from their first window on.
const FROM_START: u64 = 5;
const FROM_RECORDING: u64 = 1;
const START_US: u64 = 1_500_000;
const WINDOWS_US: u64 = 300_000;
/// Fewer that had sealed a window would say little.
const FEWEST_WITH_WINDOWS: usize = KILLS / 4;

/// The recorder's clock and the command's are read apart, and not at once.
const APART_NS: i64 = 20_000_000;

/// Starts a recorder by the process id that [`BEAT`] is told.
const RECORD: &str = r#"exec "$0" record --window 100ms --output "$1" -- sh -c "$2" sh "$3" "$4" $$"#;
/// Runs `counts` now and then, which calls `sched_yield` 50 times each, and notes when each run was over. Ends with the
/// recorder, which is killed and cannot take it along.
const BEAT: &str = r#"while kill -0 $3 && "$1" 1 0 50 && date +%s%N >> "$2"; do sleep 0.06; done > /dev/null 2>&1"#;

/// Numbers that depend on a seed alone: Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A seed of the moment; `CTREC_SEED` repeats an old one.
fn seed() -> u64 {
    let given = std::env::var("CTREC_SEED").ok().map(|seed| seed.parse().unwrap());
    given.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::try_from(now.as_nanos()).unwrap() | 1
    })
}

/// Records [`BEAT`] until a moment of chance, and kills the recorder then, and with it the command.
fn record_for_a_while(random: &mut Random, store: &Path, beats: &Path) {
    let counts = Program::Counts.binary();
    let words = [env!("CARGO_BIN_EXE_ctrec"), text(store), BEAT, text(&counts), text(beats)];
    let before = runs(store);
    let process = Process::start(&[["sh", "-c", RECORD].as_slice(), &words].concat());
    let chance = random.below(10);
    if chance >= FROM_START {
        wait_for("the recorder to record", || process.stderr().contains("recording;").then_some(()));
    }
    if chance >= FROM_START + FROM_RECORDING {
        wait_for("a window", || has_window(store, &before).then_some(()));
    }
    let latest_us = if chance < FROM_START { START_US } else { WINDOWS_US };
    let (from, wait) = (Instant::now(), Duration::from_micros(random.below(latest_us)));
    wait_for("the moment", || (from.elapsed() >= wait).then_some(()));
    process.signal(Signal::SIGKILL);
    assert_eq!(process.finish().code, 137);
}

/// What is in a folder, if it is there.
fn paths(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).map(|all| all.flatten().map(|entry| entry.path()).collect()).unwrap_or_default()
}

fn starts_with(path: &Path, start: &str) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))
}

/// Folders of a store's runs.
fn runs(store: &Path) -> Vec<PathBuf> {
    paths(store).into_iter().filter(|path| starts_with(path, "run=")).collect()
}

/// Whether a window was sealed of a run that was not there before.
fn has_window(store: &Path, before: &[PathBuf]) -> bool {
    let new = runs(store).into_iter().find(|run| !before.contains(run));
    new.is_some_and(|run| paths(&run.join("windows")).iter().any(|file| starts_with(file, "w")))
}

/// What a killed recorder left is as exact as its last sealed window: every run of `counts` that was over before that
/// began is in it, and no more than began before it was over.
fn assert_exact(recording: &Recording, beats: &Path) {
    let cut_off: Vec<_> = recording.losses.iter().map(|loss| (loss.kind, loss.count)).collect();
    assert_eq!(cut_off, [(LossKind::CutOff, 1)], "what is missing is named, and nothing else is");
    let Some(last) = recording.windows.last() else { return };
    let stamps = fs::read_to_string(beats).unwrap_or_default();
    let over_by =
        |moment: i64| stamps.lines().filter(|stamp| stamp.parse::<i64>().is_ok_and(|at| at <= moment)).count();
    let counted = yields(recording);
    let least = 50 * over_by(last.start_ns - APART_NS) as u64;
    // One may be over and not noted yet, and one on its way.
    let most = 50 * (over_by(last.end_ns + APART_NS) as u64 + 2);
    assert!((least..=most).contains(&counted), "{counted} is not within {least} and {most}");
    assert_eq!(recording.windows.iter().map(|it| it.window).collect::<Vec<_>>(), (1..=last.window).collect::<Vec<_>>());
}

/// The newest run, which must be readable, once it shows that it was cut off: a command that is just being started may hold
/// a copy of the recorder's lock for a moment.
fn newest_cut_off(store: &Store) -> Option<Recording> {
    let all = store.runs().iter().map(|run| store.read(run).unwrap());
    let newest = all.max_by_key(|recording| recording.header.started_ns)?;
    newest.losses.iter().any(|loss| loss.kind == LossKind::CutOff).then_some(newest)
}

/// Kills a share of the recorders, one after the other, all in one store. Gives how many left windows.
fn kill_some(mut random: Random, kills: usize) -> usize {
    let folder = TempDir::new().unwrap();
    let store = folder.path().join("store");
    let (mut known, mut with_windows) = (0, 0);
    for kill in 0..kills {
        let beats = folder.path().join(format!("beats-{kill}"));
        record_for_a_while(&mut random, &store, &beats);
        // One that was killed early has not made a store yet, or no run.
        let Ok(opened) = Store::open(&store) else {
            assert!(!store.exists() || fs::read_dir(&store).unwrap().next().is_none() || known == 0);
            continue;
        };
        let runs = opened.runs();
        assert!(runs.len() == known || runs.len() == known + 1, "{known} runs, then {}", runs.len());
        if runs.len() > known {
            let newest = wait_for("the run to be nobody's", || newest_cut_off(&opened));
            assert_exact(&newest, &beats);
            with_windows += usize::from(!newest.windows.is_empty());
        }
        known = runs.len();
    }
    if known > 0 {
        let listed = ctrec(&["list", text(&store)]).success();
        assert_eq!(listed.matches("CUT OFF").count(), known, "{listed}");
    }
    with_windows
}

#[test]
fn a_recorder_that_is_killed_at_any_moment_leaves_what_it_sealed() {
    if !gate::open("a_recorder_that_is_killed_at_any_moment_leaves_what_it_sealed", &["gcc"]) {
        return;
    }
    let seed = seed();
    println!("CTREC_SEED={seed}");
    let each = (0..AT_ONCE as u64).map(|part| {
        let random = Random(seed ^ ((part + 1) << 32));
        thread::spawn(move || kill_some(random, KILLS / AT_ONCE))
    });
    let each: Vec<_> = each.collect();
    let with_windows: usize = each.into_iter().map(|part| part.join().unwrap()).sum();
    println!("{with_windows} of {KILLS} had sealed a window");
    assert!(with_windows >= FEWEST_WITH_WINDOWS, "{with_windows}");
}

/// Starts programs for ten seconds, then says how many it were.
const TEN_SECONDS: &str = r#"end=$(($(date +%s) + 10)); n=0
while [ "$(date +%s)" -lt $end ]; do "$1" 1 0 20 > /dev/null && n=$((n + 1)); done
echo $n > "$2"; while ! [ -e "$3" ]; do sleep 0.1; done"#;

#[test]
fn a_recorder_that_is_stopped_for_ten_seconds_loses_nothing() {
    if !gate::open("a_recorder_that_is_stopped_for_ten_seconds_loses_nothing", &["gcc"]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let [store, times, stop] = ["store", "times", "stop"].map(|name| folder.path().join(name));
    let counts = Program::Counts.binary();
    let record = [env!("CARGO_BIN_EXE_ctrec"), "record", "--window", "200ms", "--output", text(&store), "--"];
    let command = ["sh", "-c", TEN_SECONDS, "sh", text(&counts), text(&times), text(&stop)];
    let process = Process::start(&[record.as_slice(), &command].concat());
    let windows = || {
        let recording = Store::open(&store).and_then(|store| store.read_all()).ok()?.pop()?;
        recording.windows.last().map(|last| last.window)
    };
    let before = wait_for("a window", windows);
    process.signal(Signal::SIGSTOP);
    let times: u64 = wait_for("ten seconds", || fs::read_to_string(&times).ok()?.trim().parse().ok());
    process.signal(Signal::SIGCONT);
    wait_for("the recorder to go on", || windows().filter(|now| *now > before + 1));
    fs::write(&stop, "").unwrap();
    process.finish().success();
    let recording = only_run(&store);
    assert_eq!(yields(&recording), 20 * times, "{times} programs");
    assert_eq!(recording.losses, []);
}

#[test]
fn a_store_that_is_taken_away_is_said_and_ends_nothing() {
    if !gate::open("a_store_that_is_taken_away_is_said_and_ends_nothing", &["gcc"]) {
        return;
    }
    let said = take_away(&[]);
    assert!(said.contains("are lost") && said.contains("LOSS"), "{said}");
    for said in [said, take_away(&["--quiet"])] {
        assert!(said.contains("removed while it was recorded"), "{said}");
        assert!(said.contains("nothing of it is kept"), "{said}");
        assert!(!said.contains("ctrec list") && !said.contains("next: ") && !said.contains("is kept in"), "{said}");
    }
}

/// Removes a store while a command is recorded; gives what the recorder said of that.
fn take_away(options: &[&str]) -> String {
    let folder = TempDir::new().unwrap();
    let [store, stop] = ["store", "stop"].map(|name| folder.path().join(name));
    let script = "while ! [ -e \"$1\" ]; do sleep 0.05; done; exit 7";
    let record = [env!("CARGO_BIN_EXE_ctrec"), "record", "--window", "100ms", "--output", text(&store)];
    let record = [record.as_slice(), options, &["--"]].concat();
    let mut process = Process::start(&[record.as_slice(), &["sh", "-c", script, "sh", text(&stop)]].concat());
    wait_for("a window", || {
        assert!(process.runs(), "{}", process.stderr());
        let recording = Store::open(&store).and_then(|store| store.read_all()).ok()?.pop()?;
        recording.windows.last().map(drop)
    });
    fs::remove_dir_all(&store).unwrap();
    wait_for("a warning", || process.stderr().contains("cannot be written").then_some(()));
    assert!(process.runs(), "the command goes on: {}", process.stderr());
    fs::write(&stop, "").unwrap();
    let outcome = process.finish();
    assert_eq!(outcome.code, 125, "not the command's: {outcome:?}");
    assert!(!store.exists());
    outcome.stderr
}

#[test]
fn a_clock_that_is_set_back_reorders_nothing_and_is_said() {
    if !gate::open("a_clock_that_is_set_back_reorders_nothing_and_is_said", &["gcc"]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let [store, back, stop] = ["store", "back", "stop"].map(|name| folder.path().join(name));
    let library = Program::Clock.binary();
    let (counts, variables) = (Program::Counts.binary(), ["LD_PRELOAD", "CTREC_TEST_CLOCK"]);
    let environment = [format!("{}={}", variables[0], text(&library)), format!("{}={}", variables[1], text(&back))];
    let script = "while ! [ -e \"$2\" ]; do \"$1\" 1 0 5 > /dev/null; done";
    let record = [env!("CARGO_BIN_EXE_ctrec"), "record", "--window", "100ms", "--output", text(&store), "--"];
    // The recorder alone has another clock.
    let command = ["env", "-u", variables[0], "sh", "-c", script, "sh", text(&counts), text(&stop)];
    let words = [&["env", &environment[0], &environment[1]], record.as_slice(), &command].concat();
    let process = Process::start(&words);
    let read_run = || Store::open(&store).and_then(|store| store.read_all()).ok()?.pop();
    let windows = || read_run()?.windows.last().map(|last| last.window);
    wait_for("windows", || windows().filter(|last| *last >= 2));
    fs::write(&back, "").unwrap();
    let before = windows().unwrap();
    wait_for("windows with the clock set back", || windows().filter(|last| *last >= before + 3));
    fs::write(&stop, "").unwrap();
    let outcome = process.finish();
    assert!(outcome.stderr.contains("the clock went back by 1h meanwhile"), "{outcome:?}");
    outcome.success();
    let recording = read_run().unwrap();
    assert_eq!(recording.losses, []);
    let header = &recording.header;
    let edges = recording.windows.iter().flat_map(|window| [window.start_ns, window.end_ns]);
    let times: Vec<i64> = [header.started_ns].into_iter().chain(edges).chain(header.ended_ns).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert!(recording.calls.iter().all(|call| times[0] <= call.first_ns && call.last_ns <= times[times.len() - 1]));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let end = u128::try_from(header.ended_ns.unwrap()).unwrap();
    assert!(now.abs_diff(end) < 600_000_000_000, "by the clock as it was at first");
}

#[test]
fn an_engine_that_starts_anew_is_recorded_on() {
    if !gate::open("an_engine_that_starts_anew_is_recorded_on", &["dockerd", "docker", "gcc"]) {
        return;
    }
    let recorder = Recorder::start_with(&["--window", "1s", "--container", "engine-*"]);
    for name in ["engine-1", "engine-2"] {
        let dockerd = Dockerd::start();
        dockerd.import(Image::Tiny);
        let name = format!("--name={name}");
        dockerd.docker(&["run", &name, "--network=none", "tiny", "/programs/counts", "1", "0", "30"]);
    }
    let store = recorder.stop();
    let recording = only_run(store.path());
    let mut names: Vec<_> = recording.containers.iter().map(|it| (it.name.as_str(), it.resolved)).collect();
    names.sort_unstable();
    assert_eq!(names, [("engine-1", true), ("engine-2", true)]);
    assert_eq!(yields(&recording), 2 * 30);
    assert_eq!(recording.losses, []);
}

/// A recorder that is process 1 of a process namespace of its own, and its command, which runs until a file is there.
struct Apart {
    process: Process,
    store: PathBuf,
    cgroup: PathBuf,
}

impl Apart {
    fn start(folder: &Path, name: &str, stop: &Path) -> Self {
        let store = folder.join(name);
        let apart =
            ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", env!("CARGO_BIN_EXE_ctrec"), "record"];
        let options = ["--window", "100ms", "--output", text(&store), "--"];
        let command = ["sh", "-c", "until [ -e \"$1\" ]; do sleep 0.05; done", "sh", text(stop)];
        let mut process = Process::start(&[apart.as_slice(), &options, &command].concat());
        let path = wait_for("a container", || {
            assert!(process.runs(), "{}", process.stderr());
            let recording = Store::open(&store).and_then(|store| store.read_all()).ok()?.pop()?;
            recording.containers.first().map(|row| row.cgroup_path.clone())
        });
        let mounts = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(|mount| PathBuf::from(format!("{mount}{path}")));
        let cgroup = mounts.into_iter().find(|cgroup| cgroup.exists()).expect("its cgroup is there");
        Self { process, store, cgroup }
    }

    fn run(&self) -> String {
        Store::open(&self.store).unwrap().runs()[0].clone()
    }
}

#[test]
fn recorders_that_are_process_1_know_each_other_apart() {
    if !gate::open("recorders_that_are_process_1_know_each_other_apart", &["unshare"]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let stop = folder.path().join("stop");
    let killed = Apart::start(folder.path(), "killed", &stop);
    let living = Apart::start(folder.path(), "living", &stop);
    assert_ne!(killed.run().rsplit_once('-').unwrap().1, living.run().rsplit_once('-').unwrap().1);
    let unshare = killed.process.id();
    let children = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).unwrap();
    // With the first process of a namespace all others end.
    kill(Pid::from_raw(children.trim().parse().unwrap()), Signal::SIGKILL).expect("it is a process of this test");
    killed.process.finish();
    assert!(killed.cgroup.exists(), "nobody removed it");
    let third = Apart::start(folder.path(), "third", &stop);
    assert!(!killed.cgroup.exists() && living.cgroup.exists() && third.cgroup.exists());
    fs::write(&stop, "").unwrap();
    for recorder in [living, third] {
        recorder.process.finish().success();
        assert!(!recorder.cgroup.exists());
    }
}
