//! Exact counts of what is hard to count: births, meetings, restarts, the actions of filters, threads by the thousand.

use std::fs;

use ctrec_recording::Abi;
use tempfile::TempDir;

use crate::gate;
use crate::image::text;
use crate::program::Program;
use crate::recorder::{Recorded, ctrec, record_command_with};

/// Calls on x86-64.
const READV: i64 = 19;
const SCHED_YIELD: i64 = 24;
const PAUSE: i64 = 34;
const NANOSLEEP: i64 = 35;
const CLONE: i64 = 56;
const FORK: i64 = 57;
const VFORK: i64 = 58;
const GETTIMEOFDAY: i64 = 96;
const GETPPID: i64 = 110;
const GETPGRP: i64 = 111;
const GETPGID: i64 = 121;
const GETSID: i64 = 124;
const TIME: i64 = 201;
const RESTART_SYSCALL: i64 = 219;
const EXIT_GROUP: i64 = 231;
const GETCPU: i64 = 309;
const CLONE3: i64 = 435;

const EINVAL: i32 = 22;
const ENOSYS: i32 = 38;

/// Records a test program, which must succeed with nothing lost.
fn record(options: &[&str], program: Program, arguments: &[&str]) -> Recorded {
    let (outcome, recorded) = record_command_with(options, &[&[text(&program.binary())], arguments].concat());
    outcome.success();
    assert_eq!(recorded.recording().losses, [], "nothing may be lost");
    recorded
}

/// How often a native call succeeded, failed, was interrupted, and was refused as far as that was counted.
fn outcomes(recorded: &Recorded, number: i64) -> (u64, u64, u64, u64) {
    let calls = recorded.rows().filter(|call| (call.abi, call.number) == (Abi::X86_64, number));
    calls.fold((0, 0, 0, 0), |(succeeded, failed, interrupted, refused), call| {
        let more = call.refused.unwrap_or_default();
        (succeeded + call.succeeded, failed + call.failed, interrupted + call.interrupted, refused + more)
    })
}

#[test]
fn children_are_counted_however_they_are_born() {
    if !gate::open("children_are_counted_however_they_are_born", &["gcc"]) {
        return;
    }
    let recorded = record(&[], Program::Births, &["200"]);
    for (number, failed) in [(FORK, 0), (VFORK, 0), (CLONE, 200), (CLONE3, 0)] {
        assert_eq!(outcomes(&recorded, number), (200, failed, 0, 0), "call {number}");
    }
    assert_eq!(recorded.failures(Abi::X86_64, CLONE, EINVAL), 200);
    assert_eq!(outcomes(&recorded, GETPPID), (4 * 200, 0, 0, 0), "once a child");
    assert_eq!(outcomes(&recorded, EXIT_GROUP), (4 * 200 + 1, 0, 0, 0));
}

#[test]
fn two_cpus_that_meet_on_a_new_call_are_both_counted() {
    if !gate::open("two_cpus_that_meet_on_a_new_call_are_both_counted", &["gcc"]) {
        return;
    }
    let recorded = record(&[], Program::Meetings, &["3000"]);
    let wrong: Vec<_> =
        (1000..4000).map(|number| (number, outcomes(&recorded, number))).filter(|it| it.1 != (0, 2, 0, 0)).collect();
    assert_eq!(wrong, [], "each of them twice");
    let getpid = recorded.rows().filter(|call| (call.abi, call.number) == (Abi::I386, 20));
    assert_eq!(getpid.map(|call| call.succeeded).sum::<u64>(), 2);
}

#[test]
fn a_call_that_is_interrupted_is_told_from_its_second_try() {
    if !gate::open("a_call_that_is_interrupted_is_told_from_its_second_try", &["gcc"]) {
        return;
    }
    let recorded = record(&[], Program::Restarts, &["5"]);
    assert_eq!(outcomes(&recorded, PAUSE), (0, 0, 5, 0), "not an errno: the program sees EINTR, another might not");
    assert_eq!(outcomes(&recorded, READV), (5, 0, 5, 0), "made again by the kernel");
    assert_eq!(outcomes(&recorded, NANOSLEEP), (0, 0, 5, 0));
    assert_eq!(outcomes(&recorded, RESTART_SYSCALL), (5, 0, 0, 0), "goes on with it");
}

/// What is counted of each action, with what was refused left out.
fn assert_actions(recorded: &Recorded) {
    let made = |number| {
        let (succeeded, failed, interrupted, _) = outcomes(recorded, number);
        (succeeded, failed, interrupted)
    };
    assert_eq!(made(SCHED_YIELD), (50, 0, 0), "LOG lets it through");
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
    let judged = record(&[], Program::Actions, &["50"]);
    assert_actions(&judged);
    let exact = record(&["--refused", "exact"], Program::Actions, &["50"]);
    assert_actions(&exact);
    for (number, refused) in [(SCHED_YIELD, 0), (GETPGRP, 50), (GETPPID, 50), (GETSID, 50)] {
        assert_eq!(outcomes(&exact, number).3, refused, "call {number}");
    }
    // The thread ends within the call, and nothing comes back.
    for recorded in [&judged, &exact] {
        assert_eq!(outcomes(recorded, GETPGID).0, 0);
    }
}

#[test]
fn threads_by_the_thousand_are_counted_each() {
    if !gate::open("threads_by_the_thousand_are_counted_each", &["gcc"]) {
        return;
    }
    let recorded = record(&[], Program::Counts, &["2000", "1", "5"]);
    assert_eq!(outcomes(&recorded, GETPPID), (2 * 2000 * 5, 0, 0, 0));
}

#[test]
fn what_the_kernel_emulates_is_not_counted_and_always_allowed() {
    if !gate::open("what_the_kernel_emulates_is_not_counted_and_always_allowed", &["gcc"]) {
        return;
    }
    if !fs::read_to_string("/proc/self/maps").unwrap().contains("[vsyscall]") {
        return; /* a kernel without that page, where such programs do not run */
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
