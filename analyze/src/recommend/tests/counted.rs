//! Refusals that the recorder counted.

use ctrec_recording::{Abi, Origin, Phase};

use super::super::{Fate, Recommendation, recommend};
use super::judged::{all, allows, judge, kinds};
use crate::behaviour::CallId;
use crate::finding::{Finding, Kind, Severity};
use crate::names;
use crate::policy::Policy;
use crate::testing::{Run, allowing};

/// By its arguments, the filter refuses sockets of family 40 with EPERM.
const BY_FAMILY: &str = r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["socket"],
    "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_NE"}]}]}"#;

fn fate(recommendation: &Recommendation, name: &str) -> Fate {
    let number = names::number(Abi::X86_64, name).unwrap();
    recommendation.fates[&CallId { abi: Abi::X86_64, number }]
}

fn found(recommendation: &Recommendation, kind: Kind) -> &Finding {
    recommendation.findings.iter().find(|finding| finding.kind == kind).unwrap()
}

fn unknown(run: Run) -> Run {
    run.that(|container| container.seccomp_json = None)
}

#[test]
fn refused_every_time_is_left_out_without_any_bundle() {
    let run = unknown(Run::new("r")).failed("mount", 1, 2).refused(2).failed("swapon", 1, 2).refused(0).counted();
    let recommendation = judge(&run);
    assert_eq!((fate(&recommendation, "mount"), fate(&recommendation, "swapon")), (Fate::Refused, Fate::Made));
    assert!(!allows(&recommendation, "mount") && allows(&recommendation, "swapon"));
    assert!(!kinds(&recommendation).contains(&Kind::FilterUnknown), "nothing is left to know");
    assert_eq!(found(&recommendation, Kind::Refused).evidence, ["mount: 2 times, EPERM, by /usr/sbin/nginx"]);
}

#[test]
fn a_container_of_which_not_every_call_was_counted_is_judged_by_its_filter() {
    let half = Run::new("r").filter(&allowing(&["read"])).failed("mount", 1, 2).refused(0).window(2);
    let recommendation = judge(&half.failed("mount", 1, 1));
    assert_eq!(fate(&recommendation, "mount"), Fate::Refused, "by filter and errno, as without a count");
    let run = unknown(Run::new("r")).failed("mount", 1, 2).refused(2).made("read", 1);
    assert!(kinds(&judge(&run)).contains(&Kind::FilterUnknown), "read was not counted");
}

#[test]
fn errnos_say_nothing_against_a_count() {
    let filter = allowing(&["read"]);
    let kernel = judge(&Run::new("r").filter(&filter).failed("mount", 1, 2).refused(0));
    assert_eq!(fate(&kernel, "mount"), Fate::Made, "the kernel said EPERM");
    let other = judge(&Run::new("r").filter(&filter).failed("mount", 22, 2).refused(2));
    assert_eq!(fate(&other, "mount"), Fate::Refused);
}

#[test]
fn refused_some_times_is_made_and_it_is_said_how_often() {
    let recommendation = judge(&Run::new("r").filter(BY_FAMILY).made("socket", 3).failed("socket", 1, 2).counted());
    assert!(!kinds(&recommendation).contains(&Kind::Refused), "all failed in the kernel");
    let run = Run::new("r").filter(BY_FAMILY).made("socket", 3).refused(0).window(2).failed("socket", 1, 2).refused(1);
    let recommendation = judge(&run);
    assert_eq!(fate(&recommendation, "socket"), Fate::Made);
    assert!(allows(&recommendation, "socket") && !kinds(&recommendation).contains(&Kind::RefusedOrFailed));
    let finding = found(&recommendation, Kind::Refused);
    assert_eq!(finding.severity, Severity::Incomplete);
    assert_eq!(finding.evidence, ["socket: 5 times, 1 of them refused, EPERM, by /usr/sbin/nginx"]);
}

