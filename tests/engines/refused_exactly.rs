//! `record --refused exact`: which calls a filter answered, counted by a second hook, whatever the answer was.

use std::collections::BTreeMap;

use crate::gate;
use crate::image::text;
use crate::native::{NATIVE, number, number_of_first};
use crate::program::Program;
use crate::recorder::{Counts, record_command, record_command_with};

/// What filters answered in a program that exits with 0, and how often.
fn refused(program: Program, arguments: &[&str]) -> Counts {
    let binary = program.binary();
    let command = [&[text(&binary)], arguments].concat();
    let (outcome, recorded) = record_command_with(&["--refused", "exact"], &command);
    let total: u64 = recorded.rows().filter_map(|row| row.refused).sum();
    let said = match total {
        0 => "; no call was answered by a filter".to_owned(),
        calls => format!("; {calls} calls were answered by a filter"),
    };
    assert!(outcome.stderr.contains(&said), "{said} is not in {}", outcome.stderr);
    outcome.success();
    assert_eq!(recorded.recording().losses, [], "nothing may be lost");
    assert!(recorded.rows().all(|row| row.refused.is_some()), "every call is told apart");
    let mut refused = Counts::new();
    for row in recorded.rows().filter(|row| row.refused != Some(0)) {
        *refused.entry((row.abi, row.number)).or_default() += row.refused.unwrap_or_default();
    }
    refused
}

#[test]
fn what_a_filter_answers_is_told_from_what_fails() {
    if !gate::open("what_a_filter_answers_is_told_from_what_fails", &["gcc"]) {
        return;
    }
    let trapped = number_of_first(&["getpgrp", "getpgid"]);
    let turned_away = [number("sched_yield"), number("getppid"), trapped].map(|number| ((NATIVE, number), 1000));
    assert_eq!(refused(Program::Refused, &["1000"]), BTreeMap::from(turned_away), "an errno, errno 0, a trap");
    let answered_with_0 =
        [number_of_first(&["fork", "clone"]), number("execveat")].map(|number| ((NATIVE, number), 400));
    assert_eq!(refused(Program::Signals, &["400"]), BTreeMap::from(answered_with_0));
}

#[test]
fn without_a_filter_nothing_is_refused() {
    if !gate::open("without_a_filter_nothing_is_refused", &["gcc"]) {
        return;
    }
    let programs: &[(Program, &[&str])] = &[
        (Program::Counts, &["2", "5", "2000"]),
        #[cfg(target_arch = "x86_64")]
        (Program::Int80, &["100"]),
        (Program::Compat, &[]),
        (Program::Execs, &["30"]),
        (Program::Namespaces, &["25"]),
    ];
    for &(program, arguments) in programs {
        assert_eq!(refused(program, arguments), BTreeMap::new(), "{program:?}");
    }
}

#[test]
fn nobody_counts_unless_asked_to() {
    if !gate::open("nobody_counts_unless_asked_to", &["gcc"]) {
        return;
    }
    let (outcome, recorded) = record_command(&[text(&Program::Refused.binary()), "10"]);
    assert!(!outcome.stderr.contains("answered"), "{}", outcome.stderr);
    outcome.success();
    assert!(recorded.rows().all(|row| row.refused.is_none()));
}
