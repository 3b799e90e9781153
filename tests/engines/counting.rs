//! Exact counts: programs that make known numbers of known calls, recorded with `ctrec record -- COMMAND`.

use ctrec_recording::{Abi, Call, Origin, Phase};
use serde_json::Value;

use crate::gate;
use crate::image::text;
use crate::native::{NATIVE, OF_32_BITS, number, number_of_first};
use crate::program::Program;
use crate::recorder::{Recorded, record_command_with};

/// Whether ctrec can record here at all.
pub(crate) fn can_record(test: &str) -> bool {
    gate::open(test, &["gcc"])
}

/// Records a test program, which must succeed with nothing lost.
pub(crate) fn record(program: Program, arguments: &[&str]) -> (String, Recorded) {
    record_with(&[], program, arguments)
}

/// Like [`record`], with more options.
pub(crate) fn record_with(options: &[&str], program: Program, arguments: &[&str]) -> (String, Recorded) {
    let (outcome, recorded) = record_command_with(options, &[&[text(&program.binary())], arguments].concat());
    let printed = outcome.success();
    assert_eq!(recorded.recording().losses, [], "nothing may be lost");
    assert!(recorded.rows().all(|row| row.origin == Origin::Init), "all descend from the command");
    (printed, recorded)
}

/// Sum of one outcome of a call over windows, programs and phases.
fn sum(recorded: &Recorded, abi: Abi, number: i64, outcome: impl Fn(&Call) -> u64) -> u64 {
    recorded.rows().filter(|row| (row.abi, row.number) == (abi, number)).map(outcome).sum()
}

fn assert_counts_are_exact(threads: &str, children: &str, times: &str) {
    let (printed, recorded) = record(Program::Counts, &[threads, children, times]);
    let expected: Value = serde_json::from_str(&printed).unwrap();
    for row in expected.as_array().unwrap() {
        let number = row["number"].as_i64().unwrap();
        let succeeded = sum(&recorded, NATIVE, number, |call| call.succeeded);
        assert_eq!(Some(succeeded), row["succeeded"].as_u64(), "successes of call {number}");
        if row["errno"] != 0 {
            let errno = row["errno"].as_i64().and_then(|errno| i32::try_from(errno).ok()).unwrap();
            let failed = recorded.failures(NATIVE, number, errno);
            assert_eq!(Some(failed), row["failed"].as_u64(), "call {number} with errno {errno}");
        }
    }
}

#[test]
fn counts_of_one_thread_are_exact() {
    if can_record("counts_of_one_thread_are_exact") {
        assert_counts_are_exact("1", "0", "100000");
    }
}

#[test]
fn counts_of_two_threads_are_exact() {
    if can_record("counts_of_two_threads_are_exact") {
        assert_counts_are_exact("2", "0", "100000");
    }
}

#[test]
fn counts_of_forked_children_with_threads_are_exact() {
    if can_record("counts_of_forked_children_with_threads_are_exact") {
        assert_counts_are_exact("2", "7", "5000");
    }
}

#[test]
fn failures_of_a_call_sum_to_its_errnos() {
    if !can_record("failures_of_a_call_sum_to_its_errnos") {
        return;
    }
    let (_, recorded) = record(Program::Counts, &["1", "1", "50"]);
    for call in recorded.rows() {
        let recording = recorded.recording();
        let of_call = recording.errnos.iter().filter(|errno| {
            (errno.window, errno.container, errno.program) == (call.window, call.container, call.program)
                && (errno.origin, errno.phase, errno.abi) == (call.origin, call.phase, call.abi)
                && errno.number == call.number
        });
        assert_eq!(of_call.map(|errno| errno.count).sum::<u64>(), call.failed, "errnos of {call:?}");
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn int80_from_a_64_bit_process_is_i386() {
    if !can_record("int80_from_a_64_bit_process_is_i386") {
        return;
    }
    let (_, recorded) = record(Program::Int80, &["1000"]);
    assert_eq!(sum(&recorded, Abi::I386, 20, |call| call.succeeded), 1000, "getpid through the 32-bit table");
    assert_eq!(sum(&recorded, Abi::X86_64, 39, |call| call.succeeded), 1000, "getpid through the 64-bit table");
    assert_eq!(sum(&recorded, Abi::X86_64, 20, |call| call.succeeded), 0, "nobody called writev");
}

#[test]
fn a_32_bit_program_has_an_abi_of_its_own() {
    if !can_record("a_32_bit_program_has_an_abi_of_its_own") {
        return;
    }
    let (_, recorded) = record(Program::Compat, &[]);
    let workload = recorded.counts(|row| row.phase == Phase::Workload && row.abi == OF_32_BITS);
    let expected = [((OF_32_BITS, 1), 1), ((OF_32_BITS, 64), 100), ((OF_32_BITS, 158), 50)];
    assert_eq!(workload.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_call_that_the_programs_own_filter_turns_away_is_counted() {
    if !can_record("a_call_that_the_programs_own_filter_turns_away_is_counted") {
        return;
    }
    let (_, recorded) = record(Program::Refused, &["1000"]);
    assert_eq!(recorded.failures(NATIVE, number("sched_yield"), 77), 1000);
    assert_eq!(sum(&recorded, NATIVE, number("sched_yield"), |call| call.succeeded), 0);
}

#[test]
fn every_way_of_execution_is_followed() {
    if !can_record("every_way_of_execution_is_followed") {
        return;
    }
    let (_, recorded) = record(Program::Execs, &["30"]);
    let succeeded = |name| sum(&recorded, NATIVE, number(name), |call| call.succeeded);
    assert_eq!(succeeded("getppid"), 31, "once a generation");
    assert_eq!(succeeded("execveat"), 10, "by a descriptor");
    // Twenty of the program's own, and ctrec's that started it.
    assert_eq!(succeeded("execve"), 21, "after fork, and from a thread");
}

#[test]
fn namespace_flags_of_clone_are_kept() {
    if !can_record("namespace_flags_of_clone_are_kept") {
        return;
    }
    let (_, recorded) = record(Program::Namespaces, &["25"]);
    let flags = nix::sched::CloneFlags::CLONE_NEWUSER | nix::sched::CloneFlags::CLONE_NEWUTS;
    let flags = u64::from(flags.bits().cast_unsigned());
    assert_eq!(recorded.arguments(number("clone"), flags), 25);
    assert_eq!(sum(&recorded, NATIVE, number("clone"), |call| call.succeeded), 50, "with flags and without");
}

#[test]
fn what_comes_back_as_another_call_is_counted_as_what_it_was() {
    if !can_record("what_comes_back_as_another_call_is_counted_as_what_it_was") {
        return;
    }
    let (_, recorded) = record(Program::Signals, &["400"]);
    let made = |number: i64| {
        let rows: Vec<_> = recorded.rows().filter(|call| (call.abi, call.number) == (NATIVE, number)).collect();
        (rows.iter().map(|call| call.succeeded).sum::<u64>(), rows.iter().map(|call| call.failed).sum::<u64>())
    };
    assert_eq!(made(number("rt_sigreturn")), (400 + 4, 0), "it cannot fail; two handlers left by two");
    assert_eq!(made(-1), (0, 400 + 3), "call -1, by three children too");
    assert_eq!(made(number_of_first(&["fork", "clone"])), (400, 0), "as its filter answered");
    assert_eq!(made(number("execveat")), (400, 0), "as its filter answered");
    assert_eq!(recorded.failures(NATIVE, 600, 38), made(600).1);
}
