use std::collections::BTreeSet;

use ctrec_recording::{Container, End, LossKind, Recording};

use unicode_width::UnicodeWidthStr;

use super::*;
use crate::absent::Absent;
use crate::behaviour::Behaviour;
use crate::report::Look;
use crate::testing::{Run, START_NS, WINDOW_NS};

fn listing(recordings: &[&Recording]) -> Listing {
    let mut lister = Lister::default();
    for recording in recordings {
        lister.add("ctrec.data", recording, &|_| true);
    }
    lister.finish(&BTreeSet::new())
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
fn a_container_that_runs_on_into_another_run_started_once() {
    let web = |id: &str| Run::new(id).made("read", 1);
    let [a, b, c] = [web("a").continued(), web("b").goes_on_from("a").continued(), web("c").goes_on_from("b")];
    let starts = |recordings: &[&Recording]| {
        let listing = listing(recordings);
        let total = &listing.names[0];
        (total.runs, total.containers, total.already_running)
    };
    assert_eq!(starts(&[&c.recording, &a.recording, &b.recording]), (3, 1, 0));
    assert_eq!(starts(&[&b.recording, &c.recording]), (2, 1, 1), "whoever saw it start is not here");
    let again = |container: &mut Container| (container.id, container.already_running) = ("f".repeat(64), false);
    let restarted = c.clone().that(again);
    assert_eq!(starts(&[&a.recording, &b.recording, &restarted.recording]), (3, 2, 0));
    let other = web("d").that(|container| container.already_running = true);
    assert_eq!(
        starts(&[&a.recording, &other.recording]),
        (2, 2, 1),
        "of another recording, which may have missed a start"
    );
    let text = listing(&[&c.recording]).text(Look::PLAIN);
    assert!(
        text.contains("ran before this run, which goes on from run b") && !text.contains("recording began"),
        "{text}"
    );
}

#[test]
fn what_is_not_there_is_told() {
    let run = Run::new("b").goes_on_from("a").recording;
    let mut lister = Lister::default();
    lister.add("ctrec.data", &run, &|_| true);
    lister.add_removed("other\u{1b}", &ctrec_recording::Removed { runs: 2, first_ns: 0, last_ns: 1_000_000_000 });
    let listing = lister.finish(&Absent::of(&[&run.header], &BTreeSet::new(), BTreeSet::new()).missing);
    let (text, json) = (listing.text(Look::PLAIN), listing.json().unwrap());
    for told in ["2 runs of other\\u{1b} removed", "from 1970-01-01T00:00:00Z to 1970-01-01T00:00:01Z"] {
        assert!(unwrapped(&text).contains(told), "{text}");
    }
    let missing = "run b goes on from run a, which is not here: what containers did before is missing";
    assert!(unwrapped(&text).contains(missing) && json.contains(missing), "{text}{json}");
    assert!(json.contains("\"first\": \"1970-01-01T00:00:00Z\"") && json.contains("\"continues\": \"a\""), "{json}");
}

/// On one line.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
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
        (Some(End::Failure { message: "full".to_owned() }), false, true, "failed: full"),
        (None, true, false, "continued by another run"),
        (None, false, true, "CUT OFF"),
        (None, false, false, "still recording"),
    ] {
        let (losses, text) = with(end, ended, cut_off);
        assert!(text.contains(words) && losses == usize::from(cut_off), "{text}");
        assert_eq!(text.contains("loss of the run as a whole"), cut_off, "{text}");
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
    let listing = lister.finish(&BTreeSet::new());
    assert_eq!((listing.names.len(), listing.runs[0].containers.len()), (1, 1));
    assert!(!listing.text(Look::PLAIN).contains("web"));
}

#[test]
fn a_listing_fits_a_terminal_however_narrow_and_is_whole_elsewhere() {
    let image = format!("registry.example.org/team/{}:1@sha256:{}", "project/".repeat(8), "0123".repeat(16));
    let long = run("r").that(|job| (job.name, job.image) = ("job-of-a-long-name-".repeat(5), Some(image.clone())));
    let mut recording = long.loss(LossKind::RingFull, 12_345_678, &"events".repeat(20)).recording;
    recording.header.host = "host".repeat(30);
    let listing = listing(&[&recording]);
    for columns in [40, 60, 80, 120] {
        let text = listing.text(Look::on_terminal(columns));
        assert!(text.lines().all(|line| line.width() <= columns), "{text}");
        assert!(text.contains("12345678") && text.contains("RECORDED"), "{text}");
    }
    let text = listing.text(Look::PLAIN);
    let id = &recording.containers[0].id;
    for whole in [&image, id, &recording.header.host, &"job-of-a-long-name-".repeat(5)] {
        assert!(text.contains(whole), "{whole} is not in {text}");
    }
    assert!(!listing.text(Look::on_terminal(80)).contains(id), "short where there is little room");
}
