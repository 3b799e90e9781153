//! Exact counts of what is hard to count: births, meetings, restarts, the actions of filters, threads by the thousand.

use std::collections::BTreeMap;
use std::fs;

use ctrec_recording::{Abi, Hook, LossKind};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::counting::{record, record_with};
use crate::gate;
use crate::image::text;
use crate::program::Program;
use crate::recorder::{Recorded, ctrec, record_command};

/// Calls on x86-64.
const READ: i64 = 0;
const READV: i64 = 19;
const SCHED_YIELD: i64 = 24;
const PAUSE: i64 = 34;
const NANOSLEEP: i64 = 35;
const CLONE: i64 = 56;
const FORK: i64 = 57;
const VFORK: i64 = 58;
const EXECVE: i64 = 59;
const GETTIMEOFDAY: i64 = 96;
const GETUID: i64 = 102;
const GETGID: i64 = 104;
const GETEUID: i64 = 107;
const GETEGID: i64 = 108;
const GETPPID: i64 = 110;
const GETPGRP: i64 = 111;
const GETPGID: i64 = 121;
const GETSID: i64 = 124;
const GETPRIORITY: i64 = 140;
const TIME: i64 = 201;
const RESTART_SYSCALL: i64 = 219;
const EXIT_GROUP: i64 = 231;
const GETCPU: i64 = 309;
const EXECVEAT: i64 = 322;
const CLONE3: i64 = 435;

/// fork, vfork, clone and clone3 of i386.
const I386_BIRTHS: [i64; 4] = [2, 190, 120, CLONE3];
const I386_EXECVE: i64 = 11;
const I386_GETPID: i64 = 20;
const I386_PAUSE: i64 = 29;

const EINVAL: i32 = 22;
const ENOSYS: i32 = 38;

/// How often a native call succeeded, failed, was interrupted, and was refused as far as that was counted.
fn outcomes(recorded: &Recorded, number: i64) -> (u64, u64, u64, u64) {
    outcomes_of(recorded, Abi::X86_64, number)
}

fn outcomes_of(recorded: &Recorded, abi: Abi, number: i64) -> (u64, u64, u64, u64) {
    let calls = recorded.rows().filter(|call| (call.abi, call.number) == (abi, number));
    calls.fold((0, 0, 0, 0), |(succeeded, failed, interrupted, refused), call| {
        let more = call.refused.unwrap_or_default();
        (succeeded + call.succeeded, failed + call.failed, interrupted + call.interrupted, refused + more)
    })
}

fn is_of_exec(hook: &Hook) -> bool {
    hook.name.ends_with("sched_process_exec")
}

#[test]
fn children_are_counted_however_they_are_born() {
    if !gate::open("children_are_counted_however_they_are_born", &["gcc"]) {
        return;
    }
    let (_, recorded) = record(Program::Births, &["200"]);
    for (number, failed) in [(FORK, 0), (VFORK, 0), (CLONE, 200), (CLONE3, 0)] {
        assert_eq!(outcomes(&recorded, number), (200, failed, 0, 0), "call {number}");
    }
    assert_eq!(recorded.failures(Abi::X86_64, CLONE, EINVAL), 200);
    for number in I386_BIRTHS {
        assert_eq!(outcomes_of(&recorded, Abi::I386, number), (200, 0, 0, 0), "call {number} of i386");
    }
    // ctrec's own that started it, execveat with a path, and by i386; before Linux 6.10 the header says what is not seen.
    let of_exec = [(Abi::X86_64, EXECVE), (Abi::X86_64, EXECVEAT), (Abi::I386, I386_EXECVE)]
        .map(|(abi, number)| outcomes_of(&recorded, abi, number).0);
    let sees_all = recorded.recording().header.hooks.iter().all(|hook| hook.blind_to.is_empty() || !is_of_exec(hook));
    assert_eq!(of_exec, if sees_all { [1, 200, 200] } else { [1 + 400, 0, 0] }, "execve, execveat, execve of i386");
    assert_eq!(outcomes(&recorded, GETPPID), (8 * 200, 0, 0, 0), "once a child");
    assert_eq!(outcomes(&recorded, EXIT_GROUP), (8 * 200 + 1, 0, 0, 0));
}

