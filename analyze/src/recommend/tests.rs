use std::collections::BTreeSet;

use ctrec_recording::{Abi, Container, LossKind, Origin, Phase, Recording};
use proptest::prelude::*;

use super::{Fate, RecommendError, Recommendation, needed_to_start, recommend};
use crate::behaviour::Behaviour;
use crate::dialect::{docker, oci};
use crate::finding::{Kind, Severity};
use crate::known::{self, Need};
use crate::policy::{Baseline, Dialect, Policy};
use crate::profile::{Action, Architecture, Condition, Operator, Reason};
use crate::testing::{Run, allowing, recordings};

fn all(recording: &Recording) -> Behaviour {
    let every: BTreeSet<u32> = recording.containers.iter().map(|container| container.container).collect();
    Behaviour::of_all(recording, &every).unwrap()
}

fn judge(run: &Run) -> Recommendation {
    recommend(&all(&run.recording), &Policy::default()).unwrap()
}

fn kinds(recommendation: &Recommendation) -> BTreeSet<Kind> {
    recommendation.findings.iter().map(|finding| finding.kind).collect()
}

fn allows(recommendation: &Recommendation, name: &str) -> bool {
    recommendation.profile.allowed().contains(name)
}

fn observed(recommendation: &Recommendation, name: &str) -> bool {
    recommendation.profile.rules_of(name).any(|rule| rule.reasons.iter().any(|r| matches!(r, Reason::Observed { .. })))
}

fn any_policy() -> impl Strategy<Value = Policy> {
    (any::<bool>(), any::<bool>(), any_baseline()).prop_map(|(oci, exec, baseline)| {
        let dialect = if oci { Dialect::Oci } else { Dialect::Docker };
        let mut policy = Policy { dialect, baseline, ..Policy::default() };
        if !exec {
            policy.origins.remove(&Origin::Exec);
        }
        policy
    })
}

fn any_baseline() -> impl Strategy<Value = Baseline> {
    prop::sample::select(vec![Baseline::Any, Baseline::Recorded, Baseline::Runc, Baseline::Crun])
}

/// What the container's own runtime needs is all that is added.
fn as_recorded(run: &Run) -> Recommendation {
    recommend(&all(&run.recording), &Policy { baseline: Baseline::Recorded, ..Policy::default() }).unwrap()
}

fn render(recommendation: &Recommendation, policy: &Policy) -> String {
    match policy.dialect {
        Dialect::Docker => docker::render(&recommendation.profile).unwrap(),
        Dialect::Oci => oci::render(&recommendation.profile).unwrap(),
    }
}

