//! Under which runtimes a profile starts.

use std::collections::BTreeSet;

use ctrec_recording::{Container, Origin, Phase};

use super::super::{needed_to_start, recommend};
use super::judged::{all, allows, as_recorded, judge, kinds, observed};
use crate::finding::Kind;
use crate::known;
use crate::known::Need;
use crate::policy::{Baseline, Policy};
use crate::testing::Run;

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
