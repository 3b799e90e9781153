//! When a container is wanted whose engine has to be asked.

use std::collections::BTreeMap;

use super::*;
use crate::clock::Moment;
use crate::engine::{Answer, Question, Said};

/// Containers of which those are wanted whose labels name the front.
fn by_label() -> Containers {
    let matches: Matcher = Rc::new(|row: &Container| row.labels_json.contains("front"));
    Containers::new(Host::at("/nonexistent"), matches, Basis::Everything)
}

/// A container that runs, of which the labels are not known.
fn found(name: &str) -> LiveFound {
    let row = Container { resolved: true, ..engine::unresolved("containerd", name, "/default/x") };
    let question = Some(Question { id: name.to_owned(), asks: Vec::new() });
    LiveFound { row, pid: 1, cgroups: Vec::new(), named: true, question }
}

fn answer(number: u32, tier: Option<&str>) -> Answer {
    let labels = |tier: &str| BTreeMap::from([("tier".to_owned(), tier.to_owned())]);
    let said = tier.map(|tier| Said { labels: labels(tier), name: Some("other".to_owned()), ..Said::default() });
    Answer { number, said, troubles: Vec::new() }
}

fn names(containers: &Containers) -> Vec<String> {
    containers.rows().0.into_iter().map(|row| row.name).collect()
}

#[test]
fn what_only_an_engine_knows_decides_when_it_has_answered() {
    let mut containers = by_label();
    for number in [1, 2] {
        assert!(containers.may_want(&found("web")));
        assert_eq!(containers.add_running(number, found("web")), Verdict::Keep);
    }
    let mut asked = Vec::new();
    containers.ask(|number, question| {
        asked.push((number, question.id.clone()));
        true
    });
    assert_eq!(asked, [(1, "web".to_owned()), (2, "web".to_owned())]);
    containers.ask(|_, _| panic!("nothing is asked twice"));
    assert_eq!((names(&containers), containers.await_answers()), (Vec::new(), true));
    assert_eq!(containers.answered(answer(1, Some("front"))), Verdict::Keep);
    assert_eq!(containers.answered(answer(2, Some("back"))), Verdict::Drop);
    assert_eq!((names(&containers), containers.await_answers()), (vec!["web".to_owned()], false));
    assert_eq!(containers.answered(answer(2, Some("front"))), Verdict::Keep, "an answer for what is dropped is late");
    assert_eq!(containers.give_up(|_| true), Vec::new());
}

#[test]
fn a_question_that_is_not_taken_is_put_again() {
    let mut containers = by_label();
    containers.add_running(1, found("web"));
    containers.ask(|_, _| false);
    let mut asked = 0;
    containers.ask(|_, _| {
        asked += 1;
        true
    });
    assert_eq!(asked, 1);
}

#[test]
fn where_nobody_knows_the_container_it_is_kept_and_that_is_said() {
    let mut containers = by_label();
    containers.add_running(1, found("web"));
    assert_eq!(containers.answered(answer(1, None)), Verdict::Keep);
    assert_eq!(names(&containers), Vec::<String>::new());
    assert_eq!(containers.give_up(|_| true), [(1, Doubt::Undecided)]);
    assert_eq!(names(&containers), ["web"]);
}

#[test]
fn what_was_known_stays_when_its_engine_has_forgotten_it() {
    let id = "0123456789abcdef".repeat(4);
    let row = engine::unresolved("docker", &id, &format!("/docker/{id}"));
    let row = Container { name: "web".to_owned(), resolved: true, ..row };
    let mut containers = by_label();
    containers.add_running(1, LiveFound { row, ..found("web") });
    containers.answered(answer(1, None));
    assert_eq!(containers.look_again(), Vec::<u32>::new());
    assert_eq!(containers.give_up(|_| true), [(1, Doubt::Undecided)]);
    assert_eq!(names(&containers), ["web"]);
}

#[test]
fn a_name_is_enough_for_patterns_of_names() {
    let matches: Matcher = Rc::new(|row: &Container| row.name == "web");
    let mut containers = Containers::new(Host::at("/nonexistent"), matches, Basis::Names);
    assert!(!containers.may_want(&found("db")) && containers.may_want(&found("web")));
    containers.add_running(1, found("web"));
    assert_eq!(names(&containers), ["web"], "it is recorded while its labels are asked for");
    assert_eq!(containers.answered(answer(1, Some("front"))), Verdict::Keep);
    let row = containers.rows().0.remove(0);
    assert_eq!((row.name.as_str(), row.labels_json.as_str()), ("web", r#"{"tier":"front"}"#), "the first name stays");
    assert_eq!(containers.give_up(|_| true), Vec::new());
}

#[test]
fn a_container_that_has_ended_waits_for_its_engine() {
    let mut time = 0;
    let clock = Clock::start(|| {
        time += 100_000;
        Ok::<_, nix::Error>(Moment { time_ns: time, jiffies: time / 4_000_000 })
    });
    let clock = clock.unwrap();
    let mut containers = by_label();
    containers.add_running(1, found("web"));
    let ended = KernelContainer { init_tid: 1, ended_ns: 1, ..KernelContainer::default() };
    let kernel = BTreeMap::from([(1, ended)]);
    assert_eq!(containers.mark_ended(&kernel, &clock), Vec::<u32>::new(), "its counts are not given back yet");
    containers.answered(answer(1, Some("front")));
    assert_eq!(containers.mark_ended(&kernel, &clock), [1]);
    assert!(containers.rows().0[0].ended_ns.is_some());
}