proptest! {
    #[test]
    fn every_call_that_was_made_and_has_a_name_is_allowed(recording in recordings(), policy in any_policy()) {
        let recommendation = recommend(&all(&recording), &policy).unwrap();
        for row in recording.calls.iter().filter(|row| policy.wants(row.origin, row.phase)) {
            let call = crate::behaviour::CallId { abi: row.abi, number: row.number };
            let sum = row.succeeded + row.failed + row.interrupted + row.unfinished;
            let refused = sum == 0 || recommendation.fates[&call] == Fate::Refused;
            if let Some(name) = call.name().filter(|_| !refused && !call.is_unfiltered()) {
                prop_assert!(allows(&recommendation, name), "{}", name);
                prop_assert!(recommendation.profile.architectures.contains(&crate::abi::architecture(row.abi)));
            }
        }
    }

    #[test]
    fn without_a_filter_nothing_is_refused(mut recording in recordings(), policy in any_policy()) {
        recording.containers.iter_mut().for_each(|container| container.seccomp_json = Some("null".to_owned()));
        let recommendation = recommend(&all(&recording), &policy).unwrap();
        prop_assert!(!kinds(&recommendation).contains(&Kind::Refused));
    }

    #[test]
    fn another_run_never_takes_a_call_away(a in recordings(), b in recordings(), policy in any_policy()) {
        prop_assume!(a.header.run != b.header.run);
        let (a, b) = (all(&a), all(&b));
        let alone = recommend(&a, &policy).unwrap().profile;
        let both = recommend(&a.merge(b), &policy).unwrap().profile;
        prop_assert!(alone.allowed().is_subset(&both.allowed()));
        prop_assert!(alone.architectures.is_subset(&both.architectures));
    }

    #[test]
    fn the_same_recording_gives_the_same_bytes(recording in recordings(), policy in any_policy()) {
        let mut shuffled = recording.clone();
        shuffled.calls.reverse();
        shuffled.containers.reverse();
        shuffled.programs.reverse();
        let (one, other) = (recommend(&all(&recording), &policy).unwrap(), recommend(&all(&shuffled), &policy).unwrap());
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(render(&one, &policy), render(&other, &policy));
    }

    #[test]
    fn whatever_was_recorded_a_profile_for_any_runtime_starts_under_each(recording in recordings()) {
        let behaviour = all(&recording);
        for origins in [vec![Origin::Init], vec![Origin::Init, Origin::Exec]] {
            let of = |baseline| {
                let policy = Policy { baseline, origins: origins.iter().copied().collect(), ..Policy::default() };
                recommend(&behaviour, &policy).unwrap().profile
            };
            let any = of(Baseline::Any);
            for (runtime, only) in [("runc", Baseline::Runc), ("crun", Baseline::Crun)] {
                let only = of(only);
                for call in origins.iter().flat_map(|origin| known::runtime_baseline(Some(runtime), None, *origin)) {
                    prop_assert!(any.allowed().contains(call.name), "{} for {}", call.name, call.baseline);
                    prop_assert!(only.allowed().contains(call.name), "{} for {}", call.name, call.baseline);
                }
                prop_assert!(only.allowed().is_subset(&any.allowed()));
            }
            prop_assert!(of(Baseline::Recorded).allowed().is_subset(&any.allowed()));
        }
    }

    #[test]
    fn set_up_alone_gives_no_rule(mut recording in recordings(), policy in any_policy()) {
        recording.calls.iter_mut().for_each(|row| row.phase = Phase::Setup);
        recording.errnos.iter_mut().for_each(|row| row.phase = Phase::Setup);
        let recommendation = recommend(&all(&recording), &policy).unwrap();
        let reasons = recommendation.profile.rules.iter().flat_map(|rule| &rule.reasons);
        prop_assert_eq!(reasons.filter(|reason| matches!(reason, Reason::Observed { .. })).count(), 0);
        for name in ["mount", "pivot_root", "setns", "unshare", "clone3"] {
            prop_assert!(!allows(&recommendation, name), "{}", name);
        }
    }
}

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
fn the_runtimes_needs_come_from_its_baseline_unless_they_were_recorded() {
    let needs = known::runtime_baseline(Some("runc"), Some(false), Origin::Init);
    let always: Vec<_> = needs.iter().filter(|call| call.need == Need::Always).map(|call| call.name).collect();
    let unseen = as_recorded(&Run::new("r").made("read", 1));
    assert!(always.iter().all(|name| allows(&unseen, name)) && always.contains(&"capset"));

    let run = Run::new("r").phase(Origin::Init, Phase::Runtime).made("execve", 1);
    let run = run.phase(Origin::Exec, Phase::Runtime).made("execve", 1);
    let seen = as_recorded(&run);
    assert!(!allows(&seen, "capset"), "it was recorded and not made");
    assert!(observed(&seen, "execve"));
    for call in needs.iter().filter(|call| call.need == Need::Sometimes) {
        assert!(allows(&seen, call.name), "{} depends on timing", call.name);
    }
}