#[test]
fn a_call_that_another_container_made_unhindered_was_recorded_with_what_comes_after() {
    let masked = Run::new("r").filter(BY_FAMILY).made("socket", 3).refused(1);
    assert!(kinds(&judge(&masked)).contains(&Kind::Refused));
    let learned = masked.container(2, "web").program("/bin/x").made("socket", 1).refused(0);
    assert!(!kinds(&judge(&learned)).contains(&Kind::Refused));
}

#[test]
fn what_looks_like_a_success_and_was_refused_is_told_exactly() {
    let stopped = |run: &Run| judge(run).stopped.values().sum::<u64>();
    let killed = unknown(Run::new("r")).made("mount", 2).refused(2);
    assert_eq!(stopped(&killed), 2, "killed, trapped or answered, and no bundle says so");
    let finding = judge(&killed).findings.into_iter().find(|finding| finding.kind == Kind::Refused).unwrap();
    assert_eq!(finding.evidence, ["mount: 2 times, killed, trapped or answered by the filter, by /usr/sbin/nginx"]);
    assert!(!allows(&judge(&killed), "mount"));
    let some = unknown(Run::new("r")).made("mount", 5).refused(2);
    assert_eq!((stopped(&some), allows(&judge(&some), "mount")), (2, true));
    let failed = unknown(Run::new("r")).made("mount", 5).refused(0).failed("mount", 1, 2).refused(2);
    assert_eq!(stopped(&failed), 0, "the two that failed");
}

#[test]
fn what_a_tracer_or_a_listener_answered_counts_as_refused_and_that_is_said() {
    for action in ["TRACE", "NOTIFY"] {
        let filter = format!(
            r#"{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{{"names": ["mount"], "action": "SCMP_ACT_{action}"}}]}}"#
        );
        let run = Run::new("r").filter(&filter).made("mount", 2);
        assert_eq!(fate(&judge(&run.clone().refused(0)), "mount"), Fate::Made, "it let the kernel do it");
        let answered = judge(&run.refused(2));
        assert_eq!(fate(&answered, "mount"), Fate::Refused);
        let line = &found(&answered, Kind::Refused).evidence[0];
        assert!(line.contains("answered by the filter, after it asked a tracer or a listener"), "{line}");
    }
}

#[test]
fn what_another_filter_than_the_containers_answers_stays() {
    let permissive = r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"]}"#;
    for filter in ["null", permissive] {
        let recommendation = judge(&Run::new("r").filter(filter).failed("mount", 77, 2).refused(2));
        assert_eq!(fate(&recommendation, "mount"), Fate::Made, "{filter}");
        assert!(allows(&recommendation, "mount") && !kinds(&recommendation).contains(&Kind::Refused));
        let finding = found(&recommendation, Kind::AnotherFilter);
        assert_eq!(
            finding.evidence,
            ["mount: 2 times, 2 of them answered by another filter, EBADFD, by /usr/sbin/nginx"]
        );
    }
}

#[test]
fn namespace_flags_of_a_clone_that_was_never_made_stay_refused() {
    let run = unknown(Run::new("r")).failed("clone", 1, 2).clone_flags(0x1000_0000);
    let free = |run: &Run| judge(run).profile.rules_of("clone").any(|rule| rule.conditions.is_empty());
    assert!(free(&run));
    assert!(!free(&run.refused(2)));
}

#[test]
fn set_up_that_was_counted_makes_no_finding() {
    let run = Run::new("r").made("read", 1).phase(Origin::Init, Phase::Setup).failed("mount", 1, 1).refused(1);
    assert!(!kinds(&recommend(&all(&run.recording), &Policy::default()).unwrap()).contains(&Kind::Refused));
}

#[test]
fn more_refusals_than_calls_of_a_broken_store_do_no_harm() {
    let run = unknown(Run::new("r")).made("read", 2).refused(u64::MAX).window(2).made("read", u64::MAX).refused(9);
    assert!(allows(&judge(&run), "read"));
    assert_eq!(fate(&judge(&Run::new("r").filter("[]").made("read", 2).refused(3)), "read"), Fate::Refused);
}
