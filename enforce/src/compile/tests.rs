//! Compiled profiles against what they say.

use std::collections::BTreeSet;

use ctrec_analyze::dialect::{ParseContext, parse};
use ctrec_analyze::profile::{Abi, Action, Architecture, Condition, Operator, Profile, Rule};
use proptest::prelude::*;

use super::{CompileError, Runtime, compile, number};
use crate::{Decision, Query, RawAction, Verdict};

const HERE: Architecture = Architecture::X86_64;
const EVERY: [(Architecture, Abi); 5] = [
    (Architecture::X86_64, Abi::X86_64),
    (Architecture::X86, Abi::I386),
    (Architecture::X32, Abi::X32),
    (Architecture::Aarch64, Abi::Aarch64),
    (Architecture::Arm, Abi::Arm),
];

fn rule(name: &str, action: Action, conditions: &[Condition]) -> Rule {
    Rule { name: name.to_owned(), action, conditions: conditions.to_vec(), reasons: BTreeSet::new() }
}

fn profile(default_action: Action, rules: Vec<Rule>) -> Profile {
    Profile { default_action, architectures: [HERE].into(), flags: BTreeSet::new(), rules }
}

fn allowing(names: &[&str]) -> Profile {
    profile(Action::Errno(1), names.iter().map(|name| rule(name, Action::Allow, &[])).collect())
}

fn decide(profile: &Profile, runtime: Runtime, query: &Query) -> Decision {
    compile(profile, runtime, HERE).unwrap().filter.decide(query)
}

fn call(number: i64) -> Query {
    Query::new(Abi::X86_64, number)
}

fn errno(errno: u16) -> Decision {
    Decision::Always(RawAction::of(Action::Errno(errno)))
}

const ALLOWED: Decision = Decision::Always(RawAction::ALLOW);

fn is(index: u32, operator: Operator, value: u64) -> Condition {
    Condition { index, value, value_two: 0, operator }
}

#[test]
fn runc_calls_what_is_newer_than_the_profile_absent() {
    let profile = allowing(&["read", "rseq"]);
    assert_eq!(decide(&profile, Runtime::Runc, &call(334)), ALLOWED);
    assert_eq!(decide(&profile, Runtime::Runc, &call(332)), errno(1));
    assert_eq!(decide(&profile, Runtime::Runc, &call(335)), errno(38));
    assert_eq!(decide(&profile, Runtime::Crun, &call(335)), errno(1));
    // The kernel's numbers are unsigned to a filter; bit 30 of -1 makes it x32's, which the stub leaves alone.
    assert_eq!(decide(&profile, Runtime::Runc, &call(-1)), errno(1));
}

#[test]
fn a_permissive_default_has_no_stub() {
    for default in [Action::Allow, Action::Log, Action::Trace(1)] {
        let profile = profile(default, vec![rule("read", Action::Errno(1), &[]), rule("rseq", Action::Errno(1), &[])]);
        assert_eq!(decide(&profile, Runtime::Runc, &call(1000)), Decision::Always(RawAction::of(default)));
    }
}

#[test]
fn a_foreign_architecture_is_killed() {
    let query = Query::new(Abi::I386, 3);
    assert_eq!(decide(&allowing(&["read"]), Runtime::Runc, &query), Decision::Always(RawAction::KILL_THREAD));
}

#[test]
fn names_that_the_library_lacks_are_reported_and_left_out() {
    let compiled = compile(&allowing(&["no_such_call", "read", "another"]), Runtime::Crun, HERE).unwrap();
    assert_eq!(compiled.unknown_names, ["another", "no_such_call"]);
    assert_eq!(compiled.filter.decide(&call(0)), ALLOWED);
}

#[test]
fn a_rule_that_repeats_the_default_changes_nothing_but_the_stub() {
    let mut profile = allowing(&["read"]);
    profile.rules.push(rule("rseq", Action::Errno(1), &[]));
    assert_eq!(decide(&profile, Runtime::Crun, &call(334)), errno(1));
    assert_eq!(decide(&profile, Runtime::Runc, &call(333)), errno(1));
    assert_eq!(decide(&profile, Runtime::Runc, &call(335)), errno(38));
}

