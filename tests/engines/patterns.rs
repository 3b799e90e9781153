//! `--container` in each of its forms, for containers that are not there yet.

use std::collections::BTreeSet;

use serde_json::json;

use crate::bundle::{Bundle, Runtime, Spec};
use crate::docker::Dockerd;
use crate::gate;
use crate::image::Image;
use crate::recorder::{Recorder, only_run};

const COUNTS: [&str; 4] = ["/programs/counts", "1", "0", "10"];

#[test]
fn each_form_of_a_pattern_chooses_what_comes_later_and_nothing_else() {
    const TEST: &str = "each_form_of_a_pattern_chooses_what_comes_later_and_nothing_else";
    if !gate::open(TEST, &["dockerd", "docker", "runc", "gcc"]) {
        return;
    }
    let dockerd = Dockerd::start();
    dockerd.import(Image::Tiny);
    dockerd.docker(&["tag", "tiny", "registry.example:5000/shop/tiny:2"]);
    // Made and not started, so that its id is known.
    let fixed = ["create", "--network=none", "--name=by-id", "tiny"];
    let id = dockerd.docker(&[fixed.as_slice(), &COUNTS].concat());
    let prefix = &id[..10];
    let recorder =
        recorder(&["by-name", prefix, "by-gl?b-*", "image=registry.example:5000/shop/tiny", "label=tier=fr*"]);
    dockerd.docker(&["start", "--attach", "by-id"]);
    let runs: [&[&str]; 8] = [
        &["--name=by-name", "tiny"],
        &["--name=by-name-not", "tiny"],
        &["--name=by-glob-1", "tiny"],
        &["--name=not-by-glob-1", "tiny"],
        &["--name=image", "registry.example:5000/shop/tiny:2"],
        &["--name=label", "--label=tier=front", "tiny"],
        &["--name=not-label", "--label=tier=back", "--label=other=front", "tiny"],
        &["--name=neither", "--rm", "tiny"],
    ];
    for run in runs {
        dockerd.docker(&[["run", "--network=none"].as_slice(), run, &COUNTS].concat());
    }
    assert_recorded(recorder, &["by-id", "by-name", "by-glob-1", "image", "label"]);
}

/// The socket of kubernetes' interface, which is not there, would know images and labels, but no other pod.
#[test]
fn pods_are_chosen_by_their_annotations() {
    if !gate::open("pods_are_chosen_by_their_annotations", &["runc", "gcc"]) {
        return;
    }
    let recorder = recorder(&["pod=shop/*"]);
    let root = Image::Tiny.unpack();
    for (namespace, name) in [("shop", "in-pod"), ("other", "in-other-pod")] {
        let spec = Spec::of(root.path(), COUNTS);
        let bundle = Bundle::new(Runtime::Runc, &spec);
        bundle.configure(|config| {
            config["annotations"] = json!({
                "io.kubernetes.cri.container-name": name,
                "io.kubernetes.cri.sandbox-name": "a-pod",
                "io.kubernetes.cri.sandbox-namespace": namespace,
            });
        });
        bundle.run().success();
    }
    assert_recorded(recorder, &["in-pod"]);
}

fn recorder(patterns: &[&str]) -> Recorder {
    let options: Vec<&str> = patterns.iter().flat_map(|pattern| ["--container", pattern]).collect();
    Recorder::start_with(&options)
}

/// Ends a recording, in which are these containers and nothing of any other.
fn assert_recorded(recorder: Recorder, expected: &[&str]) {
    let store = recorder.stop();
    let recording = only_run(store.path());
    let names: BTreeSet<&str> = recording.containers.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, expected.iter().copied().collect());
    assert_eq!(recording.losses, []);
    let counted: BTreeSet<u32> = recording.calls.iter().map(|call| call.container).collect();
    assert_eq!(counted.len(), names.len(), "nothing is left of the others");
}
