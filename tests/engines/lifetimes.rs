//! Recordings that begin late, end early or are cut off, and who is recorded at all.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use ctrec_recording::{Abi, End, LossKind, Origin, Phase, Store};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::docker::{Dockerd, mount_points};
use crate::gate;
use crate::image::{Image, text};
use crate::process::{Process, run};
use crate::program::Program;
use crate::recorder::{Recorded, Recorder, ctrec, only_run, record_command};
use crate::wait::wait_for;

/// pause on x86-64.
const PAUSE: i64 = 34;

/// acct on x86-64.
const ACCT: i64 = 163;

/// getppid on x86-64.
const GETPPID: i64 = 110;

/// How often `counts` called getppid, by origin.
fn getppids(recorded: &Recorded, origin: Origin) -> u64 {
    let calls = recorded.rows_of("/programs/counts").filter(|call| call.origin == origin);
    calls.filter(|call| (call.abi, call.number) == (Abi::X86_64, GETPPID)).map(|call| call.succeeded).sum()
}

/// Starts `ctrec record -- blocked pause` and waits until the program is blocked.
fn record_blocked(store: &Path) -> Process {
    let blocked = Program::Blocked.binary();
    let words = [env!("CARGO_BIN_EXE_ctrec"), "record", "--window", "1s", "--output", text(store), "--"];
    let command = ["setpriv", "--pdeathsig", "KILL", text(&blocked), "pause"];
    let mut process = Process::start(&[words.as_slice(), &command].concat());
    wait_for("the program to block", || {
        assert!(process.runs(), "ctrec ended: {}", process.stderr());
        process.stdout().contains("blocked").then_some(())
    });
    process
}

#[test]
fn the_exit_code_is_the_commands() {
    if !gate::open("the_exit_code_is_the_commands", &[]) {
        return;
    }
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137)] {
        let (outcome, recorded) = record_command(&["sh", "-c", script]);
        assert_eq!(outcome.code, code, "{script}");
        assert_eq!(recorded.recording().header.end, Some(End::Command { code }), "{script}");
    }
}

#[test]
fn a_signal_ends_the_recording_of_a_command_cleanly() {
    if !gate::open("a_signal_ends_the_recording_of_a_command_cleanly", &["gcc"]) {
        return;
    }
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let store = TempDir::new().unwrap();
        let process = record_blocked(store.path());
        process.signal(signal);
        let outcome = process.finish();
        let recording = only_run(store.path());
        assert!(recording.header.end.is_some(), "{signal}: {outcome:?}");
        let pauses = recording.calls.iter().filter(|call| call.number == PAUSE);
        assert_eq!(pauses.map(|call| call.interrupted + call.unfinished).sum::<u64>(), 1, "{signal}: pause");
        assert_eq!(recording.losses, [], "{signal}");
    }
}

/// Starts `ctrec record -- sh -c SCRIPT` and waits until the script says `started`.
fn record_script(store: &Path, script: &str) -> Process {
    let record = [env!("CARGO_BIN_EXE_ctrec"), "record", "--output", text(store), "--", "sh", "-c", script];
    let mut process = Process::start(&record);
    wait_for("the script to start", || {
        assert!(process.runs(), "ctrec ended: {}", process.stderr());
        process.stdout().contains("started").then_some(())
    });
    process
}

#[test]
fn a_signal_reaches_all_that_the_command_started() {
    if !gate::open("a_signal_reaches_all_that_the_command_started", &["setsid"]) {
        return;
    }
    let script = "sleep 1000 & setsid --fork sleep 1001 > /dev/null 2>&1; echo started; wait";
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let store = TempDir::new().unwrap();
        // A shell starts in the background what ignores SIGINT.
        let script = if signal == Signal::SIGINT {
            script.replace("sleep", "env --default-signal=INT sleep")
        } else {
            script.to_owned()
        };
        let process = record_script(store.path(), &script);
        process.signal(signal);
        let outcome = process.finish();
        assert_eq!(outcome.code, 128 + signal as i32, "{outcome:?}");
        assert!(!outcome.stderr.contains("still run"), "{outcome:?}");
        let recording = only_run(store.path());
        assert_eq!((recording.header.end, recording.losses), (Some(End::Signal), Vec::new()), "{signal}");
    }
}

