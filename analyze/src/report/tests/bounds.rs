//! Containers that make something without end: every form stays short, and says what it leaves out.

use ctrec_recording::Abi;
use serde_json::Value;

use super::{behaviour, report, words};
use crate::behaviour::Behaviour;
use crate::capabilities::Capabilities;
use crate::policy::Policy;
use crate::recommend::recommend;
use crate::report::{Look, Report, capabilities_json, capabilities_text, summary};
use crate::testing::{Run, denied, granted};

const ENOSYS: i32 = 38;

/// Text, Markdown, JSON and the screen.
fn forms(run: &Run) -> [String; 4] {
    let (report, behaviour, policy) = (report(run), behaviour(&run.recording), Policy::default());
    let recommendation = recommend(&behaviour, &policy).unwrap();
    [
        report.text(Look::PLAIN).unwrap(),
        report.markdown().unwrap(),
        report.json().unwrap(),
        summary(&behaviour, &recommendation, &policy, Look::PLAIN).unwrap(),
    ]
}

fn container(json: &str) -> Value {
    serde_json::from_str::<Value>(json).unwrap()["containers"][0].take()
}

/// Each row of a Markdown table has the cells that its head has.
#[track_caller]
fn assert_whole(markdown: &str) {
    let mut head = 0;
    for line in markdown.lines() {
        let cells = if line.starts_with('|') { line.matches('|').count() } else { 0 };
        assert!(cells == head || head == 0 || cells == 0, "{line}");
        head = cells;
    }
}

#[test]
fn numbers_that_no_table_names_are_told_together_where_they_are_many() {
    let run = Run::new("r").made("read", 1).number_failed(-1, ENOSYS, 1).number_failed(470, 1, 2);
    let run = (1000..21_000).fold(run, |run, number| run.number_failed(number, ENOSYS, 1));
    let run = (600..700).fold(run.abi(Abi::I386), |run, number| run.number_failed(number, ENOSYS, 3));
    let [text, markdown, json, screen] = forms(&run);
    assert!([&text, &markdown, &screen].iter().all(|form| form.len() < 40_000) && json.len() < 200_000);
    for form in [&text, &markdown] {
        assert!(form.contains("x86_64:-1") && form.contains("x86_64:470") && form.contains("x86_64:1000"), "{form}");
        assert!(!form.contains("x86_64:12000"), "{form}");
    }
    let line = "19970 numbers that no table names, in 1 of 1 run";
    assert!(words(&text).contains(line) && text.contains("x86_64:1030..20999 "), "{text}");
    assert!(
        markdown.contains("| `x86_64:1030..20999` (19970 numbers) | `x86_64` | init | workload | `/usr/sbin/nginx` |")
    );
    assert!(markdown.contains("`i386:600..699` (100 numbers)"), "{markdown}");
    assert_whole(&markdown);
    assert!(screen.contains("and 30 more: ctrec report has all"), "{screen}");
    let evidence = "x86_64:1030..20999 (19970 numbers): 19970 times, ENOSYS, by /usr/sbin/nginx";
    assert!(words(&text).contains(evidence) && markdown.contains(evidence), "{text}");

    let container = container(&json);
    let more = container["more_numbers"].as_array().unwrap();
    assert_eq!(more.len(), 2, "one an ABI");
    let x86_64 = more.iter().find(|of| of["abi"] == "x86_64").unwrap();
    let told = ["numbers", "lowest", "highest"].map(|field| x86_64[field].as_u64().unwrap());
    assert_eq!(told, [19_970, 1030, 20_999]);
    assert_eq!(x86_64["count"]["errnos"], serde_json::json!([{"name": "ENOSYS", "count": 19_970}]));
    let all = container["calls"].as_array().unwrap().iter().chain(more);
    let total: u64 = all.map(|call| call["count"]["total"].as_u64().unwrap()).sum();
    assert_eq!(total, 1 + 1 + 2 + 20_000 + 300, "nothing is lost by it");
}

#[test]
fn a_few_numbers_stay_as_they_are_and_in_their_order() {
    let run = [9999, 10_000, -1].into_iter().fold(Run::new("r"), |run, number| run.number_failed(number, ENOSYS, 1));
    let [text, markdown, json, _] = forms(&run);
    for form in [&text, &markdown] {
        let places = ["x86_64:-1", "x86_64:9999", "x86_64:10000"].map(|name| form.rfind(name).unwrap());
        assert!(places.is_sorted() && !form.contains(".."), "{form}");
    }
    assert!(container(&json).get("more_numbers").is_none());
}