#[test]
fn an_unknown_runtime_gets_the_union_and_says_so() {
    let known = as_recorded(&Run::new("r").made("read", 1));
    assert!(!kinds(&known).contains(&Kind::BaselineUnion));
    assert!(!allows(&known, "setresuid"), "crun's need is not runc's");
    let run = Run::new("r").made("read", 1).that(|container| container.runtime = Some("ctrec".to_owned()));
    let unknown = as_recorded(&run);
    assert!(kinds(&unknown).contains(&Kind::BaselineUnion));
    assert!(allows(&unknown, "setresuid") && allows(&unknown, "capset"));
    assert!(!kinds(&judge(&run)).contains(&Kind::BaselineUnion), "both were asked for, nothing was guessed");
}

#[test]
fn what_is_said_of_a_guess_is_what_was_guessed() {
    let said = |change: fn(&mut Container)| {
        let recommendation = as_recorded(&Run::new("r").made("read", 1).that(change));
        let found = recommendation.findings.into_iter().find(|finding| finding.kind == Kind::BaselineUnion);
        (found.unwrap().text, recommendation.profile.allowed().contains("setresuid"))
    };
    let (text, crun_too) = said(|container| container.no_new_privs = None);
    assert!(text.contains("the calls of runc, with and without no_new_privs are allowed"), "{text}");
    assert!(!crun_too, "the runtime was known");
    let (text, _) = said(|container| container.runtime = None);
    assert!(text.contains("the calls of runc and crun without no_new_privs are"), "{text}");
    let (text, crun_too) = said(|container| (container.runtime, container.no_new_privs) = (None, None));
    assert!(text.contains("of runc and crun, with and without no_new_privs are"), "{text}");
    assert!(crun_too && text.ends_with("to start it and to enter it"), "{text}");
}

#[test]
fn it_is_said_where_a_profile_starts_and_what_that_costs() {
    let recorded = |run: Run| run.phase(Origin::Init, Phase::Runtime).made("execve", 1).made("capset", 1);
    let start = |run: &Run, baseline| {
        let policy = Policy { baseline, ..Policy::default() };
        recommend(&all(&run.recording), &policy).unwrap().start
    };
    let run = recorded(Run::new("r"));
    for (baseline, expected) in [
        (Baseline::Any, "runc and crun, with and without no_new_privs"),
        (Baseline::Recorded, "runc without no_new_privs"),
        (Baseline::Runc, "runc, with and without no_new_privs"),
        (Baseline::Crun, "crun, with and without no_new_privs"),
    ] {
        let start = start(&run, baseline);
        assert_eq!(start.under, BTreeSet::from([expected.to_owned()]));
        assert_eq!(start.as_recorded, baseline == Baseline::Recorded);
        assert!(start.with_exec && start.for_that_alone > 0);
    }
    let alone = |baseline| start(&run, baseline).for_that_alone;
    assert!(alone(Baseline::Any) > alone(Baseline::Runc) && alone(Baseline::Runc) > alone(Baseline::Recorded));
    let unknown = run.that(|container| (container.runtime, container.no_new_privs) = (None, None));
    assert_eq!(start(&unknown, Baseline::Recorded).under, BTreeSet::from(["its own runtime".to_owned()]));
}

