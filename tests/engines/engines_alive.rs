//! Containers of engines beside Docker, as far as this machine can run them: recorded, and named as their engine does.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, thread};

use ctrec_recording::{Abi, Container, LossKind, Phase, Recording};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bundle::{Bundle, Runtime, Spec};
use crate::containerd::{Containerd, name_of};
use crate::cri::Pod;
use crate::gate;
use crate::image::{Image, text};
use crate::podman::Podman;
use crate::process::Process;
use crate::recorder::{Recorder, ctrec, only_run};

/// getppid on x86-64.
const GETPPID: i64 = 110;

/// What each container runs: makes 20 of each call.
const COUNTS: [&str; 4] = ["/programs/counts", "1", "0", "20"];

/// What a container runs that is to stay.
const STAYS: [&str; 2] = ["/programs/blocked", "pause"];

fn container<'run>(recording: &'run Recording, name: &str) -> &'run Container {
    let names: Vec<&str> = recording.containers.iter().map(|it| it.name.as_str()).collect();
    recording.containers.iter().find(|it| it.name == name).unwrap_or_else(|| panic!("no {name} among {names:?}"))
}

/// Nothing of a container is missing: all that [`COUNTS`] does was counted.
fn assert_whole(recording: &Recording, row: &Container) {
    let getppids = recording.calls.iter().filter(|call| {
        (call.container, call.abi, call.number, call.phase) == (row.container, Abi::X86_64, GETPPID, Phase::Workload)
    });
    assert_eq!(getppids.map(|call| call.succeeded).sum::<u64>(), 20, "{}", row.name);
    assert_eq!(recording.losses.iter().find(|loss| loss.container == Some(row.container)), None, "{}", row.name);
}

fn label(row: &Container, key: &str) -> Option<String> {
    let labels: Value = serde_json::from_str(&row.labels_json).unwrap();
    labels.get(key)?.as_str().map(str::to_owned)
}

fn assert_is(row: &Container, engine: &str, image: Image) {
    let expected = (engine, Some(name_of(image)), Some("runc"), true);
    assert_eq!(
        (row.engine.as_str(), row.image.clone(), row.runtime.as_deref(), row.resolved),
        expected,
        "{}",
        row.name
    );
}

#[test]
fn containers_of_containerd_have_name_image_and_labels() {
    if !gate::open("containers_of_containerd_have_name_image_and_labels", &["containerd", "ctr", "runc", "gcc"]) {
        return;
    }
    let containerd = Containerd::start();
    containerd.import(Image::Tiny);
    let image = name_of(Image::Tiny);
    let before = ["run", "--detach", "--label", "tier=back", &image, "alive-before"];
    containerd.ctr(&[before.as_slice(), &STAYS].concat());
    let recorder = Recorder::start_with(&["--window", "1s", "--container", "alive-*"]);
    containerd.ctr(&[["run", "--rm", "--label", "tier=front", &image, "alive-new"].as_slice(), &COUNTS].concat());
    let recording = only_run(recorder.stop().path());
    let row = container(&recording, "alive-new");
    assert_is(row, "containerd", Image::Tiny);
    assert_eq!((label(row, "tier").as_deref(), row.already_running), (Some("front"), false));
    assert_whole(&recording, row);
    let row = container(&recording, "alive-before");
    assert_is(row, "containerd", Image::Tiny);
    assert_eq!((label(row, "tier").as_deref(), row.already_running), (Some("back"), true));
    ctrec(&["inspect", "--container", "alive-before"]).success();
}

#[test]
fn a_label_that_only_the_engine_knows_decides() {
    if !gate::open("a_label_that_only_the_engine_knows_decides", &["containerd", "ctr", "runc", "gcc"]) {
        return;
    }
    let containerd = Containerd::start();
    containerd.import(Image::Tiny);
    let image = name_of(Image::Tiny);
    let recorder = Recorder::start_with(&["--window", "1s", "--container", "label=tier=front"]);
    for (label, name) in [("tier=front", "alive-front"), ("tier=back", "alive-back")] {
        // Kept, so that containerd knows it for as long as it takes to ask.
        containerd.ctr(&[["run", "--label", label, &image, name].as_slice(), &COUNTS].concat());
    }
    let recording = only_run(recorder.stop().path());
    let row = container(&recording, "alive-front");
    assert_is(row, "containerd", Image::Tiny);
    assert_whole(&recording, row);
    assert!(recording.containers.iter().all(|it| it.name != "alive-back"), "it was counted until its labels came");
}

#[test]
fn a_pod_of_containerds_kubernetes_plugin_has_names() {
    if !gate::open("a_pod_of_containerds_kubernetes_plugin_has_names", &["containerd", "ctr", "runc", "gcc"]) {
        return;
    }
    let containerd = Containerd::start();
    containerd.import(Image::Tiny);
    let recorder = Recorder::start_with(&["--window", "1s", "--container", "pod=shop/*"]);
    let (pod, other) =
        (Pod::start(&containerd.socket(), "shop", "web-1"), Pod::start(&containerd.socket(), "other", "db"));
    pod.run("app", &name_of(Image::Tiny), ("tier", "front"), &COUNTS);
    pod.run("helper", &name_of(Image::Tiny), ("tier", "back"), &COUNTS);
    let recording = only_run(recorder.stop().path());
    drop((pod, other));
    let mut names: Vec<&str> = recording.containers.iter().map(|it| it.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["POD", "app", "helper"], "and nothing of the other pod");
    for row in &recording.containers {
        assert_eq!((row.engine.as_str(), row.pod.as_deref(), row.resolved), ("containerd", Some("shop/web-1"), true));
    }
    for (name, tier) in [("app", "front"), ("helper", "back")] {
        let row = container(&recording, name);
        assert_is(row, "containerd", Image::Tiny);
        assert_eq!(label(row, "tier").as_deref(), Some(tier));
        assert_whole(&recording, row);
    }
}