#[test]
fn every_comparison_is_of_64_bits() {
    let high = 1 << 40;
    let cases = [
        (Operator::Equal, [false, true, false]),
        (Operator::NotEqual, [true, false, true]),
        (Operator::LessThan, [true, false, false]),
        (Operator::LessOrEqual, [true, true, false]),
        (Operator::GreaterThan, [false, false, true]),
        (Operator::GreaterOrEqual, [false, true, true]),
    ];
    for (operator, expected) in cases {
        let profile = profile(Action::Errno(1), vec![rule("read", Action::Allow, &[is(2, operator, high + 5)])]);
        for (value, allowed) in [high + 4, high + 5, high + 6].into_iter().zip(expected) {
            let query = call(0).with_arguments([0, 0, value, 0, 0, 0]);
            let decision = decide(&profile, Runtime::Crun, &query);
            assert_eq!(decision == ALLOWED, allowed, "{value:#x} {operator:?}: {decision:?}");
        }
    }
}

#[test]
fn the_masked_bits_of_clone_decide_alone() {
    let flags = Condition { index: 0, value: 0x7e02_0000, value_two: 0, operator: Operator::MaskedEqual };
    let profile = profile(Action::Errno(1), vec![rule("clone", Action::Allow, &[flags])]);
    for runtime in [Runtime::Runc, Runtime::Crun] {
        let clone = call(56);
        assert_eq!(decide(&profile, runtime, &clone).verdict(), Verdict::ByArguments);
        assert_eq!(decide(&profile, runtime, &clone.with_argument(0, 0, 0x7e02_0000)), ALLOWED);
        assert_eq!(decide(&profile, runtime, &clone.with_argument(0, 0x2_0000, 0x7e02_0000)), errno(1));
    }
}

#[test]
fn the_first_rule_without_conditions_decides_alone() {
    let five = is(0, Operator::Equal, 5);
    let rules = |actions: &[(Action, &[Condition])]| -> Vec<Rule> {
        actions.iter().map(|(action, conditions)| rule("read", *action, conditions)).collect()
    };
    let (kill, allow) = (Action::KillProcess, Action::Allow);
    let cases = [
        (rules(&[(kill, &[]), (allow, &[])]), kill),
        (rules(&[(allow, &[]), (kill, &[])]), allow),
        (rules(&[(Action::Errno(7), &[]), (Action::Errno(5), &[])]), Action::Errno(7)),
        (rules(&[(allow, &[five]), (kill, &[])]), kill),
        (rules(&[(kill, &[five]), (allow, &[]), (Action::Errno(7), &[])]), allow),
        (rules(&[(kill, &[]), (allow, &[five])]), kill),
        // What repeats the default is left out.
        (rules(&[(Action::Errno(1), &[]), (allow, &[])]), allow),
    ];
    for (rules, expected) in cases {
        let profile = profile(Action::Errno(1), rules);
        for runtime in [Runtime::Runc, Runtime::Crun] {
            let decision = decide(&profile, runtime, &call(0));
            assert_eq!(decision, Decision::Always(RawAction::of(expected)), "{profile:?}");
        }
    }
}

#[test]
fn runc_calls_nothing_absent_where_the_architecture_is_not_listed() {
    for listed in ["", r#""SCMP_ARCH_X86""#, r#""SCMP_ARCH_AARCH64""#] {
        let text = format!(
            r#"{{"defaultAction":"SCMP_ACT_ERRNO","architectures":[{listed}],
            "syscalls":[{{"names":["read"],"action":"SCMP_ACT_ALLOW"}}]}}"#
        );
        let profile = parse(&text, &ParseContext::of(HERE)).unwrap().profile;
        assert_eq!(decide(&profile, Runtime::Runc, &call(0)), ALLOWED, "{listed}");
        assert_eq!(decide(&profile, Runtime::Runc, &call(1000)), errno(1), "{listed}");
    }
}

