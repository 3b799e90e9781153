mod bounds;

use ctrec_recording::{LossKind, Origin, Phase, Recording};
use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

use super::{Look, Report, learning, summary};
use crate::behaviour::Behaviour;
use crate::policy::{Dialect, Policy};
use crate::recommend::{Fate, recommend};
use crate::testing::{Run, allowing, denied, granted, recordings};

const HOSTILE: &str = "/bin/\u{1b}]0;owned\u{7}x\n| </td><script>alert(1)</script> `rm` [a](http://b) \u{202e}*";

fn behaviour(recording: &Recording) -> Behaviour {
    Behaviour::of(recording, 1).unwrap()
}

fn report(run: &Run) -> Report {
    Report::of(&[behaviour(&run.recording)], &Policy::default()).unwrap()
}

/// nginx as Docker runs it, with a bit of everything.
fn sample() -> Run {
    let run = Run::new("r").filter(&allowing(&["read", "accept4", "capset", "execve", "clone"]));
    let run = run.phase(Origin::Init, Phase::Setup).made("mount", 1).phase(Origin::Init, Phase::Runtime);
    let run = run.made("capset", 1).made("execve", 1).phase(Origin::Init, Phase::Workload);
    let run = run.made("read", 3).failed("accept4", 11, 2).failed("mount", 1, 1).interrupted("read", 1).number(9999, 1);
    run.started_by(1).loss(LossKind::RingFull, 3, "events")
}

