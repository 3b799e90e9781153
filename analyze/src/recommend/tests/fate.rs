//! What the filter in force turned away, and what is said of it.

use std::collections::BTreeSet;

use ctrec_recording::Abi;

use super::super::{Fate, recommend};
use super::judged::{all, allows, judge, kinds};
use crate::finding::{Kind, Severity};
use crate::policy::Policy;
use crate::profile::{Action, Reason};
use crate::testing::{Run, allowing};

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
    assert!(allows(&included, "mount"));
    let finding = included.findings.iter().find(|finding| finding.kind == Kind::Refused).unwrap();
    assert!(finding.text.contains("and not left out"), "what would have come after is not known: {}", finding.text);
    assert_eq!(finding.evidence, ["mount: 2 times, EPERM, by /usr/sbin/nginx; in the profile for another reason"]);
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
    assert_eq!((finding.severity, finding.evidence.len()), (Severity::Note, 3));
    let of_runc = finding.evidence.iter().find(|line| line.starts_with("statx: ")).unwrap();
    assert!(of_runc.ends_with("; in the profile for another reason"), "{of_runc}");
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
    assert_eq!(finding.evidence, ["swapon: 2 times, killed, trapped or answered by the filter, by /usr/sbin/nginx"]);
    assert!(allows(&judge(&run.made("swapon", 2).failed("swapon", 22, 1)), "swapon"), "EINVAL is the kernel's");
}

#[test]
fn what_arguments_decide_stays_in_and_is_said() {
    let filter = r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["socket"], "action": "SCMP_ACT_ALLOW",
        "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_NE"}]}]}"#;
    let run = Run::new("r").filter(filter);
    let recommendation = judge(&run.clone().failed("socket", 1, 1));
    assert!(allows(&recommendation, "socket"));
    assert!(kinds(&recommendation).contains(&Kind::RefusedOrFailed));
    let mixed = judge(&run.clone().made("socket", 5).failed("socket", 1, 2).failed("socket", 97, 1));
    let finding = mixed.findings.iter().find(|finding| finding.kind == Kind::RefusedOrFailed).unwrap();
    assert_eq!(
        finding.evidence,
        ["socket: 8 times, 2 of them refused or failed, EPERM, EAFNOSUPPORT, by /usr/sbin/nginx"]
    );
    let another = judge(&run.made("socket", 5).failed("socket", 97, 1));
    assert!(!kinds(&another).contains(&Kind::RefusedOrFailed), "the filter answers with EPERM");
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
