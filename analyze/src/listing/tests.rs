use ctrec_recording::{End, LossKind, Recording};

use super::*;
use crate::behaviour::Behaviour;
use crate::report::Look;
use crate::testing::{Run, START_NS, WINDOW_NS};

fn listing(recordings: &[&Recording]) -> Listing {
    let mut lister = Lister::default();
    for recording in recordings {
        lister.add("ctrec.data", recording, &|_| true);
    }
    lister.finish()
}

/// `web` in three windows; `job` in the first alone.
fn run(id: &str) -> Run {
    let run = Run::new(id).made("read", 3).made("write", 1).window(2).made("openat", 1).window(3).made("read", 2);
    run.container(2, "job").program("/bin/job").window(1).made("read", 1).that(|job| {
        job.started_ns = START_NS + 1_000_000_000;
        job.ended_ns = Some(START_NS + 1_050_000_000);
        job.image = None;
        job.already_running = true;
    })
}

#[test]
fn a_container_is_listed_with_what_was_recorded_of_it() {
    let listing = listing(&[&run("r").recording]);
    let [job, web] = listing.runs[0].containers.as_slice() else { panic!("{listing:?}") };
    assert_eq!((job.name.as_str(), job.windows, job.recorded_ns, job.call_kinds), ("job", 1, 50_000_000, 1));
    assert_eq!((job.already_running, job.windows_since_new), (true, Some(0)));
    assert_eq!((web.name.as_str(), web.windows, web.call_kinds, web.calls), ("web", 3, 3, 7));
    assert_eq!((web.windows_since_new, web.recorded_ns), (Some(1), 30_000_000_000));
}

#[test]
fn a_total_says_what_a_recommendation_from_the_same_runs_does() {
    let mut later = run("s").window(4).made("read", 1).recording;
    later.windows.iter_mut().for_each(|window| {
        window.start_ns += 100 * WINDOW_NS;
        window.end_ns += 100 * WINDOW_NS;
    });
    let earlier = run("r").recording;
    let listing = listing(&[&later, &earlier]);
    let web = listing.names.iter().find(|total| total.name == "web").unwrap();
    let behaviour = Behaviour::of(&earlier, 1).unwrap().merge(Behaviour::of(&later, 1).unwrap());
    let recorded = behaviour.recorded();
    assert_eq!((web.runs, web.windows), (recorded.runs, recorded.windows));
    assert_eq!((web.recorded_ns, web.windows_since_new), (recorded.duration_ns, recorded.windows_since_new));
    assert_eq!((web.call_kinds, web.windows_since_new), (behaviour.calls().len(), Some(5)));
    assert_eq!(listing.runs.iter().map(|run| run.run.as_str()).collect::<Vec<_>>(), ["s", "r"], "the newest first");
}

#[test]
fn a_run_in_two_stores_counts_once_and_with_its_later_copy() {
    let whole = run("r").recording;
    let mut copy = whole.clone();
    copy.windows.truncate(1);
    copy.calls.retain(|row| row.window == 1);
    for both in [[&whole, &copy], [&copy, &whole]] {
        let listing = listing(&both);
        let web = listing.names.iter().find(|total| total.name == "web").unwrap();
        assert_eq!((web.runs, web.containers, web.calls, web.windows), (1, 1, 7, 3));
        assert_eq!(listing.runs.len(), 2, "each copy is listed");
    }
}

#[test]
fn losses_are_the_containers_own_or_of_the_run_as_a_whole() {
    let mut recording = run("r").loss(LossKind::MapFull, 2, "tasks").loss(LossKind::RingFull, 3, "events").recording;
    recording.losses[1].container = None;
    let listing = listing(&[&recording]);
    let run = &listing.runs[0];
    assert_eq!(run.losses.iter().map(|loss| (loss.kind, loss.count)).collect::<Vec<_>>(), [(LossKind::RingFull, 3)]);
    assert_eq!(run.containers.iter().map(|of| of.losses).collect::<Vec<_>>(), [2, 0]);
    assert_eq!(listing.names.iter().map(|of| of.losses).collect::<Vec<_>>(), [5, 3], "what is anybody's may be theirs");
}

#[test]
fn how_a_run_ended_is_said() {
    let with = |end: Option<End>, ended: bool, cut_off: bool| {
        let run = if cut_off { run("r").loss(LossKind::CutOff, 1, "") } else { run("r") };
        let mut recording = run.recording;
        recording.header.end = end;
        recording.header.ended_ns = recording.header.ended_ns.filter(|_| ended);
        recording.losses.iter_mut().for_each(|loss| loss.container = None);
        let listing = listing(&[&recording]);
        (listing.runs[0].losses.len(), listing.text(Look::PLAIN))
    };
    for (end, ended, cut_off, words) in [
        (Some(End::Duration), true, false, "ended when its time was over"),
        (Some(End::Signal), true, false, "ended by Ctrl-C"),
        (Some(End::Command { code: 3 }), true, false, "its command ended with code 3"),
        (Some(End::Failure { message: "no\u{1b}room".to_owned() }), true, false, "failed: no\\u{1b}room"),
        (None, true, false, "continued by another run"),
        (None, false, true, "CUT OFF"),
        (None, false, false, "still recording"),
    ] {
        let (losses, text) = with(end, ended, cut_off);
        assert!(text.contains(words) && losses == 0, "{text}");
    }
}

#[test]
fn what_is_the_same_for_all_is_said_once() {
    let text = listing(&[&run("r").recording]).text(Look::PLAIN);
    assert!(text.contains("engine docker\n") && text.contains("  START  ") && !text.contains("POD"), "{text}");
    let run = run("r").that(|job| (job.engine, job.pod) = ("podman".to_owned(), Some("default/job".to_owned())));
    let text = listing(&[&run.recording]).text(Look::PLAIN);
    assert!(text.contains("  ENGINE  ") && text.contains("default/job") && !text.contains("engine docker"), "{text}");
}

#[test]
fn only_wanted_containers_are_listed() {
    let mut lister = Lister::default();
    lister.add("ctrec.data", &run("r").recording, &|row| row.name == "job");
    let listing = lister.finish();
    assert_eq!((listing.names.len(), listing.runs[0].containers.len()), (1, 1));
    assert!(!listing.text(Look::PLAIN).contains("web"));
}