/// Lines made one.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn text_shows_every_call_with_its_evidence() {
    let text = report(&sample()).text(Look::PLAIN).unwrap();
    for expected in [
        "Recorded 10s in 1 run, 1 window, 2026-09-21T14:13:20Z to 2026-09-21T14:13:30Z",
        "x86_64:9999",
        "EAGAIN 2",
        "init workload          4  /usr/sbin/nginx",
        "left out: refused",
        "ring_full",
        "incomplete: the ring buffer was full",
        "docker, runc, image nginx, filter in force",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    assert!(!text.contains("\n\n\n") && text.ends_with('\n'), "{text}");
    assert!(text.lines().filter(|line| !line.starts_with("  ")).all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn what_the_filter_killed_did_not_succeed() {
    let filter =
        r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_KILL"}]}"#;
    let run = Run::new("r").filter(filter).phase(Origin::Init, Phase::Setup).made("mount", 1);
    let report = report(&run.phase(Origin::Init, Phase::Workload).made("mount", 2));
    let mount = &report.containers[0].calls[0];
    assert_eq!((mount.count.total, mount.count.succeeded, mount.count.stopped), (3, 1, 2), "set-up has no filter");
    let by_phase: Vec<_> = mount.sources.iter().map(|of| (of.phase, of.count.succeeded, of.count.stopped)).collect();
    assert_eq!(by_phase, [(Phase::Setup, 1, 0), (Phase::Workload, 0, 2)]);
    let text = report.text(Look::PLAIN).unwrap();
    assert!(words(&text).contains(", 2 killed, trapped or answered by a filter"), "{text}");
    let row = "| init | workload | `/usr/sbin/nginx` | 2 | 0 | 0 | 0 | 2 |  |";
    assert!(report.markdown().unwrap().contains(row), "{}", report.markdown().unwrap());
}

#[test]
fn every_form_says_what_a_filter_refused_and_the_way_out() {
    let way_out = ["ctrec recommend --learn > learn.json", "docker run --security-opt seccomp=learn.json"];
    for run in [sample(), Run::new("r").failed("mount", 1, 3).refused(3).that(|it| it.seccomp_json = None)] {
        let report = report(&run);
        let behaviour = behaviour(&run.recording);
        let screen =
            summary(&behaviour, &recommend(&behaviour, &Policy::default()).unwrap(), &Policy::default(), Look::PLAIN)
                .unwrap();
        for form in [report.text(Look::PLAIN).unwrap(), report.markdown().unwrap(), report.json().unwrap(), screen] {
            let words = words(&form).replace("&gt;", ">");
            assert!(words.contains("refused by the filter that the container ran under"), "{form}");
            assert!(way_out.iter().all(|line| words.contains(line)), "{form}");
        }
    }
}

#[test]
fn counted_refusals_are_in_every_form() {
    let run = Run::new("r").that(|it| it.seccomp_json = None).failed("mount", 1, 5).refused(3).made("read", 2);
    let report = report(&run);
    let calls = &report.containers[0].calls;
    let told: Vec<_> = calls.iter().map(|call| (call.name.as_str(), call.count.refused, call.fate)).collect();
    assert_eq!(told, [("mount", Some(3), Some(Fate::Made)), ("read", None, Some(Fate::Made))]);
    let text = report.text(Look::PLAIN).unwrap();
    assert!(words(&text).contains(", 3 refused by a filter "), "{text}");
    assert!(report.markdown().unwrap().contains("| 5 | 5 | 0 | 0 | 0 | 3 | EPERM 5 |"));
    let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
    let mount = &json["containers"][0]["calls"][0];
    assert_eq!((&mount["count"]["refused"], &mount["fate"]), (&3.into(), &"made".into()));
}

#[test]
fn values_of_arguments_are_beside_the_calls_in_every_form() {
    let run = Run::new("r").made("socket", 2).made("read", 1).made("clone3", 1).with_many("socket");
    let run = run.with("socket", [Some(2), Some(0x8_0001), Some(0)], true);
    let run = run.with("socket", [Some(10), Some(0x8_0001), Some(0)], false);
    let report = report(&run);
    let text = words(&report.text(Look::PLAIN).unwrap());
    let inet = "AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP; AF_INET6, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP (failed)";
    assert!(text.contains(&format!("/usr/sbin/nginx with {inet}; and more than are kept")), "{text}");
    assert!(text.contains("what it asks for lies behind a pointer and is not read"), "{text}");
    let markdown = report.markdown().unwrap();
    let cells = inet.replace('|', "\\|").replace('_', "\\_");
    assert!(markdown.contains(&cells), "{markdown}");
    assert!(markdown.contains("behind a pointer, and not read") && !markdown.contains("\n\n\n"), "{markdown}");
    let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
    let calls = json["containers"][0]["calls"].as_array().unwrap();
    let call = |name: &str| calls.iter().find(|call| call["name"] == name).unwrap();
    let socket = &call("socket")["sources"][0];
    assert_eq!(socket["values"][0]["arguments"], serde_json::json!([2, 0x8_0001, 0]));
    assert_eq!((&socket["values"][1]["succeeded"], &socket["many_values"]), (&false.into(), &true.into()));
    assert!(call("read")["sources"][0].get("values").is_none());
    assert_eq!(call("clone3")["behind_pointer"], true);
}

#[test]
fn a_recording_without_values_says_so() {
    let mut run = Run::new("r").made("socket", 2);
    run.recording.header.schema.minor = 3;
    let old = report(&run);
    assert!(words(&old.text(Look::PLAIN).unwrap()).contains("values of arguments were not recorded in 1 of 1 run"));
    assert!(
        old.markdown().unwrap().contains("## Arguments\n\nNot recorded in 1 of 1 run.\n"),
        "{}",
        old.markdown().unwrap()
    );
    run.recording.header.schema.minor = 4;
    let new = report(&run);
    assert!(!new.text(Look::PLAIN).unwrap().contains("not recorded"));
    assert!(new.markdown().unwrap().contains("None that decides what a call may do.\n"));
}

#[test]
fn the_profile_to_record_under_says_how_it_is_applied() {
    assert!(learning(Dialect::Docker).contains("docker run --security-opt seccomp=learn.json IMAGE"));
    assert!(learning(Dialect::Oci).contains("config.json learn.json"));
}

#[test]
fn what_the_default_refuses_comes_first() {
    let report = report(&sample());
    let order: Vec<&str> = report.containers[0].calls.iter().map(|call| call.name.as_str()).collect();
    assert_eq!(order, ["x86_64:9999", "mount", "accept4", "capset", "execve", "read"]);
    let profile: Vec<&str> = report.containers[0].calls.iter().map(|call| call.profile).collect();
    assert_eq!(profile, ["left out: no name", "left out: refused", "allowed", "allowed", "allowed", "allowed"]);
}

#[test]
fn markdown_has_a_row_for_each_source_of_a_call() {
    let markdown = report(&sample()).markdown().unwrap();
    assert!(!markdown.contains("\n\n\n") && markdown.ends_with('\n'), "{markdown}");
    assert!(markdown.starts_with("# "), "{markdown}");
    let table = |title: &str| -> Vec<&str> {
        let section = markdown.split(title).nth(1).unwrap().split("\n## ").next().unwrap();
        section.lines().filter(|line| line.starts_with('|')).collect()
    };
    let calls = table("## Calls");
    assert_eq!(calls.len(), 2 + 7, "mount has two phases\n{markdown}");
    let columns = |row: &str| row.matches(" |").count();
    assert!(calls.iter().skip(2).all(|row| columns(row) == columns(calls[0])), "{calls:#?}");
    assert!(
        calls.iter().any(|row| row.contains("| `accept4` | `x86_64` | init | workload | `/usr/sbin/nginx` | 2 | 2 |"))
    );
    assert_eq!(table("## Losses").len(), 3);
}

#[test]
fn what_is_not_there_is_said_to_be_none() {
    let mut run = Run::new("r").made("read", 1);
    for number in 2..=6 {
        run = run.window(number);
    }
    run = run.clone().that(|container| container.runtime = Some("crun".to_owned()));
    let mut other = run.clone();
    other.recording.header.run = "s".to_owned();
    other.recording.containers[0].id = "f".repeat(64);
    let both = behaviour(&run.recording).merge(behaviour(&other.recording));
    let report = Report::of(&[both], &Policy::default()).unwrap();
    let (text, markdown) = (report.text(Look::PLAIN).unwrap(), report.markdown().unwrap());
    assert!(text.contains("Findings\nnone\n\n") && text.contains("\n\nLosses\nnone\n\nContainers\n"), "{text}");
    assert!(text.contains("\nNothing is known to be missing.\n"), "{text}");
    assert!(markdown.contains("## Findings\n\nNone.\n\n## Recommended"), "{markdown}");
    assert!(markdown.contains("## Losses\n\nNone.\n\n## Containers"), "{markdown}");
    assert!(text.contains("read                          2") && text.contains("in 2 of 2 runs, 2 windows"), "{text}");
}

#[test]
fn json_carries_what_the_other_forms_show() {
    let report = report(&sample());
    let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
    let container = &json["containers"][0];
    assert_eq!(container["calls"].as_array().unwrap().len(), 6);
    let accept = container["calls"].as_array().unwrap().iter().find(|call| call["name"] == "accept4").unwrap();
    assert_eq!(accept["count"]["errnos"], serde_json::json!([{"name": "EAGAIN", "count": 2}]));
    assert_eq!(accept["engine_default"], "allowed");
    assert_eq!(accept["sources"][0]["phase"], "workload");
    assert_eq!(container["losses"][0]["kind"], "ring_full");
    assert_eq!(container["recorded_ns"], 10_000_000_000_u64);
}

#[test]
fn hostile_text_is_harmless_in_every_form() {
    let run = Run::new("r").program(HOSTILE).made("read", 1).made("clone3", 1).started_by(2).loss(
        LossKind::RingFull,
        1,
        HOSTILE,
    );
    let run = run.that(|container| {
        container.name = HOSTILE.to_owned();
        container.image = Some(HOSTILE.to_owned());
        container.already_running = true;
        container.entrypoint_json = Some(serde_json::json!([HOSTILE, "x".repeat(4096)]).to_string());
    });
    let report = report(&run);
    let text = report.text(Look::PLAIN).unwrap();
    let behaviour = behaviour(&run.recording);
    let recommendation = recommend(&behaviour, &Policy::default()).unwrap();
    let screen = summary(&behaviour, &recommendation, &Policy::default(), Look::PLAIN).unwrap();
    let markdown = report.markdown().unwrap();
    for form in [&text, &screen, &markdown] {
        assert!(form.chars().all(|c| c == '\n' || !c.is_control()), "{form:?}");
        assert!(!form.contains('\u{202e}') && form.lines().all(|line| line.chars().count() < 3000));
    }
    assert!(screen.contains("docker run --security-opt seccomp=seccomp.json IMAGE"), "{screen}");
    let outside: String = markdown.split('`').step_by(2).collect();
    assert!(!outside.contains("<script>") && !outside.contains("](http"), "{outside}");
    assert!(markdown.lines().all(|line| line.matches('`').count() % 2 == 0), "every code span ends on its line");
}

#[test]
fn the_screen_says_how_to_apply_the_profile() {
    let behaviour = behaviour(&sample().recording);
    for (dialect, line) in [
        (Dialect::Docker, "docker run --security-opt seccomp=seccomp.json nginx"),
        (Dialect::Oci, "jq '.linux.seccomp = input' config.json seccomp.json"),
    ] {
        let policy = Policy { dialect, ..Policy::default() };
        let recommendation = recommend(&behaviour, &policy).unwrap();
        let screen = summary(&behaviour, &recommendation, &policy, Look::PLAIN).unwrap();
        assert!(screen.contains(line), "{screen}");
        assert!(screen.contains("docker's default allows") && screen.contains("Losses: ring_full 3"), "{screen}");
        assert!(screen.contains("mount: 1 time, EPERM, by /usr/sbin/nginx"), "{screen}");
    }
}

#[test]
fn podman_and_a_command_are_told_what_applies_it_there() {
    for (engine, line) in [
        ("podman", "podman run --security-opt seccomp=seccomp.json nginx"),
        ("command", "ctrec run --profile seccomp.json -- COMMAND"),
    ] {
        let behaviour = behaviour(&sample().that(|container| container.engine = engine.to_owned()).recording);
        let policy = Policy::default();
        let screen = summary(&behaviour, &recommend(&behaviour, &policy).unwrap(), &policy, Look::PLAIN).unwrap();
        assert!(screen.contains(line), "{screen}");
        assert!(!screen.contains("docker run --security-opt seccomp=seccomp.json"), "{screen}");
    }
}

#[test]
fn a_container_of_a_plain_runtime_is_told_the_dialect_that_it_takes() {
    for engine in ["runc", "crun"] {
        let run = sample().that(|container| container.engine = engine.to_owned());
        for dialect in [Dialect::Docker, Dialect::Oci] {
            let (behaviour, policy) = (behaviour(&run.recording), Policy { dialect, ..Policy::default() });
            let screen = summary(&behaviour, &recommend(&behaviour, &policy).unwrap(), &policy, Look::PLAIN).unwrap();
            assert!(screen.contains("jq '.linux.seccomp = input' config.json seccomp.json"), "{screen}");
            assert!(!screen.contains("docker run --security-opt seccomp=seccomp.json"), "{screen}");
            assert_eq!(screen.contains("again with --dialect oci"), dialect == Dialect::Docker, "{screen}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_recording_can_be_reported_and_always_in_the_same_bytes(recording in recordings()) {
        let behaviour = Behaviour::of_all(&recording, &[1, 2].into()).unwrap();
        let mut shuffled = recording;
        shuffled.calls.reverse();
        shuffled.programs.reverse();
        let same = Behaviour::of_all(&shuffled, &[1, 2].into()).unwrap();
        let (one, other) = (Report::of(&[behaviour], &Policy::default()).unwrap(), Report::of(&[same], &Policy::default()).unwrap());
        prop_assert_eq!(one.text(Look::PLAIN).unwrap(), other.text(Look::PLAIN).unwrap());
        prop_assert_eq!(one.markdown().unwrap(), other.markdown().unwrap());
        prop_assert_eq!(one.json().unwrap(), other.json().unwrap());
    }
}

#[test]
fn the_last_window_and_the_last_windows_are_told_apart() {
    let screen = |quiet: u32| {
        let mut run = Run::new("r").made("read", 1);
        for number in 2..=1 + quiet {
            run = run.window(number).made("read", 1);
        }
        let behaviour = behaviour(&run.recording);
        let recommendation = recommend(&behaviour, &Policy::default()).unwrap();
        let report = report(&run);
        [
            summary(&behaviour, &recommendation, &Policy::default(), Look::PLAIN).unwrap(),
            report.text(Look::PLAIN).unwrap(),
            report.markdown().unwrap(),
        ]
    };
    for (quiet, expected) in
        [(0, "The last window still showed a"), (1, "The last window showed no"), (2, "The last 2 windows showed no")]
    {
        for text in screen(quiet) {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }
}

#[test]
fn reports_of_several_containers_are_an_empty_line_apart() {
    let one = behaviour(&sample().recording);
    let markdown = Report::of(&[one.clone(), one], &Policy::default()).unwrap().markdown().unwrap();
    let title = markdown.lines().next().unwrap();
    assert_eq!(markdown.matches(&format!("\n\n{title}\n")).count(), 1, "{markdown}");
    assert!(!markdown.contains("\n\n\n"), "{markdown}");
}

#[test]
fn a_long_list_of_capabilities_is_shown_whole() {
    let names =
        ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "MKNOD", "NET_ADMIN", "SETFCAP", "SETGID", "SETUID", "SYS_TIME"];
    let run = names.into_iter().fold(sample().counting(), |run, name| run.asked(granted(name, "chroot")));
    let report = report(&run);
    let list = format!("--cap-drop=ALL --cap-add={}", names.join(" --cap-add="));
    assert!(words(&report.text(Look::PLAIN).unwrap()).contains(&list));
    assert!(report.markdown().unwrap().contains(&format!("\n- Capabilities: `{list}`\n")));
}

#[test]
fn capabilities_are_there_with_their_reasons() {
    let run = sample().counting().asked(granted("CHOWN", "fchownat").by(&["setattr_prepare"]).times(4));
    let report = report(&run.asked(denied("KILL", "kill").failed(1)));
    let text = report.text(Look::PLAIN).unwrap();
    for expected in [
        "  --cap-drop=ALL --cap-add=CHOWN\n",
        "CAP_CHOWN\n  /usr/sbin/nginx (init), fchownat, 4 times; setattr_prepare 1\n    gives a file to another",
        ":\n    CAP_KILL denied, /usr/sbin/nginx (init workload), kill failed with EPERM",
        "! CAP_KILL was wanted and refused",
        "counted exactly by fexit/cap_capable; kernel functions are sampled",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    assert!(!text.contains("\n\n\n"), "{text}");
    assert!(text.lines().filter(|line| !line.starts_with("  ")).all(|line| line.chars().count() <= 80), "{text}");
    assert_eq!(text.matches("the ring buffer was full").count(), 1, "said once, with the profile:\n{text}");
    let markdown = report.markdown().unwrap();
    let row = "| `CAP_CHOWN` | gives a file to another user or group | check | init | `/usr/sbin/nginx` | `fchownat` |";
    assert!(markdown.contains(row) && markdown.contains("| `CAP_KILL` | refused |"), "{markdown}");
    assert!(!markdown.contains("\n\n\n"), "{markdown}");
    let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
    let capabilities = &json["containers"][0]["capabilities"];
    assert_eq!(capabilities["needs"][0]["reasons"][0]["count"], 4);
    assert_eq!(capabilities["apart"][0]["checks"][0]["errno"], "EPERM");
}

#[test]
fn a_recording_without_capability_checks_says_so() {
    let report = report(&sample());
    assert!(
        report
            .text(Look::PLAIN)
            .unwrap()
            .contains("capabilities not known: the recording has no capability checks; record again")
    );
    assert!(
        report.markdown().unwrap().contains("not known, since the recording has no capability checks. Record again")
    );
    assert!(report.json().unwrap().contains("\"capabilities\": null"));
}

#[test]
fn text_fits_the_columns_that_there_are() {
    let run = sample().counting().asked(granted("CHOWN", "fchownat").by(&["setattr_prepare"]).times(4));
    let report = report(&run.asked(denied("KILL", "kill").failed(1)));
    let behaviour = behaviour(&sample().recording);
    let policy = Policy::default();
    let recommendation = recommend(&behaviour, &policy).unwrap();
    for columns in [80, 100, 200] {
        let look = Look::on_terminal(columns);
        for text in [report.text(look).unwrap(), summary(&behaviour, &recommendation, &policy, look).unwrap()] {
            let widest = text.lines().max_by_key(|line| line.chars().count()).unwrap();
            assert!(widest.chars().count() <= columns, "{widest}");
        }
    }
}

#[test]
fn colours_add_nothing_but_colours() {
    let report = report(&sample().that(|container| container.name = HOSTILE.to_owned()));
    let plain = report.text(Look::PLAIN).unwrap();
    let painted = report.text(Look { colour: true, ..Look::PLAIN }).unwrap();
    assert!(painted.len() > plain.len());
    assert_eq!(without_colours(&painted), plain);
}

fn without_colours(painted: &str) -> String {
    let mut pieces = painted.split("\u{1b}[");
    let first = pieces.next().unwrap().to_owned();
    pieces.fold(first, |plain, piece| plain + piece.split_once('m').unwrap().1)
}

#[test]
fn a_report_fits_a_terminal_however_narrow() {
    let run =
        sample().program(&format!("/usr/lib/{}/bin/server", "very-long-name-of-a-package/".repeat(4))).made("read", 2);
    let report = report(&run.that(|web| web.name = "web-of-a-name-that-is-far-too-long-".repeat(5)));
    for columns in [40, 60, 80] {
        let look = Look { colour: true, ..Look::on_terminal(columns) };
        let text = without_colours(&report.text(look).unwrap());
        assert!(text.lines().all(|line| line.width() <= columns), "{text}");
        assert!(words(&text).replace(' ', "").contains("/bin/server") && text.contains("EAGAIN"), "{text}");
    }
    let text = report.text(Look::PLAIN).unwrap();
    assert!(text.contains(&"web-of-a-name-that-is-far-too-long-".repeat(5)), "elsewhere a name is whole: {text}");
}