#[test]
fn a_runtimes_needs_are_those_of_the_containers_own_settings() {
    let needed = |setting: Option<bool>, exec: bool| -> BTreeSet<&str> {
        let run = Run::new("r").made("read", 1).that(|container| container.no_new_privs = setting);
        let mut policy = Policy::default();
        if !exec {
            policy.origins.remove(&Origin::Exec);
        }
        needed_to_start(&all(&run.recording), &policy, "crun").iter().map(|call| call.name).collect()
    };
    assert_eq!(needed(Some(true), false), BTreeSet::from(["execve"]));
    assert_eq!(needed(Some(true), true), BTreeSet::from(["execve", "write"]));
    assert!(needed(Some(false), false).contains("capset") && !needed(Some(false), false).contains("openat"));
    assert_eq!(needed(None, true), needed(Some(false), true), "the longer list holds the shorter");
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
fn namespace_flags_that_a_filter_refused_stay_refused() {
    let filter = r#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
        {"names": ["clone"], "action": "SCMP_ACT_ALLOW",
         "args": [{"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]}]}"#;
    let recommendation = judge(&Run::new("r").filter(filter).made("clone", 4).clone_flags(0x1000_0000));
    assert!(recommendation.profile.rules_of("clone").all(|rule| !rule.conditions.is_empty()));
    let finding = recommendation.findings.iter().find(|finding| finding.kind == Kind::NamespaceFlags).unwrap();
    assert_eq!(finding.severity, Severity::Note);
}

#[test]
fn the_first_rule_without_conditions_says_what_the_filter_refused() {
    let rule = |name: &str, action: &str| format!(r#"{{"names": ["{name}"], "action": "SCMP_ACT_{action}"}}"#);
    let run = |name: &str, actions: [&str; 2]| {
        let rules = actions.map(|action| rule(name, action)).join(",");
        let filter = format!(
            r#"{{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [{rules}]}}"#
        );
        Run::new("r").filter(&filter)
    };
    let swapon = |actions| allows(&judge(&run("swapon", actions).made("swapon", 1)), "swapon");
    assert!(!swapon(["KILL_PROCESS", "ALLOW"]) && swapon(["ALLOW", "KILL_PROCESS"]));
    assert!(swapon(["ERRNO", "ALLOW"]), "what repeats the default is left out");
    let free = |actions| {
        let run = run("clone", actions).made("clone", 1).clone_flags(0x1000_0000);
        judge(&run).profile.rules_of("clone").any(|rule| rule.conditions.is_empty())
    };
    assert!(!free(["KILL_PROCESS", "ALLOW"]) && free(["ALLOW", "KILL_PROCESS"]));
}

#[test]
fn a_rule_that_refuses_some_flags_of_clone_refuses_no_others() {
    let filter = r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
        {"names": ["clone"], "action": "SCMP_ACT_ERRNO",
         "args": [{"index": 0, "value": 268435456, "valueTwo": 268435456, "op": "SCMP_CMP_MASKED_EQ"}]}]}"#;
    let free = |flags| {
        let recommendation = judge(&Run::new("r").filter(filter).made("clone", 1).clone_flags(flags));
        recommendation.profile.rules_of("clone").any(|rule| rule.conditions.is_empty())
    };
    assert!(free(0x2000_0000) && !free(0x1000_0000));
}

#[test]
fn runc_answers_enosys_only_where_the_profile_lists_the_architecture() {
    let filter = |listed: &str| {
        format!(
            r#"{{"defaultAction": "SCMP_ACT_ERRNO", "architectures": [{listed}],
            "syscalls": [{{"names": ["read"], "action": "SCMP_ACT_ALLOW"}}]}}"#
        )
    };
    let swapon = |listed| allows(&judge(&Run::new("r").filter(&filter(listed)).failed("swapon", 38, 1)), "swapon");
    assert!(!swapon(r#""SCMP_ARCH_X86_64""#));
    assert!(swapon("") && swapon(r#""SCMP_ARCH_X86""#), "there it was the kernel");
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
fn what_the_filter_turned_away_is_left_out_and_found() {
    let run = Run::new("r").filter(&allowing(&["read"])).made("read", 1).failed("read", 1, 3).failed("mount", 1, 2);
    let recommendation = judge(&run);
    assert!(allows(&recommendation, "read"), "the filter lets it through: the kernel said EPERM");
    assert!(!allows(&recommendation, "mount"));
    let finding = recommendation.findings.iter().find(|finding| finding.kind == Kind::Refused).unwrap();
    assert_eq!(finding.evidence, ["mount: 2 times, EPERM, by /usr/sbin/nginx"]);

    let include = Policy { include: BTreeSet::from(["mount".to_owned()]), ..Policy::default() };
    let included = recommend(&all(&run.recording), &include).unwrap();
    assert!(included.profile.rules_of("mount").all(|rule| rule.reasons.contains(&Reason::Included)));
    assert!(allows(&included, "mount") && !kinds(&included).contains(&Kind::Refused));
}

#[test]
fn another_errno_or_a_success_is_not_a_refusal() {
    let filter = allowing(&["read", "execve"]);
    let other = judge(&Run::new("r").filter(&filter).failed("swapon", 22, 2));
    assert!(allows(&other, "swapon"), "EINVAL is the kernel's");
    let waiting = judge(&Run::new("r").filter(&filter).failed("swapon", 1, 1).interrupted("swapon", 1));
    assert!(allows(&waiting, "swapon"), "it was in the kernel when it was torn down");
    let elsewhere = Run::new("r").filter(&filter).failed("swapon", 1, 1).container(2, "web").program("/bin/x");
    assert!(allows(&judge(&elsewhere.made("swapon", 1)), "swapon"), "one container made it");
}

#[test]
fn runc_answers_enosys_for_calls_newer_than_any_that_is_listed() {
    let filter = allowing(&["read", "rseq"]);
    let runc = Run::new("r").filter(&filter).failed("clone3", 38, 1);
    assert!(!allows(&judge(&runc), "clone3"));
    let crun = runc.that(|container| container.runtime = Some("crun".to_owned()));
    assert!(allows(&judge(&crun), "clone3"), "there it was the kernel");
    let older = Run::new("r").filter(&filter).failed("sync", 38, 1);
    assert!(allows(&judge(&older), "sync"), "162 is older than rseq");
}

#[test]
fn a_call_that_was_reported_absent_is_again_and_that_is_no_worry() {
    let run = Run::new("r").filter(&allowing(&["read"])).failed("copy_file_range", 38, 1).failed("clone3", 38, 1);
    let recommendation = judge(&run.failed("statx", 38, 1));
    for name in ["copy_file_range", "clone3"] {
        let actions: Vec<Action> = recommendation.profile.rules_of(name).map(|rule| rule.action).collect();
        assert_eq!(actions, [Action::Errno(38)], "{name}");
    }
    let finding = recommendation.findings.iter().find(|finding| finding.kind == Kind::Refused).unwrap();
    assert_eq!((finding.severity, finding.evidence.len()), (Severity::Note, 2), "runc needs statx anyway");
    assert!(allows(&recommendation, "statx"));
}

#[test]
fn a_killed_call_looks_like_a_success_and_is_refused() {
    let filter = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["swapon"], "action": "SCMP_ACT_KILL"},
        {"names": ["swapoff"], "action": "SCMP_ACT_TRAP"}]}"#;
    let recommendation = judge(&Run::new("r").filter(filter).made("swapon", 1).made("swapoff", 1).made("sync", 1));
    assert!(
        !allows(&recommendation, "swapon") && !allows(&recommendation, "swapoff") && allows(&recommendation, "sync")
    );
    let compat = judge(&Run::new("r").filter(filter).abi(Abi::I386).made("sync", 1));
    assert!(kinds(&compat).contains(&Kind::Refused), "a filter kills what it does not cover");
}

#[test]
fn a_call_that_the_filter_answers_with_0_was_never_made() {
    let filter = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["swapon"], "action": "SCMP_ACT_ERRNO", "errnoRet": 0}]}"#;
    let run = Run::new("r").filter(filter);
    let recommendation = judge(&run.clone().made("swapon", 2));
    assert!(!allows(&recommendation, "swapon"));
    let finding = recommendation.findings.iter().find(|finding| finding.kind == Kind::Refused).unwrap();
    assert_eq!(finding.evidence, ["swapon: 2 times, killed or answered 0 by the filter, by /usr/sbin/nginx"]);
    assert!(allows(&judge(&run.made("swapon", 2).failed("swapon", 22, 1)), "swapon"), "EINVAL is the kernel's");
}

