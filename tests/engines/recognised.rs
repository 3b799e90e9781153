//! Who is recorded, and under which name: also when the recorder comes late, and on hosts with other cgroups.

use std::fs;

use ctrec_recording::{Abi, CgroupLayout, LossKind, Phase, Recording};

use crate::bundle::{Bundle, Runtime, Spec};
use crate::docker::{Dockerd, mount_points};
use crate::gate;
use crate::image::Image;
use crate::recorder::{Recorded, Recorder, only_run};

/// getppid on x86-64.
const GETPPID: i64 = 110;

/// What each container runs: makes 20 of each call.
const COUNTS: [&str; 4] = ["/programs/counts", "1", "0", "20"];

fn spec(root: &tempfile::TempDir) -> Spec {
    Spec::of(root.path(), COUNTS)
}

fn getppids(recording: &Recording, container: u32) -> u64 {
    let key = |call: &&ctrec_recording::Call| {
        (call.container, call.abi, call.number, call.phase) == (container, Abi::X86_64, GETPPID, Phase::Workload)
    };
    recording.calls.iter().filter(key).map(|call| call.succeeded).sum()
}

#[test]
fn nobody_is_lost_while_the_recorder_sleeps() {
    if !gate::open("nobody_is_lost_while_the_recorder_sleeps", &["dockerd", "docker", "gcc"]) {
        return;
    }
    let dockerd = Dockerd::start();
    dockerd.import(Image::Tiny);
    let recorder = Recorder::start_with(&["--container", "late*"]);
    recorder.asleep(|| {
        for options in [["--name=late-1", "--rm"], ["--name=late-2", "--init=false"], ["--name=other-1", "--rm"]] {
            let words = [["run", "--network=none"].as_slice(), &options, &["tiny"], &COUNTS].concat();
            dockerd.docker(&words);
        }
        dockerd.docker(&[["run", "--network=none", "--name=other-2", "tiny"].as_slice(), &COUNTS].concat());
    });
    let recording = only_run(recorder.stop().path());
    let named: Vec<_> = recording.containers.iter().filter(|it| it.resolved).map(|it| it.name.as_str()).collect();
    assert_eq!(named, ["late-2"], "the record of other-2 is there, and says that it is not wanted");
    let unresolved: Vec<_> = recording.containers.iter().filter(|it| !it.resolved).collect();
    assert_eq!(unresolved.len(), 2, "either may be the wanted one");
    for container in &recording.containers {
        assert_eq!(getppids(&recording, container.container), 20, "{}", container.name);
    }
    let losses = recording.losses.iter().filter(|loss| loss.kind == LossKind::Unresolved);
    let mut lost: Vec<_> = losses.map(|loss| loss.container.unwrap()).collect();
    lost.sort_unstable();
    assert_eq!(lost, unresolved.iter().map(|it| it.container).collect::<Vec<_>>(), "and the recording says so");
}

#[test]
fn a_plain_container_is_known_after_its_runtime_has_gone() {
    if !gate::open("a_plain_container_is_known_after_its_runtime_has_gone", &["runc", "gcc"]) {
        return;
    }
    let root = Image::Tiny.unpack();
    let (late, relative) = (Bundle::new(Runtime::Runc, &spec(&root)), Bundle::new(Runtime::Runc, &spec(&root)));
    let recorder = Recorder::start_with(&["--container", "ctrec-test-*"]);
    recorder.asleep(|| drop(late.run().success()));
    relative.run_relative().success();
    let store = recorder.stop();
    for bundle in [late, relative] {
        let recorded = Recorded::read(store.path(), bundle.id());
        let row = recorded.container();
        assert_eq!((row.runtime.as_deref(), row.no_new_privs, row.resolved), (Some("runc"), Some(true), true));
        assert!(row.entrypoint_json.as_ref().unwrap().contains("/programs/counts"));
        assert_eq!(recorded.recording().losses, []);
    }
}

#[test]
fn a_scope_of_systemds_driver_is_dockers_container() {
    if !gate::open("a_scope_of_systemds_driver_is_dockers_container", &["runc", "gcc"]) {
        return;
    }
    let root = Image::Tiny.unpack();
    let bundle = Bundle::new(Runtime::Runc, &spec(&root));
    let id = "0123456789abcdef".repeat(4);
    bundle.configure(|config| {
        config["linux"]["cgroupsPath"] = format!("/system.slice/docker-{id}.scope").into();
    });
    let recorder = Recorder::start();
    bundle.run().success();
    let store = recorder.stop();
    let recording = only_run(store.path());
    let row = recording.containers.iter().find(|it| it.id == id).expect("the container that the path names");
    assert_eq!((row.engine.as_str(), row.runtime.as_deref()), ("docker", Some("runc")));
    assert_eq!(getppids(&recording, row.container), 20);
}

