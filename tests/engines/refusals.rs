//! What filters turned away, as judged by filter and errno, and as counted by `--refused exact`.

use std::collections::BTreeMap;

use ctrec_analyze::behaviour::{Behaviour, CallId};
use ctrec_analyze::policy::Policy;
use ctrec_analyze::recommend::{Fate, recommend};
use ctrec_recording::{Abi, Recording};
use serde_json::Value;
use tempfile::TempDir;

use crate::docker::Dockerd;
use crate::gate;
use crate::image::{Image, text};
use crate::program::Program;
use crate::recorder::{Recorded, Recorder, ctrec};

const EXACT: [&str; 2] = ["--refused", "exact"];
/// How often the program makes each of its calls.
const TIMES: u64 = 300;

/// Calls as a report has them: what became of each, how often it succeeded, was stopped, failed, was refused.
fn reported(store: &TempDir, name: &str) -> BTreeMap<String, (String, [Option<u64>; 4])> {
    let report = ctrec(&["report", "--container", name, "--format", "json", text(store.path())]).success();
    let report: Value = serde_json::from_str(&report).unwrap();
    let calls = report["containers"][0]["calls"].as_array().unwrap().iter().map(|call| {
        let counts = ["succeeded", "stopped", "failed", "refused"].map(|field| call["count"][field].as_u64());
        (call["name"].as_str().unwrap().to_owned(), (call["fate"].as_str().unwrap_or("set-up").to_owned(), counts))
    });
    calls.collect()
}

fn record_refused(options: &[&str]) -> TempDir {
    let store = TempDir::new().unwrap();
    let program = Program::Refused.binary();
    let words = [&["record", "--output", text(store.path())], options, &["--", text(&program), "300"]].concat();
    ctrec(&words).success();
    store
}

fn name_of(program: Program) -> String {
    program.binary().file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_filter_that_a_program_loads_itself_is_seen_by_an_exact_recording_alone() {
    if !gate::open("a_filter_that_a_program_loads_itself_is_seen_by_an_exact_recording_alone", &["gcc"]) {
        return;
    }
    let name = name_of(Program::Refused);
    let made = |counts: [Option<u64>; 4]| ("made".to_owned(), counts);
    let judged = reported(&record_refused(&[]), &name);
    for call in ["getppid", "getpgrp"] {
        assert_eq!(judged[call], made([Some(TIMES), Some(0), Some(0), None]), "{call} looks like a success");
    }
    let store = record_refused(&EXACT);
    let exact = reported(&store, &name);
    for call in ["getppid", "getpgrp"] {
        assert_eq!(exact[call], made([Some(0), Some(TIMES), Some(0), Some(TIMES)]), "{call}");
    }
    assert_eq!(exact["sched_yield"], made([Some(0), Some(0), Some(TIMES), Some(TIMES)]));
    let own = ["getppid", "getpgrp", "sched_yield"];
    let others = exact.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    for (call, (_, counts)) in others {
        assert_eq!(counts[3], Some(0), "{call} passed the filter");
    }

    let recommended = ctrec(&["recommend", "--container", &name, text(store.path())]);
    let words = recommended.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("3 calls were answered by another filter than the container's own"), "{words}");
    let profile: Value = serde_json::from_str(&recommended.success()).unwrap();
    let allowed = profile["syscalls"].as_array().unwrap().iter().filter(|rule| rule["action"] == "SCMP_ACT_ALLOW");
    let names: Vec<&str> =
        allowed.flat_map(|rule| rule["names"].as_array().unwrap()).filter_map(Value::as_str).collect();
    assert!(own.iter().all(|name| names.contains(name)), "{names:?}");
}

/// Calls that Docker's default refuses, lets through, decides by an argument, and ones that no kernel knows.
const PROBED: [i64; 14] = [39, 101, 135, 162, 163, 165, 167, 250, 272, 308, 321, 428, 435, 9999];

#[test]
fn what_is_judged_of_dockers_default_filter_is_what_was_counted() {
    let test = "what_is_judged_of_dockers_default_filter_is_what_was_counted";
    if !gate::open(test, &["dockerd", "docker", "gcc"]) {
        return;
    }
    let dockerd = Dockerd::start();
    dockerd.import(Image::Tiny);
    let recorder = Recorder::start_with(&EXACT);
    let numbers: Vec<String> = PROBED.iter().map(i64::to_string).collect();
    let script = format!("for number in {}; do /programs/probe $number; done; true", numbers.join(" "));
    dockerd.docker(&["run", "--name", "web", "--network", "none", "tiny", "sh", "-c", &script]);
    let store = recorder.stop();

    let recorded = Recorded::read(store.path(), "web");
    assert_eq!(recorded.recording().losses, [], "nothing may be lost");
    let fates = |recording: &Recording| {
        let behaviour = Behaviour::of(recording, recorded.container().container).unwrap();
        recommend(&behaviour, &Policy::default()).unwrap().fates
    };
    let exact = fates(recorded.recording());
    let mut uncounted = recorded.recording().clone();
    uncounted.calls.iter_mut().for_each(|call| call.refused = None);
    let judged = fates(&uncounted);
    assert!(exact.values().all(|fate| *fate != Fate::RefusedOrFailed), "nothing is left open");
    for (call, fate) in judged.iter().filter(|(_, fate)| **fate != Fate::RefusedOrFailed) {
        assert_eq!(exact[call], *fate, "{}", call.label());
    }
    let of = |number| (judged[&native(number)], exact[&native(number)]);
    assert_eq!(of(39), (Fate::Made, Fate::Made), "getpid");
    assert_eq!(of(165), (Fate::Refused, Fate::Refused), "mount");
    assert_eq!(of(135), (Fate::RefusedOrFailed, Fate::Refused), "personality, whose argument decides");
    assert_eq!(of(9999), (Fate::Refused, Fate::Refused), "runc says ENOSYS before the kernel can");
}

fn native(number: i64) -> CallId {
    CallId { abi: Abi::X86_64, number }
}