#[test]
fn containers_of_podman_and_of_its_pods_are_named() {
    if !gate::open("containers_of_podman_and_of_its_pods_are_named", &["podman", "runc", "gcc"]) {
        return;
    }
    let podman = Podman::start();
    podman.import(Image::Tiny);
    let image = name_of(Image::Tiny);
    // Below a cgroup of its own, podman's pod would let nobody open a device here: it sets device rules there.
    let hold = format!("--infra-command={}", STAYS.join(" "));
    let pod = ["pod", "create", "--name=shop", "--infra-name=alive-infra", "--share-parent=false", "--network=host"];
    podman.podman(&[pod.as_slice(), &[&format!("--infra-image={image}"), &hold]].concat());
    podman.podman(&[["run", "--detach", "--pod=shop", "--name=alive-before", &image].as_slice(), &STAYS].concat());
    let recorder = Recorder::start_with(&["--window", "1s", "--container", "alive-*"]);
    let new = ["run", "--rm", "--name=alive-new", "--label=tier=front", &image];
    podman.podman(&[new.as_slice(), &COUNTS].concat());
    podman.podman(&[["run", "--pod=shop", "--name=alive-in-pod", &image].as_slice(), &COUNTS].concat());
    let recording = only_run(recorder.stop().path());
    for (name, already_running) in
        [("alive-infra", true), ("alive-before", true), ("alive-new", false), ("alive-in-pod", false)]
    {
        let row = container(&recording, name);
        assert_is(row, "podman", Image::Tiny);
        assert_eq!(row.already_running, already_running, "{name}");
        if !already_running {
            assert_whole(&recording, row);
        }
    }
    ctrec(&["inspect", "--container", "alive-before"]).success();
}

/// Whoever has the name and the words of a dockerd, and a socket.
fn pose_as_dockerd(folder: &Path, serve: impl Fn(UnixStream) + Send + 'static) -> Process {
    let (program, socket) = (folder.join("dockerd"), folder.join("docker.sock"));
    fs::write(&program, "#!/bin/sh\nwhile :; do sleep 1; done\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let listener = UnixListener::bind(&socket).unwrap();
    thread::spawn(move || listener.incoming().filter_map(Result::ok).for_each(serve));
    Process::start(&[text(&program), "-H", &format!("unix://{}", text(&socket))])
}

/// Records a container of Docker's form that no disk knows, while a daemon's socket does something.
fn record_beside(serve: impl Fn(UnixStream) + Send + 'static, id: &str) -> (Recording, Duration) {
    let folder = TempDir::new().unwrap();
    let mut dockerd = pose_as_dockerd(folder.path(), serve);
    let root = Image::Tiny.unpack();
    let spec = Spec::of(root.path(), COUNTS);
    let bundle = Bundle::new(Runtime::Runc, &spec);
    let path = format!("/system.slice/docker-{id}.scope");
    bundle.configure(|config| config["linux"]["cgroupsPath"] = path.into());
    let recorder = Recorder::start();
    bundle.run().success();
    let asked = Instant::now();
    let recording = only_run(recorder.stop().path());
    assert!(dockerd.runs());
    (recording, asked.elapsed())
}

#[test]
fn an_engines_socket_names_what_no_disk_knows() {
    if !gate::open("an_engines_socket_names_what_no_disk_knows", &["runc", "gcc"]) {
        return;
    }
    let id = "0011223344556677".repeat(4);
    let body = json!({ "Id": id, "Name": "/\u{1b}[31m../alive", "Config": { "Image": "nginx:1", "Labels": null } });
    let answer = move |mut connection: UnixStream| {
        let mut request = [0; 4096];
        let _bytes = connection.read(&mut request).unwrap();
        let body = body.to_string();
        write!(connection, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    };
    let (recording, _) = record_beside(answer, &id);
    let row = recording.containers.iter().find(|it| it.id == id).unwrap();
    let expected = ("\u{1b}[31m../alive", Some("nginx:1"), "docker", true);
    assert_eq!((row.name.as_str(), row.image.as_deref(), row.engine.as_str(), row.resolved), expected);
    assert_whole(&recording, row);
}

#[test]
fn an_engine_that_keeps_silent_holds_nobody_up() {
    if !gate::open("an_engine_that_keeps_silent_holds_nobody_up", &["runc", "gcc"]) {
        return;
    }
    let id = "7766554433221100".repeat(4);
    let silent = |mut connection: UnixStream| {
        let mut bytes = [0; 4096];
        while matches!(connection.read(&mut bytes), Ok(1..)) {}
    };
    let (recording, took) = record_beside(silent, &id);
    assert!(took < Duration::from_secs(30), "{took:?}");
    let row = recording.containers.iter().find(|it| it.id == id).unwrap();
    assert_eq!(row.name, id);
    let getppids = recording.calls.iter().filter(|call| (call.container, call.number) == (row.container, GETPPID));
    assert!(getppids.map(|call| call.succeeded).sum::<u64>() >= 20, "no call is missing");
    let unresolved = recording.losses.iter().filter(|loss| loss.kind == LossKind::Unresolved);
    assert_eq!(unresolved.filter(|loss| loss.container == Some(row.container)).count(), 1, "and it says so");
}
