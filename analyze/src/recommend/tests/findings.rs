//! What is found beside that.

use std::collections::BTreeSet;

use ctrec_recording::{LossKind, Origin, Phase, Recording, Removed};

use super::super::recommend;
use super::judged::{all, judge, kinds};
use crate::absent::Absent;
use crate::behaviour::Behaviour;
use crate::capabilities::Capabilities;
use crate::finding::{Finding, Kind, Severity};
use crate::policy::Policy;
use crate::testing::{Run, START_NS, allowing};

#[test]
fn a_workload_that_never_ran_is_said() {
    let run = Run::new("r").phase(Origin::Init, Phase::Runtime).made("execve", 1).made("capset", 1);
    assert!(kinds(&judge(&run)).contains(&Kind::NothingSeen));
    let ran = run.phase(Origin::Init, Phase::Workload).made("read", 1);
    assert!(!kinds(&judge(&ran)).contains(&Kind::NothingSeen));
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
    let nothing = |run: &Run| {
        let found = judge(run).findings.into_iter().find(|finding| finding.kind == Kind::NothingSeen);
        found.unwrap().advice
    };
    assert!(nothing(&Run::new("r")).contains("whether the runtime could start its program"));
    let running = Run::new("r").that(|container| container.already_running = true);
    assert!(nothing(&running).starts_with("Start the recording first"));
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
fn risks_are_found_in_arguments_where_the_call_tells_none() {
    let packet = [Some(17), Some(3), Some(0x300)];
    let run = Run::new("r").made("socket", 2).with("socket", [Some(2), Some(1), Some(0)], true);
    let found = |run: &Run| -> Vec<_> {
        let of_values = |finding: &Finding| matches!(finding.kind, Kind::RiskyValues | Kind::ManyValues);
        judge(run).findings.into_iter().filter(of_values).collect()
    };
    assert_eq!(found(&run), []);
    let used = found(&run.clone().with("socket", packet, true));
    assert_eq!((used.len(), used[0].severity), (1, Severity::Risk));
    assert!(used[0].text.starts_with("used: raw packets (AF_PACKET)"), "{}", used[0].text);
    assert_eq!(used[0].evidence, ["/usr/sbin/nginx: socket(AF_PACKET, SOCK_RAW, 768)"]);
    let tried = found(&run.clone().with("socket", packet, false));
    assert_eq!(tried[0].severity, Severity::Note);
    assert!(tried[0].text.starts_with("tried, and failed each time: raw packets"), "{}", tried[0].text);
    assert_eq!(tried[0].evidence, ["/usr/sbin/nginx: socket(AF_PACKET, SOCK_RAW, 768), failed"]);
    let refused = Run::new("r").filter(&allowing(&["read"])).failed("socket", 1, 1).with("socket", packet, false);
    assert_eq!(found(&refused)[0].severity, Severity::Note);
    let of_runtime = Run::new("r").phase(Origin::Init, Phase::Runtime).made("keyctl", 1);
    assert_eq!(found(&of_runtime.with("keyctl", [Some(1), None, None], true)), []);
}

#[test]
fn arguments_that_were_not_kept_are_taken_for_every_risk_that_they_can_be() {
    let found = |run: &Run| -> Vec<_> {
        let of_values = |finding: &Finding| matches!(finding.kind, Kind::RiskyValues | Kind::ManyValues);
        judge(run).findings.into_iter().filter(of_values).collect()
    };
    let harmless = |call: &'static str, index: usize| {
        let values = (0x40..0x60).map(move |value| std::array::from_fn(|at| (at == index).then_some(value)));
        values.fold(Run::new("r").made(call, 33), |run, values| run.with(call, values, true)).with_many(call)
    };
    for (call, index, risks) in [
        ("socket", 0, 4),
        ("ioctl", 1, 1),
        ("unshare", 0, 1),
        ("mmap", 2, 1),
        ("mprotect", 2, 1),
        ("pkey_mprotect", 2, 1),
        ("personality", 0, 1),
        ("ptrace", 0, 1),
        ("setns", 1, 1),
        ("bpf", 0, 1),
        ("keyctl", 0, 1),
    ] {
        let found = found(&harmless(call, index));
        let risky: Vec<_> = found.iter().filter(|finding| finding.kind == Kind::RiskyValues).collect();
        assert_eq!((risky.len(), found.len()), (risks, risks + 1), "{call}: {found:?}");
        let last = format!("/usr/sbin/nginx: {call}(more than are kept)");
        for finding in risky {
            assert_eq!((finding.severity, finding.evidence.last()), (Severity::Risk, Some(&last)), "{finding:?}");
            assert!(finding.text.starts_with("perhaps used, ") || finding.text.starts_with("used: "), "{finding:?}");
        }
    }
    for (call, index) in [("prctl", 0), ("fcntl", 1), ("setsockopt", 1), ("kill", 1)] {
        let found = found(&harmless(call, index));
        assert_eq!((found.len(), found[0].kind, found[0].severity), (1, Kind::ManyValues, Severity::Note), "{call}");
    }
    let never = Run::new("r").failed("ioctl", 25, 40).with_many("ioctl");
    assert_eq!(found(&never).iter().map(|finding| finding.kind).collect::<Vec<_>>(), [Kind::ManyValues]);
}