#[test]
fn containers_below_one_new_cgroup_are_told_apart() {
    if !gate::open("containers_below_one_new_cgroup_are_told_apart", &["dockerd", "docker", "gcc"]) {
        return;
    }
    let dockerd = Dockerd::start();
    dockerd.import(Image::Tiny);
    let recorder = Recorder::start();
    // What an engine makes for its first container, and keeps for those to come.
    let parent = format!("--cgroup-parent=/ctrec-test-{}/pod", std::process::id());
    for name in ["--name=one", "--name=two"] {
        dockerd.docker(&[["run", "--network=none", &parent, name, "tiny"].as_slice(), &COUNTS].concat());
    }
    let store = recorder.stop();
    for (at, _) in mount_points().into_iter().filter(|(_, kind)| kind.starts_with("cgroup")) {
        let top = at.join(format!("ctrec-test-{}", std::process::id()));
        if top.exists() {
            fs::remove_dir(top.join("pod")).and_then(|()| fs::remove_dir(&top)).unwrap();
        }
    }
    for name in ["one", "two"] {
        let recorded = Recorded::read(store.path(), name);
        assert_eq!(getppids(recorded.recording(), recorded.container().container), 20, "{name}");
    }
    assert_eq!(only_run(store.path()).containers.len(), 2);
}

#[test]
fn a_container_whose_cgroup_was_there_before_is_found_and_its_start_is_a_loss() {
    const TEST: &str = "a_container_whose_cgroup_was_there_before_is_found_and_its_start_is_a_loss";
    if !gate::open(TEST, &["runc", "gcc"]) {
        return;
    }
    let root = Image::Tiny.unpack();
    let mut bundle = Bundle::new(Runtime::Runc, &Spec::of(root.path(), ["/programs/blocked", "pause"]));
    let hierarchies = mount_points().into_iter().filter(|(_, kind)| kind.starts_with("cgroup"));
    let cgroups: Vec<_> = hierarchies.map(|(at, _)| at.join(bundle.id())).collect();
    for cgroup in &cgroups {
        fs::create_dir(cgroup).unwrap();
    }
    bundle.configure(|config| config["linux"]["cgroupsPath"] = format!("/{}", bundle.id()).into());
    let recorder = Recorder::start_with(&["--window", "1s"]);
    bundle.start();
    bundle.pid();
    let store = recorder.stop();
    let recorded = Recorded::read(store.path(), bundle.id());
    assert!(recorded.container().already_running);
    let gaps = recorded.recording().losses.iter().filter(|loss| loss.kind == LossKind::AttachGap);
    assert_eq!(gaps.filter(|loss| loss.container == Some(recorded.container().container)).count(), 1);
}

/// Docker on a host that mounts its cgroups otherwise; `mounts` is run in a mount namespace of its own.
fn record_in_docker(mounts: &str) -> Recording {
    let script = format!("{mounts} && exec \"$@\"");
    let wrapper = ["unshare", "--mount", "sh", "-c", &script, "sh"];
    let dockerd = Dockerd::start_under(&wrapper);
    dockerd.import(Image::Tiny);
    let recorder = Recorder::start_under(&wrapper, &[]);
    dockerd.docker(&[["run", "--network=none", "--name=it", "tiny"].as_slice(), &COUNTS].concat());
    only_run(recorder.stop().path())
}

#[test]
fn containers_of_a_host_with_v1_alone_are_recorded() {
    const TEST: &str = "containers_of_a_host_with_v1_alone_are_recorded";
    let has_v1 = mount_points().iter().any(|(_, kind)| kind == "cgroup");
    if !gate::open(TEST, &["dockerd", "docker", "gcc"]) || !(has_v1 || gate::refuse(TEST, "v1 cgroups")) {
        return;
    }
    let recording = record_in_docker("umount --all --types cgroup2");
    assert_eq!(recording.header.cgroups, CgroupLayout::V1);
    assert_it(&recording);
}

#[test]
fn containers_of_a_host_with_v2_alone_are_recorded() {
    if !gate::open("containers_of_a_host_with_v2_alone_are_recorded", &["dockerd", "docker", "gcc"]) {
        return;
    }
    let alone = "grep -q ' /sys/fs/cgroup cgroup2 ' /proc/mounts || mount -t cgroup2 none /sys/fs/cgroup";
    let recording = record_in_docker(&format!("umount --all --types cgroup; {{ {alone}; }}"));
    assert_eq!(recording.header.cgroups, CgroupLayout::V2);
    assert_it(&recording);
}

fn assert_it(recording: &Recording) {
    let row = recording.containers.iter().find(|it| it.name == "it").expect("the container is named");
    assert_eq!((row.engine.as_str(), row.runtime.as_deref(), row.resolved), ("docker", Some("runc"), true));
    assert_eq!(getppids(recording, row.container), 20);
    assert_eq!(recording.losses, []);
}