#[test]
fn what_the_terminal_sent_is_not_passed_on_again() {
    if !gate::open("what_the_terminal_sent_is_not_passed_on_again", &["script"]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let [store, ready, command] = ["store", "ready", "command"].map(|name| folder.path().join(name));
    // Goes on for a while after it was asked, so that a second time would be heard.
    let script =
        format!("trap 'echo asked' INT; touch {}; for n in $(seq 20); do sleep 0.1; done; exit 3", text(&ready));
    fs::write(&command, script).unwrap();
    // Without exec a shell that hears the Ctrl-C as well may be what script(1) starts, and its end what is returned.
    let record =
        format!("exec {} record --output {} -- sh {}", env!("CARGO_BIN_EXE_ctrec"), text(&store), text(&command));
    let typed = format!("until [ -e {} ]; do sleep 0.1; done; printf '\\003'", text(&ready));
    let terminal = format!("({typed}) | script --quiet --return --command '{record}' /dev/null");
    let outcome = run(&["sh", "-c", &terminal]);
    assert_eq!((outcome.code, outcome.stdout.matches("asked").count()), (3, 1), "{outcome:?}");
    assert_eq!(only_run(&store).header.end, Some(End::Signal));
}

#[test]
fn a_second_signal_kills_what_the_first_did_not_end() {
    if !gate::open("a_second_signal_kills_what_the_first_did_not_end", &[]) {
        return;
    }
    let store = TempDir::new().unwrap();
    let script =
        "trap 'echo asked' TERM; (trap '' TERM; sleep 1000 & sleep 1000) & echo started; while :; do wait; done";
    let process = record_script(store.path(), script);
    process.signal(Signal::SIGTERM);
    wait_for("the command to be asked", || process.stdout().contains("asked").then_some(()));
    process.signal(Signal::SIGTERM);
    let outcome = process.finish();
    assert_eq!((outcome.code, outcome.stdout.matches("asked").count()), (137, 1), "{outcome:?}");
    let recording = only_run(store.path());
    assert_eq!((recording.header.end, recording.losses), (Some(End::Signal), Vec::new()));
    assert!(recording.calls.iter().any(|call| call.unfinished + call.interrupted > 0), "to the very end");
}

#[test]
fn what_was_sealed_before_a_kill_is_readable_and_says_that_it_was_cut_off() {
    if !gate::open("what_was_sealed_before_a_kill_is_readable_and_says_that_it_was_cut_off", &["gcc"]) {
        return;
    }
    let store = TempDir::new().unwrap();
    let process = record_blocked(store.path());
    wait_for("a window to be sealed", || {
        let recordings = Store::open(store.path()).and_then(|store| store.read_all()).ok()?;
        recordings.first()?.calls.iter().any(|call| call.phase == Phase::Workload).then_some(())
    });
    process.signal(Signal::SIGKILL);
    assert_eq!(process.finish().code, 137);
    let recording = only_run(store.path());
    assert_eq!(recording.header.end, None);
    assert!(recording.losses.iter().any(|loss| loss.kind == LossKind::CutOff), "{:?}", recording.losses);
    assert_swept(&recording.header.run);
}

/// A recorder that is killed cannot take its command's cgroup away. The command itself has died with it, and the next
/// recorder clears the cgroup.
fn assert_swept(run: &str) {
    let hierarchies = mount_points().into_iter().filter(|(_, kind)| kind.starts_with("cgroup"));
    let cgroups: Vec<_> = hierarchies.map(|(hierarchy, _)| hierarchy.join(format!("ctrec-{run}"))).collect();
    assert!(cgroups.iter().any(|cgroup| cgroup.exists()), "the killed recorder left one behind");
    wait_for("the cgroup to be cleared", || {
        record_command(&["true"]).0.success();
        cgroups.iter().all(|cgroup| !cgroup.exists()).then_some(())
    });
}

#[test]
fn what_a_command_leaves_running_is_a_loss() {
    if !gate::open("what_a_command_leaves_running_is_a_loss", &[]) {
        return;
    }
    let (outcome, recorded) = record_command(&["sh", "-c", "sleep 1000 > /dev/null 2>&1 & echo $!"]);
    let left = Pid::from_raw(outcome.stdout.trim().parse().unwrap());
    kill(left, Signal::SIGKILL).unwrap();
    assert!(outcome.stderr.contains("1 process of the command still runs"), "{}", outcome.stderr);
    let losses: Vec<_> = recorded.recording().losses.iter().map(|loss| (loss.kind, loss.count)).collect();
    assert_eq!(losses, [(LossKind::LeftRunning, 1)]);
    assert_swept(&recorded.recording().header.run);
}

#[test]
fn what_leaves_its_cgroup_is_a_loss() {
    if !gate::open("what_leaves_its_cgroup_is_a_loss", &[]) {
        return;
    }
    let leave = "for root in $(awk '$0 ~ / - cgroup2? / { print $5 }' /proc/self/mountinfo); do
        echo $$ 2> /dev/null > $root/cgroup.procs
    done
    exec sort /dev/null";
    let (outcome, recorded) = record_command(&["sh", "-c", leave]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let losses: Vec<_> = recorded.recording().losses.iter().map(|loss| (loss.kind, loss.count)).collect();
    assert_eq!(losses, [(LossKind::MovedOut, 1)], "{}", outcome.stderr);
    assert_eq!(recorded.rows_of("/usr/bin/sort").count(), 0, "it was somewhere else by then");
}

#[test]
fn a_call_that_has_not_returned_is_counted_as_unfinished() {
    if !gate::open("a_call_that_has_not_returned_is_counted_as_unfinished", &["dockerd", "docker", "gcc"]) {
        return;
    }
    let dockerd = Dockerd::start();
    dockerd.import(Image::Tiny);
    let recorder = Recorder::start();
    dockerd.docker(&["run", "--detach", "--name", "it", "--network", "none", "tiny", "/programs/blocked", "pause"]);
    wait_for("the program to block", || dockerd.docker(&["logs", "it"]).contains("blocked").then_some(()));
    let store = recorder.stop();
    let recorded = Recorded::read(store.path(), "it");
    let pauses: Vec<_> = recorded.rows().filter(|call| call.number == PAUSE).collect();
    assert_eq!(pauses.len(), 1, "{pauses:?}");
    assert_eq!((pauses[0].succeeded, pauses[0].failed, pauses[0].interrupted, pauses[0].unfinished), (0, 0, 0, 1));
    assert_eq!(pauses[0].phase, Phase::Workload);
}

#[test]
fn a_container_that_ran_before_is_recorded_from_now_on_and_marked() {
    if !gate::open("a_container_that_ran_before_is_recorded_from_now_on_and_marked", &["dockerd", "docker", "gcc"]) {
        return;
    }
    let dockerd = Dockerd::start();
    dockerd.import(Image::Tiny);
    dockerd.docker(&["run", "--detach", "--name", "it", "--network", "none", "tiny", "sh", "-c", WAITER]);
    wait_for("it to wait", || dockerd.docker(&["logs", "it"]).contains("waits").then_some(()));
    let recorder = Recorder::start();
    dockerd.docker(&["exec", "it", "sh", "-c", "echo go > /data/pipe"]);
    wait_for("the program", || dockerd.docker(&["logs", "it"]).contains("getppid done").then_some(()));
    let store = recorder.stop();
    let recorded = Recorded::read(store.path(), "it");
    assert!(recorded.container().already_running);
    assert_eq!(getppids(&recorded, Origin::Init), 500, "of what it started");
    let pauses: u64 = recorded.rows().filter(|call| call.number == PAUSE).map(|call| call.unfinished).sum();
    assert_eq!(pauses, 1, "of what was blocked before, and is still");
}

/// Has a program that is blocked, waits to be told, without a busy loop, and then makes 500 of each call.
const WAITER: &str = "/programs/blocked pause & until grep -q '^34 ' /proc/$!/syscall; do :; done
    mkfifo /data/pipe; echo waits; read line < /data/pipe; /programs/counts 1 0 500; echo getppid done; sleep 1000";

#[test]
fn only_the_chosen_container_is_recorded() {
    if !gate::open("only_the_chosen_container_is_recorded", &["dockerd", "docker", "gcc"]) {
        return;
    }
    let dockerd = Dockerd::start();
    dockerd.import(Image::Tiny);
    let recorder = Recorder::start_with(&["--container", "cho*"]);
    for name in ["chosen", "other"] {
        dockerd.docker(&["run", "--name", name, "--network", "none", "tiny", "/programs/counts", "1", "0", "10"]);
    }
    let store = recorder.stop();
    let names: Vec<String> = only_run(store.path()).containers.into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["chosen"]);
    assert_eq!(getppids(&Recorded::read(store.path(), "chosen"), Origin::Init), 10);
}

#[test]
fn what_an_exec_leaves_behind_stays_exec() {
    if !gate::open("what_an_exec_leaves_behind_stays_exec", &["dockerd", "docker", "gcc"]) {
        return;
    }
    let dockerd = Dockerd::start();
    dockerd.import(Image::Tiny);
    let recorder = Recorder::start();
    dockerd.docker(&["run", "--detach", "--name", "it", "--network", "none", "tiny", "sleep", "1000"]);
    // The shell of the exec ends at once; what it started is adopted by the container's first process.
    let daemon = "(read line < /data/go; /programs/counts 1 0 70; echo > /data/done) > /dev/null 2>&1 &";
    dockerd.docker(&["exec", "it", "sh", "-c", &format!("mkfifo /data/go /data/done; {daemon}")]);
    dockerd.docker(&["exec", "it", "sh", "-c", "echo > /data/go; read line < /data/done"]);
    let store = recorder.stop();
    let recorded = Recorded::read(store.path(), "it");
    assert_eq!((getppids(&recorded, Origin::Exec), getppids(&recorded, Origin::Init)), (70, 0));
    let phases: BTreeSet<_> = recorded.rows_of("/programs/counts").map(|call| call.phase).collect();
    assert_eq!(phases, BTreeSet::from([Phase::Workload]), "what an exec runs is workload too");
}

#[test]
fn a_masked_container_keeps_its_refused_calls_apart() {
    if !gate::open("a_masked_container_keeps_its_refused_calls_apart", &["dockerd", "docker", "gcc"]) {
        return;
    }
    let dockerd = Dockerd::start();
    dockerd.import(Image::Tiny);
    let recorder = Recorder::start();
    let code = dockerd.try_docker(&["run", "--name", "it", "--network", "none", "tiny", "/programs/probe", "163"]).code;
    assert_eq!(code, nix::errno::Errno::EPERM as i32, "Docker's default refuses acct");
    let store = recorder.stop();
    let recorded = Recorded::read(store.path(), "it");
    assert_eq!(recorded.failures(Abi::X86_64, ACCT, code), 1);
    let recommend = |more: &[&str]| {
        let words = [["recommend", "--container", "it", text(store.path())].as_slice(), more].concat();
        ctrec(&words)
    };
    let plain = recommend(&[]);
    assert!(plain.stderr.contains("acct"), "a finding names it: {}", plain.stderr);
    assert!(!plain.success().contains("\"acct\""));
    assert!(recommend(&["--include", "acct"]).success().contains("\"acct\""));
}

#[test]
fn two_recordings_side_by_side_are_both_exact() {
    if !gate::open("two_recordings_side_by_side_are_both_exact", &["gcc"]) {
        return;
    }
    let store = TempDir::new().unwrap();
    let counts = Program::Counts.binary();
    let words =
        [env!("CARGO_BIN_EXE_ctrec"), "record", "--output", text(store.path()), "--", text(&counts), "2", "0", "20000"];
    let both = [Process::start(&words), Process::start(&words)];
    for process in both {
        process.finish().success();
    }
    let recordings = Store::open(store.path()).and_then(|store| store.read_all()).unwrap();
    assert_eq!(recordings.len(), 2, "each has a run of its own");
    for recording in recordings {
        assert_eq!(recording.containers.len(), 1, "nobody else is recorded");
        let calls = recording.calls.iter().filter(|call| call.number == GETPPID);
        assert_eq!(calls.map(|call| call.succeeded).sum::<u64>(), 40_000);
    }
}

#[test]
fn a_child_cgroup_belongs_to_its_container() {
    if !gate::open("a_child_cgroup_belongs_to_its_container", &["gcc"]) {
        return;
    }
    let counts = Program::Counts.binary();
    let script = r#"
        mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
        own=$mount$(sed -n 's/^0:://p' /proc/self/cgroup)
        mkdir "$own/child" && sh -c 'echo $$ > "$1/cgroup.procs" && exec "$2" 1 0 300' sh "$own/child" "$1"
        code=$?; rmdir "$own/child"; exit $code"#;
    let (outcome, recorded) = record_command(&["sh", "-c", script, "sh", text(&counts)]);
    outcome.success();
    assert_eq!(recorded.recording().containers.len(), 1);
    let calls = recorded.rows().filter(|call| call.number == GETPPID && call.origin == Origin::Init);
    assert!(calls.map(|call| call.succeeded).sum::<u64>() >= 300);
}

#[test]
fn the_store_is_left_to_the_user_who_called_sudo() {
    if !gate::open("the_store_is_left_to_the_user_who_called_sudo", &[]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let store = folder.path().join("store");
    let ctrec = env!("CARGO_BIN_EXE_ctrec");
    run(&["env", "SUDO_UID=12345", "SUDO_GID=23456", ctrec, "record", "--output", text(&store), "--", "true"])
        .success();
    for file in run(&["find", text(&store)]).success().lines() {
        let owner = fs::metadata(file).unwrap();
        assert_eq!((owner.uid(), owner.gid()), (12345, 23456), "{file}");
    }
}
