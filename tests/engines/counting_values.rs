//! Values of arguments: programs that make known calls with known ones, recorded with `ctrec record -- COMMAND`.

use std::collections::BTreeSet;
use std::fs;

use ctrec_recording::values::{KEPT_VALUES, KeptCall};
use ctrec_recording::{Abi, Values};
use tempfile::TempDir;

use crate::counting::{can_record, record};
use crate::image::text;
use crate::native::{NATIVE, number};
use crate::program::Program;
use crate::recorder::{Recorded, record_command_with};

/// Values that a call had, and whether one with them succeeded.
type One = ([Option<u64>; 3], bool);
/// All that a call had.
pub(crate) type Seen = BTreeSet<One>;

const TIOCSTI: u64 = 0x5412;
const ABOVE: u64 = 0x7777_7777 << 32;

fn rows(recorded: &Recorded, abi: Abi, number: i64) -> impl Iterator<Item = &Values> {
    recorded.values().filter(move |row| (row.abi, row.number) == (abi, number))
}

pub(crate) fn seen(recorded: &Recorded, abi: Abi, number: i64) -> Seen {
    let kept = rows(recorded, abi, number).filter(|row| !row.many);
    kept.map(|row| ([row.argument_0, row.argument_1, row.argument_2], row.succeeded)).collect()
}

fn is_many(recorded: &Recorded, number: i64) -> bool {
    rows(recorded, NATIVE, number).any(|row| row.many)
}

fn first(value: u64) -> [Option<u64>; 3] {
    [Some(value), None, None]
}

pub(crate) fn second(value: u64) -> [Option<u64>; 3] {
    [None, Some(value), None]
}

fn third(value: u64) -> [Option<u64>; 3] {
    [None, None, Some(value)]
}

fn assert_known(recorded: &Recorded) {
    let exact: [(&str, &[One]); 11] = [
        ("socket", &[([Some(2), Some(0x8_0001), Some(0)], true), ([Some(99), Some(3), Some(0x1234_5678)], false)]),
        ("setsockopt", &[([None, Some(1), Some(2)], true), ([None, Some(1), Some(2)], false)]),
        ("ioctl", &[(second(TIOCSTI), false)]),
        ("setns", &[(second(0x4000_0000), false)]),
        ("bpf", &[(first(9999), false)]),
        ("keyctl", &[(first(9999), false)]),
        ("ptrace", &[(first(2), false), (first(ABOVE | 2), false)]),
        ("unshare", &[(first(0), true)]),
        ("personality", &[(first(0xffff_ffff), true)]),
        ("kill", &[(second(0), true)]),
        ("tgkill", &[(third(18), true)]),
    ];
    for (name, expected) in exact {
        assert_eq!(seen(recorded, NATIVE, number(name)), expected.iter().copied().collect::<Seen>(), "{name}");
    }
    if NATIVE == Abi::X86_64 {
        assert_eq!(seen(recorded, Abi::X32, 0x4000_0029), Seen::from([([Some(1), Some(2), Some(0)], false)]));
    }
    // The C library makes some of its own.
    for (name, one) in [("mmap", (third(7), true)), ("mprotect", (third(0), true)), ("prctl", (first(9999), false))] {
        assert!(seen(recorded, NATIVE, number(name)).contains(&one), "{name}");
    }
    assert!(recorded.values().all(|row| KeptCall::of(row.abi, row.number).is_some() && !row.many));
}

#[test]
fn values_from_threads_and_children_are_those_that_were_used() {
    if !can_record("values_from_threads_and_children_are_those_that_were_used") {
        return;
    }
    let (_, recorded) = record(Program::Values, &["known", "2", "3", "200"]);
    assert_known(&recorded);
    let clones = seen(&recorded, NATIVE, number("clone"));
    assert!(clones.contains(&(first(0x0120_0011), true)), "the parent's, not the child's: {clones:?}");
}

#[test]
fn values_in_json_are_the_same() {
    if !can_record("values_in_json_are_the_same") {
        return;
    }
    let program = Program::Values.binary();
    let (outcome, recorded) = record_command_with(&["--format", "json"], &[text(&program), "known", "1", "0", "1"]);
    outcome.success();
    assert_known(&recorded);
}

#[test]
fn values_beyond_the_limit_are_many() {
    if !can_record("values_beyond_the_limit_are_many") {
        return;
    }
    let limit = KEPT_VALUES as usize;
    let (_, all) = record(Program::Values, &["different", &limit.to_string()]);
    let fcntl = number("fcntl");
    assert_eq!((seen(&all, NATIVE, fcntl).len(), is_many(&all, fcntl)), (limit, false));
    let (_, more) = record(Program::Values, &["different", &(limit + 1).to_string()]);
    assert_eq!((seen(&more, NATIVE, fcntl).len(), is_many(&more, fcntl)), (limit, true));
}

#[cfg(target_arch = "x86_64")]
#[test]
fn values_of_i386_are_those_of_its_own_registers() {
    if !can_record("values_of_i386_are_those_of_its_own_registers") {
        return;
    }
    let (_, recorded) = record(Program::Values, &["i386"]);
    assert_eq!(seen(&recorded, Abi::I386, 359), Seen::from([([Some(1), Some(1), Some(0)], true)]));
    assert_eq!(seen(&recorded, Abi::I386, 221), Seen::from([(second(2), true)]));
    assert_eq!(seen(&recorded, Abi::I386, 54), Seen::from([(second(TIOCSTI), false)]));
    assert_eq!(seen(&recorded, Abi::I386, 102), Seen::new(), "what is behind a pointer is not read");
    assert_eq!(seen(&recorded, Abi::X86_64, 41), Seen::new());
}

#[test]
fn values_of_two_programs_are_kept_apart() {
    if !can_record("values_of_two_programs_are_kept_apart") {
        return;
    }
    let folder = TempDir::with_prefix("ctrec-values-").unwrap();
    let (one, other) = (Program::Values.binary(), folder.path().join("other"));
    fs::copy(&one, &other).unwrap();
    let script = format!("{0} different 3; {1} known 1 0 1; {0} known 1 0 1", one.display(), other.display());
    let (outcome, recorded) = record_command_with(&[], &["sh", "-c", &script]);
    outcome.success();
    let program = |path: &str| {
        let found = recorded.recording().programs.iter().find(|program| program.path == path);
        found.unwrap_or_else(|| panic!("{path} ran")).program
    };
    let of = |path: &str, name: &str| {
        let id = program(path);
        rows(&recorded, NATIVE, number(name)).filter(move |row| row.program == id).count()
    };
    assert_eq!((of(text(&one), "fcntl"), of(text(&other), "fcntl")), (3, 0));
    assert_eq!((of(text(&one), "socket"), of(text(&other), "socket")), (2, 2), "each has the same values of its own");
}