#[test]
fn evidence_is_in_the_order_of_its_numbers() {
    let run = Run::new("r").program("/bin/p10").made("ptrace", 3).with("ptrace", [Some(0x4206), None, None], true);
    let run = run.with("ptrace", [Some(16), None, None], true);
    let run = run.program("/bin/p9").made("ptrace", 1).with("ptrace", [Some(16), None, None], true);
    let findings = judge(&run).findings;
    let risky = findings.iter().find(|finding| finding.kind == Kind::RiskyValues).unwrap();
    let expected =
        ["/bin/p9: ptrace(PTRACE_ATTACH)", "/bin/p10: ptrace(PTRACE_ATTACH)", "/bin/p10: ptrace(PTRACE_SEIZE)"];
    assert_eq!(risky.evidence, expected);
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
fn a_start_that_an_earlier_run_saw_was_seen() {
    let first = Run::new("a").window(2).made("execve", 1);
    let mut second = Run::new("a-0002").window(2).made("read", 1).goes_on_from("a");
    second.recording.windows.iter_mut().for_each(|window| {
        window.start_ns += 2 * crate::testing::WINDOW_NS;
        window.end_ns += 2 * crate::testing::WINDOW_NS;
    });
    let found = |behaviour: &Behaviour| kinds(&recommend(behaviour, &Policy::default()).unwrap());
    let both = all(&first.recording).merge(all(&second.recording));
    assert_eq!(both.individuals(), 1);
    assert!(!found(&both).contains(&Kind::AlreadyRunning));
    assert!(!found(&both).contains(&Kind::RecordedTwice));
    assert!(found(&all(&second.recording)).contains(&Kind::AlreadyRunning));
    second.recording.containers[0].id = "f".repeat(64);
    assert!(found(&all(&first.recording).merge(all(&second.recording))).contains(&Kind::AlreadyRunning));
}

#[test]
fn runs_that_were_removed_are_missing_where_they_may_have_seen_the_container() {
    let run = Run::new("r").made("read", 1);
    let started_ns = run.recording.containers[0].started_ns;
    let found = |last_ns| {
        let removed = Removed { runs: 2, first_ns: 0, last_ns };
        let behaviour = all(&run.recording).with_absent(&absent(Some(removed))).with_absent(&absent(Some(removed)));
        let findings = recommend(&behaviour, &Policy::default()).unwrap().findings;
        let mut findings = findings.into_iter().filter(|finding| finding.kind == Kind::RunsRemoved);
        (findings.next().unwrap(), findings.count())
    };
    let (finding, others) = found(started_ns);
    assert_eq!((finding.severity, others), (Severity::Incomplete, 0));
    assert!(finding.text.starts_with("incomplete: 2 runs, recorded from 1970-01-01T00:00:00Z to "), "{}", finding.text);
    assert_eq!(found(started_ns - 1).0.severity, Severity::Note);
    assert!(!kinds(&judge(&run)).contains(&Kind::RunsRemoved));
}

/// What is not here where this was removed.
fn absent(removed: Option<Removed>) -> Absent {
    Absent { removed: removed.into_iter().collect(), ..Absent::default() }
}

#[test]
fn a_run_of_the_recording_that_is_not_here_is_missed_before_and_after() {
    let found = |run: &Run| {
        let absent = Absent::of(&[&run.recording.header], &BTreeSet::new(), BTreeSet::new());
        let findings = recommend(&all(&run.recording).with_absent(&absent), &Policy::default()).unwrap().findings;
        let missing = findings.into_iter().filter(|finding| finding.kind == Kind::RunMissing);
        missing.map(|finding| (finding.severity, finding.text)).collect::<Vec<_>>()
    };
    let run = Run::new("b").made("read", 1);
    assert_eq!(found(&run), []);
    let before = "run b goes on from run a, which is not here: what containers did before is missing";
    assert_eq!(found(&run.clone().goes_on_from("a")), [(Severity::Incomplete, format!("incomplete: {before}"))]);
    let began_later =
        |run: Run| run.that(|container| (container.already_running, container.started_ns) = (false, START_NS + 1));
    assert_eq!(found(&began_later(run.clone().goes_on_from("a"))), [(Severity::Note, before.to_owned())]);
    let after = "run b is continued by another, which is not here: what containers did after is missing";
    assert_eq!(found(&run.clone().continued()), [(Severity::Incomplete, format!("incomplete: {after}"))]);
    let ended = run.continued().that(|container| container.ended_ns = Some(START_NS + 1));
    assert_eq!(found(&ended), [(Severity::Note, after.to_owned())]);
}

#[test]
fn whoever_saw_a_start_and_is_not_here_is_told_with_what_helps() {
    let run = Run::new("c").counting().made("read", 1).goes_on_from("b");
    let advice = |behaviour: Behaviour, absent: &Absent| {
        let behaviour = behaviour.with_absent(absent);
        let findings = recommend(&behaviour, &Policy::default()).unwrap().findings;
        let capabilities = Capabilities::of(&behaviour, &Policy::default()).unwrap().findings;
        let of_start = |found: &&crate::finding::Finding| matches!(found.kind, Kind::AlreadyRunning | Kind::StartGone);
        let both: BTreeSet<_> =
            [&findings, &capabilities].map(|all| all.iter().find(of_start).map(|it| it.advice.clone())).into();
        assert_eq!(both.len(), 1, "profile and capability list say the same");
        both.into_iter().flatten().next().unwrap_or_default()
    };
    let removed = Absent::of(
        &[&run.recording.header],
        &BTreeSet::new(),
        BTreeSet::from([Removed { runs: 1, first_ns: START_NS - 1, last_ns: START_NS }]),
    );
    assert!(advice(all(&run.recording), &removed).contains("a larger --max-size"));
    let missing = Absent::of(&[&run.recording.header], &BTreeSet::new(), BTreeSet::new());
    assert!(advice(all(&run.recording), &missing).contains("Name the store that holds it too"));
    let late = Run::new("c").counting().made("read", 1).that(|container| container.already_running = true);
    assert!(advice(all(&late.recording), &removed).contains("Start the recording first"), "it goes on from no run");
    // Two runs that are here, and the first of them goes on from one that is not.
    let next = Run::new("d").counting().made("read", 1).goes_on_from("c");
    assert!(advice(all(&run.recording).merge(all(&next.recording)), &removed).contains("a larger --max-size"));
    let first = Run::new("b").counting().made("execve", 1);
    assert_eq!(advice(all(&run.recording).merge(all(&first.recording)), &missing), "");
}