#[test]
fn a_workload_that_never_ran_is_said() {
    let run = Run::new("r").phase(Origin::Init, Phase::Runtime).made("execve", 1).made("capset", 1);
    assert!(kinds(&judge(&run)).contains(&Kind::NothingSeen));
    let ran = run.phase(Origin::Init, Phase::Workload).made("read", 1);
    assert!(!kinds(&judge(&ran)).contains(&Kind::NothingSeen));
}

#[test]
fn what_arguments_decide_stays_in_and_is_said() {
    let filter = r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["socket"], "action": "SCMP_ACT_ALLOW",
        "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_NE"}]}]}"#;
    let recommendation = judge(&Run::new("r").filter(filter).failed("socket", 1, 1));
    assert!(allows(&recommendation, "socket"));
    assert!(kinds(&recommendation).contains(&Kind::RefusedOrFailed));
}

#[test]
fn an_unknown_filter_refuses_nothing_and_is_said() {
    let run = Run::new("r").failed("mount", 1, 1).that(|container| container.seccomp_json = None);
    let recommendation = judge(&run);
    assert!(allows(&recommendation, "mount"));
    assert!(kinds(&recommendation).contains(&Kind::FilterUnknown));
    let broken = judge(&Run::new("r").filter("[1]").failed("mount", 1, 1));
    assert!(kinds(&broken).contains(&Kind::FilterUnknown) && allows(&broken, "mount"));
}

