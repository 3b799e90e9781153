//! Containers that live a moment, and many of them: complete and named, each.

use std::collections::BTreeMap;
use std::fs;

use ctrec_recording::{Abi, Call, Phase, Recording};
use serde_json::json;

use crate::bundle::{Bundle, Runtime, Spec};
use crate::docker::Dockerd;
use crate::gate;
use crate::image::{Image, text};
use crate::process::Process;
use crate::recorder::{Recorded, Recorder, only_run};
use crate::wait::wait_for;

/// getppid on x86-64.
const GETPPID: i64 = 110;

/// Containers that Docker removes at once.
const SHORT: u32 = 20;

/// How often `counts` called getppid in each container's workload, by name. Two of one name are an error.
fn getppids(recording: &Recording, prefix: &str) -> BTreeMap<String, u64> {
    let counts: Vec<(u32, u32)> = recording
        .programs
        .iter()
        .filter(|program| program.path == "/programs/counts")
        .map(|program| (program.container, program.program))
        .collect();
    let mut found = BTreeMap::new();
    for container in recording.containers.iter().filter(|it| it.name.starts_with(prefix)) {
        let key = |call: &&Call| {
            call.container == container.container
                && counts.contains(&(call.container, call.program))
                && (call.abi, call.number, call.phase) == (Abi::X86_64, GETPPID, Phase::Workload)
        };
        let count = recording.calls.iter().filter(key).map(|call| call.succeeded).sum();
        assert_eq!(found.insert(container.name.clone(), count), None, "{} is there twice", container.name);
        assert!(container.resolved && !container.already_running, "{container:?}");
    }
    found
}

fn spec(root: &tempfile::TempDir, command: &[&str]) -> Spec {
    Spec::of(root.path(), command.iter().copied())
}

#[test]
fn a_thousand_short_lives_in_a_row_are_all_recorded_and_named() {
    if !gate::open("a_thousand_short_lives_in_a_row_are_all_recorded_and_named", &["runc", "crun", "gcc"]) {
        return;
    }
    let root = Image::Tiny.unpack();
    let bundles = [Runtime::Runc, Runtime::Crun]
        .map(|runtime| Bundle::new(runtime, &spec(&root, &["/programs/counts", "1", "0", "1"])));
    let recorder = Recorder::start();
    let mut expected = BTreeMap::new();
    for number in 0..500 {
        for bundle in &bundles {
            let name = format!("{}-{number}", bundle.id());
            bundle.run_as(&name).success();
            expected.insert(name, 1);
        }
    }
    let recording = only_run(recorder.stop().path());
    let found: BTreeMap<_, _> = bundles.iter().flat_map(|bundle| getppids(&recording, bundle.id())).collect();
    assert_eq!(found.len(), expected.len());
    assert_eq!(found, expected);
    assert_eq!(recording.losses, []);
}

#[test]
fn two_hundred_at_once_are_all_recorded_and_named() {
    if !gate::open("two_hundred_at_once_are_all_recorded_and_named", &["crun", "gcc"]) {
        return;
    }
    let root = Image::Tiny.unpack();
    let script = "/programs/counts 1 0 5; echo made; exec /programs/blocked pause";
    let bundle = Bundle::new(Runtime::Crun, &spec(&root, &["sh", "-c", script]));
    let recorder = Recorder::start();
    let names: Vec<String> = (0..200).map(|number| format!("{}-{number}", bundle.id())).collect();
    let mut running: Vec<Process> = names.iter().map(|name| bundle.start_as(name)).collect();
    for process in &mut running {
        wait_for("a container to have made its calls", || {
            assert!(process.runs(), "a container ended: {}", process.stderr());
            process.stdout().contains("made").then_some(())
        });
    }
    for (name, process) in names.iter().zip(running) {
        bundle.kill(name);
        process.finish();
    }
    let recording = only_run(recorder.stop().path());
    assert_eq!(getppids(&recording, bundle.id()), names.into_iter().map(|name| (name, 5)).collect());
    assert_eq!(recording.losses, []);
}