#[test]
fn two_conditions_on_one_argument_become_alternatives() {
    let rule = rule("read", Action::Allow, &[is(0, Operator::Equal, 3), is(0, Operator::Equal, 5)]);
    let profile = profile(Action::Errno(1), vec![rule]);
    for (value, expected) in [(3, ALLOWED), (4, errno(1)), (5, ALLOWED)] {
        assert_eq!(decide(&profile, Runtime::Runc, &call(0).with_arguments([value, 0, 0, 0, 0, 0])), expected);
    }
}

#[test]
fn what_the_runtimes_refuse_is_refused() {
    let condition = rule("read", Action::Allow, &[is(6, Operator::Equal, 1)]);
    let refused = compile(&profile(Action::Errno(1), vec![condition]), Runtime::Runc, HERE);
    assert!(matches!(refused, Err(CompileError::NoSuchArgument { index: 6, .. })), "{refused:?}");

    let errno = rule("read", Action::Errno(5000), &[]);
    let refused = compile(&profile(Action::Errno(1), vec![errno]), Runtime::Runc, HERE);
    assert!(matches!(refused, Err(CompileError::Rule { .. })), "{refused:?}");

    let mut flagged = allowing(&["read"]);
    flagged.flags.insert("SECCOMP_FILTER_FLAG_NONSENSE".to_owned());
    let refused = compile(&flagged, Runtime::Crun, HERE);
    assert!(matches!(refused, Err(CompileError::UnknownFlag { .. })), "{refused:?}");

    let write = rule("write", Action::Notify, &[]);
    let refused = compile(&profile(Action::Errno(1), vec![write]), Runtime::Runc, HERE);
    assert!(matches!(refused, Err(CompileError::Notify { .. })), "{refused:?}");
}

#[test]
fn a_profile_for_another_machine_does_not_cover_this_one() {
    let mut profile = allowing(&["read"]);
    profile.architectures = [Architecture::Aarch64].into();
    let compiled = compile(&profile, Runtime::Crun, Architecture::Aarch64).unwrap();
    assert_eq!(compiled.filter.decide(&Query::new(Abi::Aarch64, 63)), ALLOWED);
    assert_eq!(compiled.filter.decide(&call(0)), Decision::Always(RawAction::KILL_THREAD));
}

/// Names of a broad profile, from all parts of the tables; one (socket) is multiplexed on 32-bit x86, some exist on some
/// architectures only.
const NAMES: [&str; 20] = [
    "read",
    "write",
    "openat",
    "open",
    "stat",
    "socket",
    "clone3",
    "futex_waitv",
    "faccessat2",
    "rseq",
    "execve",
    "mmap2",
    "_llseek",
    "arch_prctl",
    "getdents64",
    "statx",
    "set_tls",
    "fchmodat2",
    "epoll_wait",
    "exit_group",
];

proptest! {
    #[test]
    fn what_a_profile_names_is_allowed_and_what_it_does_not_name_is_not(
        names in proptest::sample::subsequence(NAMES.to_vec(), 1..NAMES.len()),
        architectures in proptest::sample::subsequence(EVERY.to_vec(), 0..=EVERY.len()),
        runtime in proptest::sample::select(vec![Runtime::Runc, Runtime::Crun]),
    ) {
        let mut profile = allowing(&names);
        profile.architectures.extend(architectures.iter().map(|(architecture, _)| *architecture));
        let filter = compile(&profile, runtime, HERE).unwrap().filter;
        for (architecture, abi) in EVERY.into_iter().filter(|(known, _)| profile.architectures.contains(known)) {
            for name in NAMES {
                let Some(number) = number(name, architecture) else { continue };
                let decision = filter.decide(&Query::new(abi, number.into()));
                let expected = if names.contains(&name) { Verdict::Allowed } else { Verdict::Refused };
                prop_assert_eq!(decision.verdict(), expected, "{} on {:?}: {:?}", name, abi, decision);
            }
        }
    }
}