#[test]
fn losses_make_a_recommendation_incomplete_and_come_first() {
    let run = Run::new("r").made("read", 1).loss(LossKind::SlotsFull, 3, "slots").loss(LossKind::SlotsFull, 2, "slots");
    let recommendation = judge(&run);
    let finding = recommendation.findings.iter().find(|finding| finding.kind == Kind::Loss).unwrap();
    assert_eq!(finding.severity, Severity::Incomplete);
    assert!(finding.text.starts_with("incomplete: ") && finding.text.ends_with("(5)"), "{}", finding.text);
    assert_eq!(finding.evidence, ["slots: 5"]);
    assert_eq!(recommendation.findings[0].severity, Severity::Incomplete);
}

#[test]
fn findings_tell_what_a_recording_is_worth() {
    let short = judge(&Run::new("r").made("read", 1));
    assert!(kinds(&short).contains(&Kind::TooShort));
    let mut long = Run::new("r").made("read", 1);
    for window in 2..=8 {
        long = long.window(window);
    }
    assert_eq!(kinds(&judge(&long)), BTreeSet::from([Kind::OneRun]));
    let running = judge(&long.clone().that(|container| container.already_running = true));
    assert!(kinds(&running).contains(&Kind::AlreadyRunning));
    let nothing = judge(&Run::new("r"));
    assert!(kinds(&nothing).contains(&Kind::NothingSeen));
    let mut blind = long.clone();
    blind.recording.header.hooks = vec![ctrec_recording::Hook { name: "h".to_owned(), blind_to: vec!["x".to_owned()] }];
    assert!(kinds(&judge(&blind)).contains(&Kind::BlindHook));
    let mut open = long;
    open.recording.header.ended_ns = None;
    assert!(kinds(&judge(&open)).contains(&Kind::StillRecording));
}

