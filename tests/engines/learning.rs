//! The profile of `ctrec recommend --learn`: engines load a filter for it, it turns nothing away, and what is recorded
//! under it has exact phases. And what is said of a recording under a filter that does turn calls away.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use ctrec_analyze::known::{Need, runtime_baseline};
use ctrec_analyze::names;
use ctrec_recording::{Abi, Origin, Phase};
use serde_json::Value;
use tempfile::TempDir;

use crate::bundle::{Bundle, Runtime, Spec};
use crate::docker::Dockerd;
use crate::gate;
use crate::image::{Image, text};
use crate::recorder::{Recorded, Recorder, ctrec};

/// Native calls, i386 calls from a 64-bit process and from a 32-bit one; acct, which the kernel refuses; 9999 and a
/// number of x32, which it does not know; and the mode of the filter in force.
const SCRIPT: &str = "/programs/int80 500 && /programs/compat && /programs/probe 163; /programs/probe 9999; \
                      /programs/probe 1073741863; cat /proc/self/status";

/// Refusals are counted, not judged.
const EXACT: [&str; 2] = ["--refused", "exact"];

/// `pivot_root`, of x86-64: a runtime's set-up cannot do without it.
const PIVOT_ROOT: (Abi, i64) = (Abi::X86_64, 155);

#[test]
fn runc_hides_nothing_under_the_profile_to_learn_with() {
    if gate::open("runc_hides_nothing_under_the_profile_to_learn_with", &["runc", "gcc"]) {
        learn_in_a_bundle(Runtime::Runc);
    }
}

#[test]
fn crun_hides_nothing_under_the_profile_to_learn_with() {
    if gate::open("crun_hides_nothing_under_the_profile_to_learn_with", &["crun", "gcc"]) {
        learn_in_a_bundle(Runtime::Crun);
    }
}

fn learn_in_a_bundle(runtime: Runtime) {
    let root = Image::Tiny.unpack();
    let profile = ctrec(&["recommend", "--learn", "--dialect", "oci"]).success();
    for no_new_privs in [false, true] {
        let spec = Spec {
            no_new_privs,
            seccomp: Some(serde_json::from_str(&profile).unwrap()),
            ..Spec::of(root.path(), ["/bin/sh", "-c", SCRIPT])
        };
        let bundle = Bundle::new(runtime, &spec);
        let recorder = Recorder::start_with(&EXACT);
        let printed = bundle.run().success();
        let store = recorder.stop();
        assert_nothing_was_hidden(&printed, &store, bundle.id());
        let recorded = Recorded::read(store.path(), bundle.id());
        assert_phases_are_exact(&recorded, runtime.name(), no_new_privs);
    }
}

#[test]
fn docker_hides_nothing_under_the_profile_to_learn_with() {
    if !gate::open("docker_hides_nothing_under_the_profile_to_learn_with", &["dockerd", "docker", "gcc"]) {
        return;
    }
    let dockerd = Dockerd::start();
    dockerd.import(Image::Tiny);
    let folder = TempDir::new().unwrap();
    let profile = folder.path().join("learn.json");
    fs::write(&profile, ctrec(&["recommend", "--learn"]).success()).unwrap();
    let seccomp = format!("seccomp={}", text(&profile));
    let recorder = Recorder::start_with(&EXACT);
    let fixed = ["run", "--name", "web", "--network", "none"];
    let printed = dockerd.docker(&[&fixed[..], &["--security-opt", &seccomp, "tiny", "sh", "-c", SCRIPT]].concat());
    let store = recorder.stop();
    assert_nothing_was_hidden(&printed, &store, "web");
    assert_phases_are_exact(&Recorded::read(store.path(), "web"), "runc", false);
}