#[test]
fn programs_without_end_are_cut_everywhere_and_counted() {
    let run = (0..3000).fold(Run::new("r").counting(), |run, at| {
        let run = run.program(&format!("/bin/p{at}")).made("read", 1 + u64::from(at % 2 == 0)).made("clone3", 1);
        let run = run.started_by(1).asked(granted("CHOWN", "fchownat")).asked(denied("KILL", "kill").failed(1));
        run.number_failed(9999, ENOSYS, 1)
    });
    let [text, markdown, json, screen] = forms(&run);
    assert!([&text, &markdown, &screen].iter().all(|form| form.len() < 600_000) && json.len() < 2_000_000);
    assert_whole(&markdown);
    for form in [&words(&text), &markdown] {
        for left_out in ["2744 more", "2488 more"] {
            assert!(form.contains(left_out), "{left_out}");
        }
    }
    assert!(words(&text).contains("and 2744 more, 3988 times: only the store has them"), "reads: {text}");
    assert!(words(&text).contains("and 2992 more"), "programs that called a number without a name: {text}");
    assert!(screen.contains("and 2996 more: ctrec report has more of them"), "{screen}");
    let container = container(&json);
    let read = container["calls"].as_array().unwrap().iter().find(|call| call["name"] == "read").unwrap();
    assert_eq!((read["sources"].as_array().unwrap().len(), &read["left_out"]["rows"]), (256, &2744.into()));
    assert_eq!(container["starts_left_out"], serde_json::json!({"rows": 2488, "count": 2488}));
    let clone3 = container["findings"].as_array().unwrap().iter().find(|finding| finding["kind"] == "clone3").unwrap();
    assert_eq!(clone3["left_out"], 2744);
    assert_eq!([&clone3["evidence"][9], &clone3["evidence"][10]], ["/bin/p9", "/bin/p10"], "10 is not before 9");
}

#[test]
fn capabilities_of_programs_without_end_are_cut_and_counted() {
    let run = (0..1000).fold(Run::new("r").counting(), |run, at| {
        let run = run.program(&format!("/bin/p{at}")).made("read", 1).asked(granted("CHOWN", "fchownat").times(2));
        run.asked(denied("KILL", "kill").failed(1))
    });
    let behaviour = behaviour(&run.recording);
    let capabilities = Capabilities::of(&behaviour, &Policy::default()).unwrap();
    assert_eq!(capabilities.needs[0].reasons.len(), 1000, "judgement has all");
    let text = words(&capabilities_text(&behaviour, &capabilities, Look::PLAIN).unwrap());
    assert!(text.contains("and 744 more, 1488 times: only the store has them"), "{text}");
    assert!(text.contains("and 744 more, 744 times: only the store has them"), "{text}");
    assert!(text.contains("and 744 more, which only the store has"), "evidence: {text}");
    let json: Value = serde_json::from_str(&capabilities_json(&behaviour, &capabilities).unwrap()).unwrap();
    assert_eq!(json["needs"][0]["left_out"], serde_json::json!({"rows": 744, "count": 1488}));
    assert_eq!(json["apart_left_out"], serde_json::json!({"refused": {"rows": 744, "count": 744}}));
}

#[test]
fn errnos_and_values_without_end_are_cut_and_counted() {
    let run = (1..4000).fold(Run::new("r"), |run, errno| run.failed("read", errno, 1)).failed("read", 11, 5);
    let run =
        (0..100).fold(run.made("ioctl", 100), |run, request| run.with("ioctl", [None, Some(request), None], true));
    let [text, markdown, json, _] = forms(&run);
    assert!(words(&text).contains("EAGAIN 6, EPERM 1,") && words(&text).contains(", 3983 others 3983"), "{text}");
    assert!(words(&text).contains("; and 36 more, which only the store has"), "{text}");
    assert!(
        markdown.contains(", 3983 others 3983 |") && markdown.contains("; and 36 more, which only the store has |")
    );
    let container = container(&json);
    let call = |name: &str| container["calls"].as_array().unwrap().iter().find(|call| call["name"] == name).cloned();
    assert_eq!(call("read").unwrap()["count"]["errnos"].as_array().unwrap().len(), 17);
    assert_eq!(call("ioctl").unwrap()["sources"][0]["values_left_out"], 36);
}

#[test]
fn containers_without_end_are_cut_and_counted() {
    let run = (2..=600).fold(Run::new("r").made("read", 1), |run, number| run.container(number, "web"));
    let numbers = run.recording.containers.iter().map(|row| row.container).collect();
    let behaviour = Behaviour::of_all(&run.recording, &numbers).unwrap();
    let report = Report::of(&[behaviour], &Policy::default()).unwrap();
    assert!(report.text(Look::PLAIN).unwrap().contains("\n  and 88 more: ctrec list shows them\n"));
    assert!(
        report.markdown().unwrap().contains("<summary>512 containers and 88 more, which ctrec list shows</summary>")
    );
    assert_eq!(container(&report.json().unwrap())["containers_left_out"], 88);
}

#[test]
fn programs_are_in_the_order_of_their_numbers_everywhere() {
    let run = [10, 9].into_iter().fold(Run::new("r").counting(), |run, at| {
        let run = run.program(&format!("/bin/p{at}")).made("read", 1).made("clone3", 1).started_by(1);
        run.asked(granted("CHOWN", "fchownat")).asked(denied("KILL", "kill").failed(1))
    });
    let [text, ..] = forms(&run);
    let of = |line: &str| if line.contains("/bin/p9") { Some(9) } else { line.contains("/bin/p10").then_some(10) };
    let order: Vec<i32> = text.lines().filter_map(of).collect();
    // Evidence of two findings, a need, a check apart, two calls, the starts.
    assert_eq!(order, [9, 10].repeat(7), "{text}");
}