#[test]
fn a_container_that_two_runs_recorded_at_once_is_counted_twice_and_that_is_said() {
    let one = Run::new("a").window(2).made("read", 1);
    let found = |change: &dyn Fn(&mut Recording)| {
        let mut other = Run::new("b").window(2).made("read", 1).recording;
        change(&mut other);
        let both = recommend(&all(&one.recording).merge(all(&other)), &Policy::default()).unwrap();
        let alone = recommend(&all(&one.recording), &Policy::default()).unwrap();
        assert_eq!(both.profile.allowed(), alone.profile.allowed());
        both.findings.into_iter().find(|finding| finding.kind == Kind::RecordedTwice)
    };
    let finding = found(&|_| {}).unwrap();
    assert_eq!((finding.severity, finding.evidence), (Severity::Note, vec!["web 000000000000: runs a, b".to_owned()]));
    assert!(found(&|other| other.header.host = "name-in-a-container".to_owned()).is_some(), "an id is given once");
    assert!(found(&|other| other.header.run = "a".to_owned()).is_none(), "a copy of the run is counted once");
    assert!(found(&|other| other.containers[0].id = "f".repeat(64)).is_none(), "another container");
    assert!(found(&|other| other.windows.retain(|window| window.window == 1)).is_some(), "one is ahead");
    let later = |other: &mut Recording| {
        other.windows.iter_mut().for_each(|window| {
            window.start_ns += 2 * crate::testing::WINDOW_NS;
            window.end_ns += 2 * crate::testing::WINDOW_NS;
        });
    };
    assert!(found(&later).is_none(), "one run after the other");
}

#[test]
fn a_name_that_is_given_again_is_another_container_on_another_host() {
    let of = |run: &str, host: &str| {
        let mut run = Run::new(run).made("read", 1).that(|container| container.id = "web".to_owned());
        run.recording.header.host = host.to_owned();
        all(&run.recording)
    };
    let twice = |behaviour: Behaviour| behaviour.recorded_twice().len();
    assert_eq!(twice(of("a", "one").merge(of("b", "two"))), 0);
    assert_eq!(twice(of("a", "one").merge(of("b", "one"))), 1);
}

#[test]
fn risky_and_nameless_calls_are_found() {
    let run = Run::new("r").made("io_uring_enter", 1).number(9999, 1).made("mseal", 1);
    let recommendation = judge(&run);
    let found = kinds(&recommendation);
    assert!(found.is_superset(&BTreeSet::from([Kind::IoUring, Kind::UnknownNumber, Kind::NewName])));
    let unknown = recommendation.findings.iter().find(|finding| finding.kind == Kind::UnknownNumber).unwrap();
    assert_eq!(unknown.evidence, ["x86_64:9999: 1 time, never with an error, by /usr/sbin/nginx"]);
    assert!(recommendation.findings.iter().all(|finding| !finding.advice.is_empty()));
}

#[test]
fn what_the_kernel_lets_past_every_filter_gets_no_rule_and_no_finding() {
    let run = Run::new("r").filter(&allowing(&["read"])).made("read", 1).failed("uretprobe", 1, 2).made("uprobe", 1);
    let recommendation = judge(&run);
    assert!(!allows(&recommendation, "uretprobe") && !allows(&recommendation, "uprobe"));
    assert!(recommendation.fates.values().all(|fate| *fate == Fate::Made), "{:?}", recommendation.fates);
    assert!(kinds(&recommendation).is_disjoint(&BTreeSet::from([Kind::Refused, Kind::RefusedOrFailed, Kind::NewName])));
}

#[test]
fn nobody_is_told_to_include_a_number() {
    let recommendation = judge(&Run::new("r").filter(&allowing(&["read"])).number_failed(9999, 1, 1));
    assert!(!kinds(&recommendation).contains(&Kind::Refused));
    assert!(recommendation.findings.iter().all(|finding| !finding.advice.contains("--include")));
    let finding = recommendation.findings.iter().find(|finding| finding.kind == Kind::UnknownNumber).unwrap();
    assert_eq!(finding.evidence, ["x86_64:9999: 1 time, EPERM, by /usr/sbin/nginx"]);
}

#[test]
fn a_run_that_was_cut_off_is_told_in_one_sentence() {
    let mut run = Run::new("r").made("read", 1).loss(LossKind::CutOff, 1, "");
    run.recording.header.ended_ns = None;
    let recommendation = judge(&run);
    let text: Vec<&str> = recommendation.findings.iter().map(|finding| finding.text.as_str()).collect();
    assert!(
        text.contains(&"incomplete: a run ended without its last window, killed or by a power cut (1)"),
        "{text:?}"
    );
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
