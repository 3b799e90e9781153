//! Which rules a profile has.

use std::collections::BTreeSet;

use ctrec_recording::{Abi, Origin, Phase};

use super::super::{RecommendError, recommend};
use super::judged::{all, allows, judge, kinds, observed};
use crate::behaviour::Behaviour;
use crate::finding::{Kind, Severity};
use crate::policy::{Dialect, Policy};
use crate::profile::{Action, Architecture, Condition, Operator, Reason};
use crate::testing::{Run, allowing};

#[test]
fn a_rule_says_who_made_the_call_and_how_often() {
    let run = Run::new("r").made("accept4", 3).window(2).failed("accept4", 11, 4);
    let recommendation = judge(&run);
    let rules: Vec<_> = recommendation.profile.rules_of("accept4").collect();
    let expected = Reason::Observed {
        program: "/usr/sbin/nginx".to_owned(),
        origin: Origin::Init,
        phase: Phase::Workload,
        abi: Abi::X86_64,
        count: 7,
    };
    assert_eq!((rules.len(), rules[0].action), (1, Action::Allow));
    assert_eq!(rules[0].reasons, BTreeSet::from([expected]));
}

#[test]
fn set_up_is_left_out_and_its_calls_stay_out() {
    let run = Run::new("r").made("read", 1).phase(Origin::Init, Phase::Setup);
    let recommendation = judge(&run.made("mount", 1).made("pivot_root", 1).made("unshare", 1).made("setns", 1));
    for name in ["mount", "pivot_root", "unshare", "setns"] {
        assert!(!allows(&recommendation, name), "{name}");
    }
}

#[test]
fn exec_is_left_out_on_request() {
    let run = Run::new("r").made("read", 1).phase(Origin::Exec, Phase::Workload).made("swapon", 1);
    assert!(allows(&judge(&run), "swapon"));
    let mut policy = Policy::default();
    policy.origins.remove(&Origin::Exec);
    let without = recommend(&all(&run.recording), &policy).unwrap();
    assert!(!allows(&without, "swapon"));
    let reasons = without.profile.rules.iter().flat_map(|rule| &rule.reasons);
    let exec = |reason: &&Reason| matches!(reason, Reason::Runtime { baseline } if baseline.contains("exec"));
    assert_eq!(reasons.filter(exec).count(), 0);
}

#[test]
fn clone_may_not_make_namespaces_unless_the_workload_did() {
    let masked = Condition { index: 0, value: 0x7E02_0000, value_two: 0, operator: Operator::MaskedEqual };
    let conditions =
        |run: &Run| judge(run).profile.rules_of("clone").map(|rule| rule.conditions.clone()).collect::<Vec<_>>();
    let run = Run::new("r").made("clone", 4);
    assert_eq!(conditions(&run), [vec![masked]]);
    assert_eq!(conditions(&run.clone().phase(Origin::Init, Phase::Setup).clone_flags(0x1000_0000)), [vec![masked]]);

    let sandbox = run.clone_flags(0x1002_0000);
    assert_eq!(conditions(&sandbox), [vec![]]);
    let finding = judge(&sandbox).findings.into_iter().find(|f| f.kind == Kind::NamespaceFlags).unwrap();
    assert_eq!(finding.severity, Severity::Risk);
    assert!(finding.text.contains("CLONE_NEWNS, CLONE_NEWUSER"), "{}", finding.text);
}

#[test]
fn clone3_is_there_only_when_seen() {
    assert!(!allows(&judge(&Run::new("r").made("clone", 1)), "clone3"));
    let seen = judge(&Run::new("r").made("clone3", 1));
    assert!(allows(&seen, "clone3") && kinds(&seen).contains(&Kind::Clone3));
}

#[test]
fn docker_says_enosys_for_new_calls_and_eperm_for_the_rest() {
    let recommendation = judge(&Run::new("r").made("openat2", 1));
    let profile = &recommendation.profile;
    assert_eq!(profile.default_action, Action::Errno(1));
    let action = |name| profile.rules_of(name).map(|rule| rule.action).collect::<Vec<_>>();
    assert_eq!(action("openat2"), [Action::Allow]);
    assert_eq!(action("clone3"), [Action::Errno(38)]);
    assert_eq!(action("pidfd_send_signal"), [Action::Errno(38)], "424, the first");
    assert_eq!(action("file_setattr"), [Action::Errno(38)]);
    assert_eq!(action("mount"), []);
}

#[test]
fn oci_says_enosys_by_default_and_eperm_for_the_dangerous() {
    let run = Run::new("r").made("mount", 1);
    let policy = Policy { dialect: Dialect::Oci, ..Policy::default() };
    let recommendation = recommend(&all(&run.recording), &policy).unwrap();
    let action = |name| recommendation.profile.rules_of(name).map(|rule| rule.action).collect::<Vec<_>>();
    assert_eq!(recommendation.profile.default_action, Action::Errno(38));
    assert_eq!(action("pivot_root"), [Action::Errno(1)]);
    assert_eq!(action("mount"), [Action::Allow], "the workload made it");
    assert_eq!(action("clone3"), []);
}

#[test]
fn architectures_are_those_that_were_used() {
    assert_eq!(judge(&Run::new("r").made("read", 1)).profile.architectures, BTreeSet::from([Architecture::X86_64]));
    let mixed = judge(&Run::new("r").made("read", 1).abi(Abi::I386).made("socketcall", 2));
    assert_eq!(mixed.profile.architectures, BTreeSet::from([Architecture::X86_64, Architecture::X86]));
    assert!(allows(&mixed, "socketcall"));
    let mut arm = Run::new("r");
    arm.recording.header.arch = "aarch64".to_owned();
    let arm = judge(&arm.abi(Abi::Aarch64).made("openat", 1));
    assert_eq!(arm.profile.architectures, BTreeSet::from([Architecture::Aarch64]));
    assert!(!allows(&arm, "arch_prctl"), "a call that Arm has not");
}

#[test]
fn a_number_is_named_by_its_own_abi() {
    let recommendation = judge(&Run::new("r").abi(Abi::I386).number(20, 1));
    assert!(observed(&recommendation, "getpid"));
    assert!(!observed(&recommendation, "writev"));
}

#[test]
fn errors_say_what_to_do() {
    let policy = Policy { include: BTreeSet::from(["opnat".to_owned()]), ..Policy::default() };
    let error = recommend(&all(&Run::new("r").recording), &policy).unwrap_err();
    assert!(matches!(&error, RecommendError::UnknownName { near, .. } if near.contains(&"openat")), "{error}");
    let mut run = Run::new("r");
    run.recording.header.arch = "riscv64".to_owned();
    let error = recommend(&all(&run.recording), &Policy::default()).unwrap_err();
    assert!(error.to_string().contains("riscv64"));
    assert!(matches!(recommend(&Behaviour::default(), &Policy::default()), Err(RecommendError::NothingRecorded)));
}

#[test]
fn absurd_counts_of_a_broken_store_do_no_harm() {
    let run = Run::new("r").filter(&allowing(&["read"])).failed("mount", 1, u64::MAX).failed("mount", 2, u64::MAX);
    let recommendation = judge(&run.made("read", u64::MAX).window(2).made("read", u64::MAX).number(i64::MIN, u64::MAX));
    assert!(allows(&recommendation, "read"));
}