#[test]
fn two_cpus_that_meet_on_a_new_call_are_both_counted() {
    if !gate::open("two_cpus_that_meet_on_a_new_call_are_both_counted", &["gcc"]) {
        return;
    }
    let (_, recorded) = record(Program::Meetings, &["3000"]);
    let wrong: Vec<_> =
        (1000..4000).map(|number| (number, outcomes(&recorded, number))).filter(|it| it.1 != (0, 2, 0, 0)).collect();
    assert_eq!(wrong, [], "each of them twice");
    assert_eq!(outcomes_of(&recorded, Abi::I386, I386_GETPID), (2, 0, 0, 0));
}

#[test]
fn a_call_that_is_interrupted_is_told_from_its_second_try() {
    if !gate::open("a_call_that_is_interrupted_is_told_from_its_second_try", &["gcc"]) {
        return;
    }
    let (_, recorded) = record(Program::Restarts, &["5"]);
    assert_eq!(outcomes(&recorded, PAUSE), (0, 0, 5, 0), "not an errno: the program sees EINTR, another might not");
    assert_eq!(outcomes(&recorded, READV), (5, 0, 5, 0), "made again by the kernel");
    assert_eq!(outcomes(&recorded, NANOSLEEP), (0, 0, 5, 0), "gone on with by another call");
    assert_eq!(outcomes(&recorded, RESTART_SYSCALL), (5, 0, 0, 0), "goes on with it");
}

/// Leaves three programs behind, each blocked in a call by then.
const THAT_BLOCK: &str = r#"for call in '34 pause' '0 read' '29 pause32'; do
    "$1" ${call#* } > /dev/null & echo $!
    until grep -q "^${call% *} " /proc/$!/syscall; do :; done
done"#;

#[test]
fn a_call_that_blocks_when_the_recording_ends_is_unfinished() {
    if !gate::open("a_call_that_blocks_when_the_recording_ends_is_unfinished", &["gcc"]) {
        return;
    }
    let binary = Program::Blocked.binary();
    let (outcome, recorded) = record_command(&["sh", "-c", THAT_BLOCK, "sh", text(&binary)]);
    let left = outcome.success();
    for pid in left.lines() {
        kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGKILL).unwrap();
    }
    let losses: Vec<_> = recorded.recording().losses.iter().map(|loss| (loss.kind, loss.count)).collect();
    assert_eq!(losses, [(LossKind::LeftRunning, 3)], "and nothing else");
    let unfinished: Vec<_> = recorded.rows().filter(|call| call.unfinished != 0).collect();
    let of_each: BTreeMap<_, _> = unfinished.iter().map(|call| ((call.abi, call.number), call.unfinished)).collect();
    let expected = [((Abi::X86_64, READ), 1), ((Abi::X86_64, PAUSE), 1), ((Abi::I386, I386_PAUSE), 1)];
    assert_eq!(of_each, BTreeMap::from(expected), "read, pause, pause of i386");
    assert_eq!(unfinished.len(), 3, "one row each: {unfinished:?}");
}

