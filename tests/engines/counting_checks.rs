//! Exact counts of capability checks: a program that provokes known numbers of them, recorded with
//! `ctrec record -- COMMAND`.

use std::env;

use ctrec_recording::{Audit, Check, Ended, Loss, LossKind, Namespace, Phase, Whose};
use serde_json::Value;

use crate::gate;
use crate::image::text;
use crate::program::Program;
use crate::recorder::{Recorded, record_command};

/// `EPERM`: what a denied check ends in here.
const EPERM: i64 = 1;
/// So many are sampled before samples get fewer.
const SAMPLED_FIRST: u64 = 16;

/// What was printed, what was recorded, and how many checks the hook is said to have missed. Linux 7.0+ preempts programs,
/// and then those hooks miss some that are not chosen there unless asked for; no other loss is put up with.
fn recorded(test: &str, arguments: &[&str]) -> Option<(Value, Recorded, u64)> {
    if !gate::open(test, &["gcc"]) {
        return None;
    }
    let (outcome, recorded) = record_command(&[&[text(&Program::Checks.binary())], arguments].concat());
    let printed = outcome.success();
    let losses = &recorded.recording().losses;
    let is_put_up_with =
        |loss: &&Loss| misses_some() && loss.kind == LossKind::RecursionMiss && loss.detail.starts_with("on_check_");
    let missed = losses.iter().filter(is_put_up_with).map(|loss| loss.count).sum();
    assert!(losses.iter().all(|loss| is_put_up_with(&loss)), "nothing may be lost: {losses:?}");
    Some((serde_json::from_str(&printed).expect("the program prints what it asked"), recorded, missed))
}

fn misses_some() -> bool {
    let forced = env::var("CTREC_CHECK_HOOK").is_ok_and(|hook| ["fexit", "tracepoint"].contains(&hook.as_str()));
    let release = nix::sys::utsname::uname().expect("the kernel says what it is");
    let major = release.release().to_string_lossy().split('.').next().and_then(|major| major.parse::<u32>().ok());
    forced && major.is_some_and(|major| major >= 7)
}

/// The workload's checks of a line that the program printed.
fn of_line<'a>(recorded: &'a Recorded, line: &Value) -> Vec<&'a Check> {
    let [capability, number] = ["capability", "number"].map(|field| line[field].as_i64().expect("a number"));
    let checks = recorded.recording().checks.iter().filter(|check| check.phase == Phase::Workload);
    checks.filter(|check| (i64::from(check.capability), check.number) == (capability, number)).collect()
}

fn assert_counts_are_exact(test: &str, arguments: &[&str]) {
    let Some((printed, recorded, missed)) = recorded(test, arguments) else { return };
    let mut not_counted = 0;
    for line in printed.as_array().expect("lines") {
        let checks = of_line(&recorded, line);
        let errno = line["errno"].as_i64().expect("a number");
        let counted: u64 = checks.iter().map(|check| check.count).sum();
        let asked = line["count"].as_u64().expect("a number");
        not_counted += asked.checked_sub(counted).unwrap_or_else(|| panic!("{line}: {checks:#?}"));
        for check in checks {
            assert_eq!(i64::from(check.errno), errno, "{check:?}");
            assert_eq!(check.ended == Ended::Succeeded, errno == 0, "{check:?}");
            assert_eq!(check.granted, errno != EPERM, "{check:?}");
            assert_eq!((check.credentials, check.root), (Whose::Own, true), "{check:?}");
            assert_eq!((check.target, check.holder), (Namespace::Container, Namespace::Container), "{check:?}");
            assert!(!check.needless && check.audit != Audit::Probe, "{check:?}");
        }
    }
    assert!(not_counted <= missed, "{not_counted} were not counted, {missed} are said to be missed: {printed}");
}

#[test]
fn checks_of_one_thread_are_counted_exactly() {
    assert_counts_are_exact("checks_of_one_thread_are_counted_exactly", &["1", "0", "20000"]);
}

#[test]
fn checks_of_children_with_threads_are_counted_exactly() {
    assert_counts_are_exact("checks_of_children_with_threads_are_counted_exactly", &["3", "7", "1000"]);
}

#[test]
fn who_asked_is_sampled_ever_less_often() {
    let Some((printed, recorded, _)) = recorded("who_asked_is_sampled_ever_less_often", &["2", "1", "500"]) else {
        return;
    };
    for line in printed.as_array().expect("lines") {
        let checks = of_line(&recorded, line);
        let [check] = checks[..] else { panic!("one kind of check in one window: {checks:#?}") };
        let askers: Vec<_> = recorded.recording().askers.iter().filter(|asker| asker.check == check.check).collect();
        let samples: u64 = askers.iter().map(|asker| asker.samples).sum();
        let fewer = u64::from(check.count.ilog2() - SAMPLED_FIRST.ilog2());
        assert_eq!(samples, SAMPLED_FIRST + fewer, "of {} checks: {askers:#?}", check.count);
        for asker in askers {
            let stack: Vec<String> = serde_json::from_str(&asker.stack_json).expect("a list of names");
            assert!(!asker.function.is_empty() && stack[0].starts_with(&asker.function), "{asker:?}");
        }
    }
}