fn assert_nothing_was_hidden(printed: &str, store: &TempDir, name: &str) {
    assert!(printed.lines().any(|line| line == "Seccomp:\t2"), "a filter is in force: {printed}");
    let recorded = Recorded::read(store.path(), name);
    assert_eq!(recorded.recording().losses, [], "nothing may be lost");
    for row in recorded.rows() {
        assert_eq!(row.refused, Some(0), "{row:?}");
    }
    let made = |path: &str, abi, number| -> u64 {
        let rows = recorded.rows_of(path).filter(|row| (row.abi, row.number) == (abi, number));
        rows.filter(|row| row.phase == Phase::Workload).map(|row| row.succeeded).sum()
    };
    assert_eq!((made("/programs/int80", Abi::I386, 20), made("/programs/int80", Abi::X86_64, 39)), (500, 500));
    assert_eq!((made("/programs/compat", Abi::I386, 64), made("/programs/compat", Abi::I386, 158)), (100, 50));
    for (abi, number, errno) in [(Abi::X86_64, 163, 1), (Abi::X86_64, 9999, 38), (Abi::X32, 1_073_741_863, 38)] {
        assert_eq!(recorded.failures(abi, number, errno), 1, "the kernel's own answer to {abi:?} {number}");
    }

    let report = ctrec(&["report", "--container", name, "--format", "json", text(store.path())]).success();
    let report: Value = serde_json::from_str(&report).unwrap();
    let container = &report["containers"][0];
    for finding in container["findings"].as_array().unwrap() {
        let kind = finding["kind"].as_str().unwrap();
        assert!(!["refused", "refused_or_failed", "filter_unknown", "another_filter"].contains(&kind), "{finding}");
    }
    let fates: BTreeSet<&str> =
        container["calls"].as_array().unwrap().iter().filter_map(|call| call["fate"].as_str()).collect();
    assert_eq!(fates, BTreeSet::from(["made"]));
}

/// The phase `runtime` holds what a version of the runtime is known to need, all of it and nothing else, and one
/// execve, the last; what sets a container up is before it, and not in the workload.
fn assert_phases_are_exact(recorded: &Recorded, runtime: &str, no_new_privs: bool) {
    let count = |call, phase| {
        let counts = recorded.counts(|row| row.phase == phase && row.origin == Origin::Init);
        counts.get(&call).copied().unwrap_or_default()
    };
    assert!(count(PIVOT_ROOT, Phase::Setup) > 0, "set-up was recorded");
    assert_eq!((count(PIVOT_ROOT, Phase::Runtime), count(PIVOT_ROOT, Phase::Workload)), (0, 0));
    assert_eq!(count((Abi::X86_64, 59), Phase::Runtime), 1, "the execve of the workload");

    let counts = recorded.counts(|row| row.phase == Phase::Runtime);
    let made: BTreeSet<&str> = counts.keys().filter_map(|(abi, number)| names::name(*abi, *number)).collect();
    assert_eq!(made.len(), counts.len(), "every call of a runtime has a name");
    let known = runtime_baseline(Some(runtime), Some(no_new_privs), Origin::Init);
    let names: BTreeSet<&str> = known.iter().map(|call| call.name).collect();
    assert!(made.is_subset(&names), "beyond what {runtime} needs: {:?}", made.difference(&names));
    let mut needed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for call in known.iter().filter(|call| call.need == Need::Always) {
        needed.entry(&call.baseline).or_default().insert(call.name);
    }
    assert!(needed.values().any(|needed| needed.is_subset(&made)), "{runtime} needs more than {made:?}");
}

#[test]
fn a_recording_under_dockers_default_filter_says_what_that_refused() {
    let test = "a_recording_under_dockers_default_filter_says_what_that_refused";
    if !gate::open(test, &["dockerd", "docker", "gcc"]) {
        return;
    }
    let dockerd = Dockerd::start();
    dockerd.import(Image::Tiny);
    let recorder = Recorder::start();
    dockerd.docker(&["run", "--name", "web", "--network", "none", "tiny", "sh", "-c", "/programs/probe 163; true"]);
    let store = recorder.stop();
    let folder = TempDir::new().unwrap();
    let profile = folder.path().join("seccomp.json");
    let recommended = ctrec(&["recommend", "--container", "web", text(store.path())]);
    let screen = recommended.stderr.clone();
    fs::write(&profile, recommended.success()).unwrap();
    let verified = ctrec(&["verify", "--profile", text(&profile), "--container", "web", text(store.path())]);
    let reports = ["text", "markdown", "json"]
        .map(|form| ctrec(&["report", "--container", "web", "--format", form, text(store.path())]).success());
    let caps = ["text", "json"]
        .map(|form| ctrec(&["caps", "--container", "web", "--format", form, text(store.path())]).success());
    let list = ctrec(&["caps", "--container", "web", text(store.path())]).stderr;
    for output in [&screen, &verified.stderr, &list].into_iter().chain(&reports).chain(&caps) {
        let words = output.split_whitespace().collect::<Vec<_>>().join(" ").replace("&gt;", ">");
        for expected in
            ["1 call was refused by the filter", "acct: 1 time, EPERM, by /programs/probe", "--learn > learn.json"]
        {
            assert!(words.contains(expected), "{expected} is missing in\n{output}");
        }
    }
    assert_eq!(verified.code, 0, "{}", verified.stderr);
}