/// What is counted of each action, with what was refused left out.
fn assert_actions(recorded: &Recorded) {
    let made = |number| {
        let (succeeded, failed, interrupted, _) = outcomes(recorded, number);
        (succeeded, failed, interrupted)
    };
    assert_eq!(made(SCHED_YIELD), (50, 0, 0), "LOG lets it through");
    assert_eq!(made(GETUID), (50, 0, 0), "USER_NOTIF that goes on");
    assert_eq!(made(GETGID), (50, 0, 0), "TRACE by a tracer that lets it go on");
    assert_eq!(
        (made(GETEUID), made(GETEGID)),
        ((0, 0, 0), (50, 0, 0)),
        "TRACE by a tracer that makes another call of it"
    );
    assert_eq!(made(GETPRIORITY), (0, 400 * 50, 0));
    let wrong: Vec<i32> = (1..=400).filter(|errno| recorded.failures(Abi::X86_64, GETPRIORITY, *errno) != 50).collect();
    assert_eq!(wrong, Vec::<i32>::new(), "each of them 50 times, though not all have a place of their own");
    assert_eq!(made(GETPGRP), (0, 50, 0), "TRACE without a tracer");
    assert_eq!(recorded.failures(Abi::X86_64, GETPGRP, ENOSYS), 50);
    assert_eq!(made(GETPPID), (0, 50, 0), "USER_NOTIF");
    assert_eq!(recorded.failures(Abi::X86_64, GETPPID, 77), 50);
    assert_eq!(made(GETSID), (50, 0, 0), "KILL_PROCESS puts the registers back, as README says");
}

#[test]
fn every_action_of_a_filter_is_counted() {
    if !gate::open("every_action_of_a_filter_is_counted", &["gcc"]) {
        return;
    }
    let (_, judged) = record(Program::Actions, &["50"]);
    assert_actions(&judged);
    let (_, exact) = record_with(&["--refused", "exact"], Program::Actions, &["50"]);
    assert_actions(&exact);
    for (number, refused) in
        [(SCHED_YIELD, 0), (GETUID, 0), (GETGID, 0), (GETEGID, 0), (GETPGRP, 50), (GETPPID, 50), (GETSID, 50)]
    {
        assert_eq!(outcomes(&exact, number).3, refused, "call {number}");
    }
    // The thread ends within the call, and nothing comes back.
    for recorded in [&judged, &exact] {
        assert_eq!(outcomes(recorded, GETPGID), (0, 0, 0, 0));
    }
}

#[test]
fn threads_by_the_thousand_are_counted_each() {
    if !gate::open("threads_by_the_thousand_are_counted_each", &["gcc"]) {
        return;
    }
    let (_, recorded) = record(Program::Counts, &["2000", "1", "5"]);
    assert_eq!(outcomes(&recorded, GETPPID), (2 * 2000 * 5, 0, 0, 0));
}

#[test]
fn what_the_kernel_emulates_is_not_counted_and_always_allowed() {
    let test = "what_the_kernel_emulates_is_not_counted_and_always_allowed";
    if !gate::open(test, &["gcc"]) {
        return;
    }
    if !fs::read_to_string("/proc/self/maps").unwrap().contains("[vsyscall]") {
        gate::tell(&format!("{test}: this kernel has no such page, and such programs do not run"));
        return;
    }
    let (folder, binary) = (TempDir::new().unwrap(), Program::Vsyscall.binary());
    let [store, profile, refusing] = ["store", "profile", "refusing"].map(|name| folder.path().join(name));
    ctrec(&["record", "--output", text(&store), "--", text(&binary), "50"]).success();
    let name = binary.file_name().unwrap().to_str().unwrap();
    let recorded = Recorded::read(&store, name);
    for number in [GETTIMEOFDAY, TIME, GETCPU] {
        assert_eq!(outcomes(&recorded, number), (0, 0, 0, 0), "call {number}, as README says");
    }
    let under = |profile| ctrec(&["run", "--profile", text(profile), "--", text(&binary), "50"]);
    let refusal = r#"{"names": ["time"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}"#;
    let refusal = format!(r#"{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{refusal}]}}"#);
    fs::write(&refusing, refusal).unwrap();
    assert_eq!(under(&refusing).code, 4, "filters are asked for them, so profiles must have them");
    fs::write(&profile, ctrec(&["recommend", "--container", name, text(&store)]).success()).unwrap();
    under(&profile).success();
}
