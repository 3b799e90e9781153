use std::collections::BTreeSet;

use ctrec_recording::{LossKind, Origin, Phase, Recording};
use proptest::prelude::*;

use super::{Behaviour, BehaviourError, Filter};
use crate::testing::{Run, START_NS, WINDOW_NS, granted, recordings};

fn all(recording: &Recording) -> Behaviour {
    let every: BTreeSet<u32> = recording.containers.iter().map(|container| container.container).collect();
    Behaviour::of_all(recording, &every).unwrap()
}

/// The recording with some of its windows only, as a reader sees a run that is still being written.
fn until(recording: &Recording, last: u32) -> Recording {
    let mut early = recording.clone();
    early.windows.retain(|row| row.window <= last);
    early.calls.retain(|row| row.window <= last);
    early.errnos.retain(|row| row.window <= last);
    early.arguments.retain(|row| row.window <= last);
    early.values.retain(|row| row.window <= last);
    early.starts.retain(|row| row.window <= last);
    early.checks.retain(|row| row.window <= last);
    early.askers.retain(|row| row.window <= last);
    early.identities.retain(|row| row.window <= last);
    early.losses.retain(|row| row.window <= last);
    early.header.ended_ns = None;
    early
}

proptest! {
    #[test]
    fn folding_is_commutative(a in recordings(), b in recordings()) {
        let (a, b) = (all(&a), all(&b));
        prop_assert_eq!(a.clone().merge(b.clone()), b.merge(a));
    }

    #[test]
    fn folding_is_associative(a in recordings(), b in recordings(), c in recordings()) {
        let (a, b, c) = (all(&a), all(&b), all(&c));
        prop_assert_eq!(a.clone().merge(b.clone()).merge(c.clone()), a.merge(b.merge(c)));
    }

    #[test]
    fn folding_the_same_segment_twice_counts_it_once(a in recordings(), last in 0..5_u32) {
        let whole = all(&a);
        prop_assert_eq!(whole.clone().merge(whole.clone()), whole.clone());
        let both = all(&until(&a, last)).merge(whole.clone());
        prop_assert!(both.check().is_ok());
        prop_assert_eq!(both, whole);
    }

    #[test]
    fn no_call_is_lost_or_made_up_by_folding(a in recordings(), b in recordings()) {
        let total = |behaviour: &Behaviour| -> u64 {
            behaviour.calls().values().map(|facts| facts.outcome().total()).sum()
        };
        let rows = |a: &Recording| -> u64 {
            a.calls.iter().map(|row| row.succeeded + row.failed + row.interrupted + row.unfinished).sum()
        };
        prop_assert_eq!(total(&all(&a)), rows(&a));
        let checks = |behaviour: &Behaviour| -> u64 {
            behaviour.checks().values().flat_map(|facts| facts.ends.values()).map(|count| count.count).sum()
        };
        prop_assert_eq!(checks(&all(&a)), a.checks.iter().map(|row| row.count).sum::<u64>());
        let samples = all(&a).checks().values().flat_map(|facts| facts.askers.values()).sum::<u64>();
        prop_assert_eq!(samples, a.askers.iter().map(|row| row.samples).sum::<u64>());
        prop_assert_eq!(all(&a).identities().values().sum::<u64>(), a.identities.iter().map(|row| row.count).sum::<u64>());
        if a.header.run != b.header.run {
            prop_assert_eq!(total(&all(&a).merge(all(&b))), rows(&a) + rows(&b));
        }
    }
}

#[test]
fn refusals_are_known_where_every_call_was_counted() {
    let refused = |run: &Run| all(&run.recording).calls().into_values().next().unwrap().outcome().refused();
    let counted = Run::new("r").failed("read", 1, 3).refused(2).window(2).made("read", 4).refused(0);
    assert_eq!(refused(&counted), Some(2));
    assert_eq!(refused(&counted.clone().window(3).made("read", 1)), None, "nobody knows of the last");
    assert_eq!(refused(&Run::new("r").made("read", 1)), None);
    let late = Run::new("r").failed("read", 1, 3).refused(2).window(2).number(0, 0).refused(1);
    assert_eq!(refused(&late), Some(3), "the window ended between call and refusal");
    let missed = |kind, detail| refused(&counted.clone().loss(kind, 1, detail));
    assert_eq!(
        missed(LossKind::RecursionMiss, "on_sys_enter"),
        None,
        "a call whose beginning was missed looks refused"
    );
    assert_eq!(missed(LossKind::MapFull, "tasks"), None);
    assert_eq!(missed(LossKind::RecursionMiss, "on_sys_exit"), Some(2));
    let mut lost = counted;
    lost.recording.calls.clear();
    assert_eq!(refused(&lost), None, "errnos alone count no call");
}

