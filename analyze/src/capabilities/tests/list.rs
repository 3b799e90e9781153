//! The list as a whole: its form, its sums, and recordings that have none.

use std::collections::BTreeSet;

use ctrec_recording::{Ended, Origin, Phase};

use super::*;
use crate::capabilities::CapabilityError;
use crate::report::{Look, capabilities_json, capabilities_summary, capabilities_text};
use crate::testing::granted;

#[test]
fn the_options_are_sorted() {
    let judged = asked([granted("SETUID", "setuid"), granted("CHOWN", "chown"), granted("KILL", "kill")]);
    assert_eq!(judged.flags(), "--cap-drop=ALL --cap-add=CHOWN --cap-add=KILL --cap-add=SETUID");
    assert_eq!(asked([]).flags(), "--cap-drop=ALL");
}

#[test]
fn what_docker_exec_needs_can_be_left_out() {
    let run = run().phase(Origin::Exec, Phase::Workload).asked(granted("CHOWN", "chown"));
    let behaviour = Behaviour::of(&run.recording, 1).unwrap();
    assert_eq!(judge(&run).names(), ["CHOWN"]);
    let policy = Policy { origins: BTreeSet::from([Origin::Init]), ..Policy::default() };
    let without = Capabilities::of(&behaviour, &policy).unwrap();
    assert!(without.needs.is_empty() && without.apart.is_empty());
}

#[test]
fn an_older_recording_has_no_list() {
    let run = Run::new("old");
    let error = Capabilities::of(&Behaviour::of(&run.recording, 1).unwrap(), &Policy::default()).unwrap_err();
    assert!(matches!(error, CapabilityError::NotCounted { .. }));
    assert!(error.to_string().contains("run old") && error.to_string().ends_with("record again"), "{error}");
    let mixed = Behaviour::of(&run.recording, 1).unwrap().merge(Behaviour::of(&self::run().recording, 1).unwrap());
    let judged = Capabilities::of(&mixed, &Policy::default()).unwrap();
    assert_eq!(found(&judged, Kind::NoCapabilities).evidence, ["old"]);
    assert!(matches!(
        Capabilities::of(&Behaviour::default(), &Policy::default()),
        Err(CapabilityError::NothingRecorded)
    ));
}

#[test]
fn counts_of_windows_and_outcomes_are_summed_where_the_reason_is_one() {
    let chown = || granted("CHOWN", "fchownat").by(&["setattr_prepare"]).times(3);
    let run = run().asked(chown()).window(2).asked(chown()).asked(chown().ended(Ended::Unfinished).times(1));
    let judged = judge(&run);
    let counts: Vec<u64> = judged.needs[0].reasons.iter().map(|reason| reason.count).collect();
    assert_eq!(counts, [6, 1]);
    assert_eq!(judged.needs[0].reasons[0].functions[0].samples, 3, "three samples of one kind");
}

#[test]
fn kinds_that_differ_in_what_does_not_show_are_one_line() {
    let question = || granted("SETPCAP", "capset").by(&["cap_capset"]);
    let kinds = [true, false].map(|bounded| Question { bounded, needless: true, ..question() });
    let judged = asked(kinds);
    assert_eq!((judged.apart.len(), judged.apart[0].count, judged.apart[0].functions[0].samples), (1, 2, 2));
    let kinds = [true, false].map(|bounded| Question { bounded, ..question() });
    let reasons = &asked(kinds).needs[0].reasons;
    assert_eq!((reasons.len(), reasons[0].count, reasons[0].functions[0].samples), (1, 2, 2));
}

#[test]
fn hostile_programs_do_no_harm() {
    let run = run().program("/bin/\u{1b}[2J\u{202e}x|`").file(&[]).asked(granted("CHOWN", "chown"));
    let run = run.asked(crate::testing::denied("KILL", "kill").failed(1)).failed("execve", 1, 1);
    let behaviour = Behaviour::of(&run.recording, 1).unwrap();
    let judged = Capabilities::of(&behaviour, &Policy::default()).unwrap();
    let forms = [capabilities_text, capabilities_summary];
    for text in forms.map(|form| form(&behaviour, &judged, Look::PLAIN).unwrap()) {
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
        assert!(text.contains("/bin/\\u{1b}[2J"), "{text}");
    }
}

#[test]
fn the_json_form_has_everything() {
    let run = run().asked(granted("CHOWN", "fchownat").by(&["setattr_prepare"]));
    let run = run.asked(crate::testing::denied("KILL", "kill").failed(1));
    let behaviour = Behaviour::of(&run.recording, 1).unwrap();
    let judged = Capabilities::of(&behaviour, &Policy::default()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&capabilities_json(&behaviour, &judged).unwrap()).unwrap();
    assert_eq!(json["version"], 1);
    assert_eq!(json["name"], "web");
    assert_eq!(json["drop"], serde_json::json!(["ALL"]));
    assert_eq!(json["add"], serde_json::json!(["CHOWN"]));
    assert_eq!(json["hook"], serde_json::json!({"name": "fexit/cap_capable", "blind_to": []}));
    assert_eq!(
        json["needs"][0]["reasons"][0],
        serde_json::json!({
            "kind": "check", "program": "/usr/sbin/nginx", "origin": "init", "call": "fchownat", "abi": "x86_64",
            "functions": [{"name": "setattr_prepare", "samples": 1}], "count": 1,
            "why": "gives a file to another user or group",
        })
    );
    assert_eq!(
        json["apart"][0],
        serde_json::json!({
            "capability": "CAP_KILL", "class": "refused", "granted": false, "program": "/usr/sbin/nginx",
            "origin": "init", "phase": "workload", "call": "kill", "abi": "x86_64", "ended": "failed",
            "errno": "EPERM", "functions": [], "count": 1, "why": "denied, and the call failed with EPERM",
        })
    );
    assert!(json["findings"].is_array());
}
