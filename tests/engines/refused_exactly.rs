//! `record --refused exact`: which calls a filter answered, counted by a second hook, whatever the answer was.

use std::collections::BTreeMap;

use ctrec_recording::Abi;

use crate::gate;
use crate::image::text;
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
    let turned_away = [24, 110, 111].map(|number| ((Abi::X86_64, number), 1000));
    assert_eq!(refused(Program::Refused, &["1000"]), BTreeMap::from(turned_away), "an errno, errno 0, a trap");
    let answered_with_0 = BTreeMap::from([((Abi::X86_64, 57), 400), ((Abi::X86_64, 322), 400)]);
    assert_eq!(refused(Program::Signals, &["400"]), answered_with_0, "fork and execveat");
}

#[test]
fn without_a_filter_nothing_is_refused() {
    if !gate::open("without_a_filter_nothing_is_refused", &["gcc"]) {
        return;
    }
    let programs: [(Program, &[&str]); 5] = [
        (Program::Counts, &["2", "5", "2000"]),
        (Program::Int80, &["100"]),
        (Program::I386, &[]),
        (Program::Execs, &["30"]),
        (Program::Namespaces, &["25"]),
    ];
    for (program, arguments) in programs {
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