#[test]
fn values_of_windows_and_runs_are_a_union() {
    let socket = |family| [Some(family), Some(1), Some(0)];
    let run = Run::new("r").made("socket", 1).with("socket", socket(2), false).window(2);
    let run = run.with("socket", socket(2), true).with("socket", socket(1), false);
    let mut other = Run::new("s").made("socket", 1).with("socket", socket(17), true).with_many("socket");
    other.recording.header.schema.minor = 3;
    let both = all(&run.recording).merge(all(&other.recording));
    let values = both.values();
    let seen = values.values().next().unwrap();
    assert_eq!((values.len(), seen.many, both.runs_without_values()), (1, true, 1));
    let expected = [(socket(1), false), (socket(2), true), (socket(17), true)];
    assert_eq!(seen.values.clone().into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn copies_that_lack_different_windows_are_refused() {
    let run = Run::new("r").made("read", 3).window(2).made("read", 4).window(3).made("write", 5).recording;
    let mut late = run.clone();
    late.windows.retain(|row| row.window > 1);
    late.calls.retain(|row| row.window > 1);
    let (early, late, whole) = (all(&until(&run, 2)), all(&late), all(&run));
    let torn = early.clone().merge(late.clone());
    assert_eq!(torn, late.clone().merge(early.clone()));
    assert!(matches!(torn.check(), Err(BehaviourError::Torn { run }) if run == "r"));
    for one in [&early, &late, &whole] {
        one.check().unwrap();
    }
    let mended = torn.merge(whole.clone());
    assert_eq!(mended, whole.clone());
    mended.check().unwrap();
}

#[test]
fn memory_grows_with_calls_and_not_with_windows() {
    let mut run = Run::new("r").made("read", 1).failed("openat", 2, 1);
    let once = Behaviour::of(&run.recording, 1).unwrap();
    for window in 2..=100 {
        run = run.window(window).made("read", 1).failed("openat", 2, 1);
    }
    let often = Behaviour::of(&run.recording, 1).unwrap();
    let sums = |behaviour: &Behaviour| -> usize {
        behaviour.deeds.values().flat_map(|summed| summed.what.calls.values()).map(|call| call.sources.len()).sum()
    };
    assert_eq!((sums(&once), sums(&often)), (2, 2));
    let read = often.calls().into_values().next().unwrap();
    assert_eq!((read.windows, read.outcome().total()), (100, 100));
}

#[test]
fn outcomes_of_windows_and_inodes_are_summed() {
    let run = Run::new("r").made("read", 3).program("/usr/sbin/nginx").failed("read", 11, 2).window(2).made("read", 4);
    let behaviour = Behaviour::of(&run.recording, 1).unwrap();
    let calls = behaviour.calls();
    let (call, facts) = calls.iter().next().unwrap();
    assert_eq!((call.label().as_str(), calls.len(), facts.sources.len()), ("read", 1, 1));
    let sum = facts.outcome();
    assert_eq!((sum.succeeded, sum.failed, sum.errnos.get(&11)), (7, 2, Some(&2)));
    let seen = sum.seen.unwrap();
    assert_eq!((seen.first_ns, seen.last_ns), (START_NS, START_NS + WINDOW_NS + 1_000_000_000));
    assert_eq!((facts.windows, facts.runs.len()), (2, 1));
}

#[test]
fn phases_and_origins_stay_apart() {
    let run = Run::new("r").phase(Origin::Init, Phase::Setup).made("mount", 1).phase(Origin::Exec, Phase::Workload);
    let behaviour = Behaviour::of(&run.made("mount", 2).recording, 1).unwrap();
    let calls = behaviour.calls();
    let sources: Vec<_> =
        calls.values().flat_map(|facts| &facts.sources).map(|(s, o)| (s.origin, s.phase, o.total())).collect();
    assert_eq!(sources, [(Origin::Init, Phase::Setup, 1), (Origin::Exec, Phase::Workload, 2)]);
}

#[test]
fn only_the_chosen_container_counts_but_losses_of_nobody_count_for_all() {
    let mut run = Run::new("r").made("read", 1).container(2, "db").program("/bin/db").made("write", 1);
    run = run.loss(LossKind::SlotsFull, 7, "theirs");
    run.recording.losses[0].container = Some(2);
    run = run.loss(LossKind::RingFull, 5, "anyone's");
    run.recording.losses[1].container = None;
    let behaviour = Behaviour::of(&run.recording, 1).unwrap();
    let labels: Vec<String> = behaviour.calls().keys().map(|call| call.label()).collect();
    assert_eq!(labels, ["read"]);
    let losses: Vec<_> = behaviour.losses().into_iter().collect();
    assert_eq!(losses, [((LossKind::RingFull, "anyone's"), 5)]);
}

#[test]
fn a_run_that_was_cut_off_and_is_whole_in_another_copy_is_whole() {
    let mut cut = Run::new("r").made("read", 1).loss(LossKind::CutOff, 1, "").recording;
    cut.header.ended_ns = None;
    let whole = Run::new("r").made("read", 1).window(2).made("read", 1).recording;
    let cut = Behaviour::of(&cut, 1).unwrap();
    assert_eq!(cut.losses().into_keys().collect::<Vec<_>>(), [(LossKind::CutOff, "")]);
    assert!(cut.merge(Behaviour::of(&whole, 1).unwrap()).losses().is_empty());
}

#[test]
fn windows_count_while_the_container_lives() {
    let mut run = Run::new("r").made("read", 1);
    for number in 2..=6 {
        run = run.window(number);
    }
    run = run.that(|container| {
        container.started_ns = START_NS + WINDOW_NS / 2;
        container.ended_ns = Some(START_NS + 3 * WINDOW_NS - 1);
    });
    let recorded = Behaviour::of(&run.recording, 1).unwrap().recorded();
    assert_eq!((recorded.runs, recorded.windows), (1, 3));
    assert_eq!(recorded.duration_ns, (WINDOW_NS / 2 + 2 * WINDOW_NS - 1).unsigned_abs());
    assert_eq!(recorded.windows_since_new, Some(2));
}

#[test]
fn a_missing_filter_is_not_an_unknown_one() {
    let filter = |json: Option<&str>| {
        let run = Run::new("r").that(|container| container.seccomp_json = json.map(str::to_owned));
        Behaviour::of(&run.recording, 1).unwrap().containers().values().next().unwrap().filter.clone()
    };
    assert_eq!(filter(None), Filter::Unknown);
    assert_eq!(filter(Some("null")), Filter::None);
    assert_eq!(filter(Some("{}")), Filter::Some("{}".to_owned()));
}

#[test]
fn broken_columns_and_missing_containers_are_errors_that_name_them() {
    let run = Run::new("r").that(|container| container.labels_json = "{".to_owned());
    let error = Behaviour::of(&run.recording, 1).unwrap_err();
    assert!(matches!(error, BehaviourError::Json { column: "labels_json", .. }), "{error}");
    let error = Behaviour::of(&run.recording, 9).unwrap_err();
    assert_eq!(error.to_string(), "run r has no container number 9");
}

#[test]
fn kinds_of_checks_are_known_by_what_they_are() {
    let chown = || granted("CHOWN", "chown").by(&["setattr_prepare", "chown_common"]).times(2);
    let mut run = Run::new("r").asked(chown()).asked(chown().failed(2)).window(2).asked(chown());
    // One kind whose calls ended in two ways, another inode of the program, and two numbers for one kind.
    run.recording.checks[1].check = 1;
    run.recording.askers[1].check = 1;
    let behaviour = Behaviour::of(&run.recording, 1).unwrap();
    let checks = behaviour.checks();
    assert_eq!(checks.len(), 1);
    let (kind, facts) = checks.first_key_value().unwrap();
    assert_eq!((kind.capability, kind.call.label().as_str()), (0, "chown"));
    let counts: Vec<_> = facts.ends.iter().map(|(end, count)| (end.errno, count.count)).collect();
    assert_eq!(counts, [(0, 4), (2, 2)]);
    let (stack, samples) = facts.askers.first_key_value().unwrap();
    assert_eq!((&*stack.function, stack.frames.len(), *samples), ("setattr_prepare", 2, 3));
    let seen = facts.ends.values().next().unwrap().seen.unwrap();
    assert_eq!((seen.first_ns, seen.last_ns), (START_NS, START_NS + WINDOW_NS + 1_000_000_000));
}

#[test]
fn broken_columns_about_capabilities_are_named() {
    let mut stack = Run::new("r").asked(granted("CHOWN", "chown").by(&["x"]));
    stack.recording.askers[0].stack_json = "[1]".to_owned();
    let mut file = Run::new("r");
    file.recording.programs[0].file_capabilities_json = Some("{}".to_owned());
    let network = Run::new("r").that(|container| container.network_json = Some("[]".to_owned()));
    for (run, column) in [(stack, "stack_json"), (file, "file_capabilities_json"), (network, "network_json")] {
        let error = Behaviour::of(&run.recording, 1).unwrap_err();
        assert!(error.to_string().contains(column), "{error}");
    }
}