#[test]
fn what_docker_removes_and_restarts_at_once_is_recorded_each_time() {
    if !gate::open("what_docker_removes_and_restarts_at_once_is_recorded_each_time", &["dockerd", "docker", "gcc"]) {
        return;
    }
    let dockerd = Dockerd::start();
    dockerd.import(Image::Tiny);
    let recorder = Recorder::start_with(&["--container", "short-*", "--container", "loop"]);
    for number in 0..SHORT {
        let name = format!("--name=short-{number}");
        dockerd.docker(&["run", "--rm", &name, "--network=none", "tiny", "/programs/counts", "1", "0", "2"]);
    }
    let again = ["run", "--detach", "--name=loop", "--network=none", "--restart=on-failure:4"];
    dockerd.docker(&[again.as_slice(), &["tiny", "sh", "-c", "/programs/counts 1 0 3; exit 1"]].concat());
    wait_for("the last restart to fail", || {
        let state = dockerd.docker(&["inspect", "--format", "{{.State.Status}} {{.RestartCount}}", "loop"]);
        (state.trim() == "exited 4").then_some(())
    });
    let store = recorder.stop();
    let recording = only_run(store.path());
    assert_eq!(getppids(&recording, "short-"), (0..SHORT).map(|number| (format!("short-{number}"), 2)).collect());
    let recorded = Recorded::read(store.path(), "loop");
    assert_eq!(recorded.starts(), 5, "once and four times again");
    let calls = recorded.rows_of("/programs/counts").filter(|call| call.number == GETPPID);
    assert_eq!(calls.map(|call| call.succeeded).sum::<u64>(), 5 * 3);
    assert_eq!(recording.losses, []);
}

/// A pod as containerd makes one for kubernetes: containers in cgroups of their own below the pod's, which share the
/// network namespace of the first.
#[test]
fn the_containers_of_a_pod_are_told_apart() {
    if !gate::open("the_containers_of_a_pod_are_told_apart", &["runc", "gcc"]) {
        return;
    }
    let root = Image::Tiny.unpack();
    let pod = format!("pod{:08x}-1111-2222-3333-444444444444", std::process::id());
    let recorder = Recorder::start_with(&["--container", &format!("pod=shop/{pod}")]);
    let mut members: Vec<Bundle> = Vec::new();
    for (index, (name, kind, times)) in
        [("", "sandbox", "1"), ("web", "container", "20"), ("cache", "container", "30")].into_iter().enumerate()
    {
        let script = format!("/programs/counts 1 0 {times}; echo made; exec /programs/blocked pause");
        let mut bundle = Bundle::new(Runtime::Runc, &spec(&root, &["sh", "-c", &script]));
        let id = format!("{:060x}{index:04x}", std::process::id());
        let network = members.first_mut().map(|first| format!("/proc/{}/ns/net", first.pid()));
        bundle.rename(&id);
        bundle.configure(|config| {
            config["linux"]["cgroupsPath"] = format!("/kubepods/burstable/{pod}/{id}").into();
            let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
            namespaces
                .push(network.map_or(json!({ "type": "network" }), |path| json!({ "type": "network", "path": path })));
            config["annotations"] = json!({
                "io.kubernetes.cri.container-type": kind,
                "io.kubernetes.cri.sandbox-name": pod,
                "io.kubernetes.cri.sandbox-namespace": "shop",
            });
            if kind == "container" {
                config["annotations"]["io.kubernetes.cri.container-name"] = name.into();
                config["annotations"]["io.kubernetes.cri.image-name"] =
                    format!("registry.example/shop/{name}:1").into();
            }
        });
        bundle.start();
        wait_for("a container of the pod", || bundle.stdout().contains("made").then_some(()));
        members.push(bundle);
    }
    let recording = only_run(recorder.stop().path());
    drop(members);
    remove_pod(&pod);
    let expected = [("POD", 1), ("cache", 30), ("web", 20)].map(|(name, count)| (name.to_owned(), count));
    assert_eq!(getppids(&recording, ""), expected.into_iter().collect());
    for container in &recording.containers {
        assert_eq!(container.pod.as_deref(), Some(format!("shop/{pod}").as_str()));
        assert_eq!(container.engine, "containerd");
    }
}

/// runc removes its containers' cgroups, not those above.
fn remove_pod(pod: &str) {
    for (hierarchy, _) in crate::docker::mount_points().into_iter().filter(|(_, kind)| kind.starts_with("cgroup")) {
        let kubepods = hierarchy.join("kubepods");
        for folder in [kubepods.join("burstable").join(pod), kubepods.join("burstable"), kubepods] {
            // Not there, or used by somebody else.
            let _left = fs::remove_dir(text(&folder));
        }
    }
}
