//! Where set-up ends and the workload begins, whatever the programs are called.

use std::fs;

use ctrec_recording::{Abi, Phase};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bundle::{Bundle, Runtime, Spec};
use crate::docker::Dockerd;
use crate::gate;
use crate::image::{Image, text};
use crate::program::Program;
use crate::recorder::{Recorded, Recorder, record_command};

/// getppid on x86-64.
const GETPPID: i64 = 110;

/// How often getppid was called in a phase.
fn getppids(recorded: &Recorded, phase: Phase) -> u64 {
    let calls = recorded.rows().filter(|call| (call.abi, call.number, call.phase) == (Abi::X86_64, GETPPID, phase));
    calls.map(|call| call.succeeded).sum()
}

#[test]
fn a_workload_named_like_a_runtime_is_the_workload() {
    if !gate::open("a_workload_named_like_a_runtime_is_the_workload", &["dockerd", "docker", "gcc"]) {
        return;
    }
    let dockerd = Dockerd::start();
    dockerd.import(Image::Tiny);
    let recorder = Recorder::start();
    let run = |name: &str, words: &[&str]| {
        let fixed = ["run", "--name", name, "--network", "none", "--security-opt", "seccomp=unconfined"];
        dockerd.docker(&[&fixed, words].concat());
    };
    let file = format!("{}:/bin/runc:ro", text(&Program::Counts.binary()));
    run("first", &["--volume", &file, "tiny", "/bin/runc", "1", "0", "500"]);
    for (name, link) in [("later", "/data/runc"), ("memory", "/data/memfd:runc_cloned")] {
        let script = format!("cat /programs/counts > {link} && chmod +x {link} && exec {link} 1 0 500");
        run(name, &["tiny", "sh", "-c", &script]);
    }
    let store = recorder.stop();
    for name in ["first", "later", "memory"] {
        let recorded = Recorded::read(store.path(), name);
        assert!(getppids(&recorded, Phase::Workload) >= 500, "{name}: {}", getppids(&recorded, Phase::Setup));
    }
}

#[test]
fn a_command_has_no_set_up_whatever_it_is_called() {
    if !gate::open("a_command_has_no_set_up_whatever_it_is_called", &["gcc"]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let link = folder.path().join("runc");
    fs::copy(Program::Counts.binary(), &link).unwrap();
    let (outcome, recorded) = record_command(&[text(&link), "1", "0", "500"]);
    outcome.success();
    assert_eq!((getppids(&recorded, Phase::Workload), getppids(&recorded, Phase::Setup)), (500, 0));
    let (outcome, recorded) = record_command(&[env!("CARGO_BIN_EXE_ctrec"), "--version"]);
    outcome.success();
    assert!(recorded.rows().any(|call| call.phase == Phase::Workload), "ctrec itself is a workload too");
}

#[test]
fn a_hook_before_the_root_is_changed_belongs_to_runcs_set_up() {
    if gate::open("a_hook_before_the_root_is_changed_belongs_to_runcs_set_up", &["runc", "gcc"]) {
        assert_hooks_are_set_up(Runtime::Runc);
    }
}

#[test]
fn a_hook_before_the_root_is_changed_belongs_to_cruns_set_up() {
    if gate::open("a_hook_before_the_root_is_changed_belongs_to_cruns_set_up", &["crun", "gcc"]) {
        assert_hooks_are_set_up(Runtime::Crun);
    }
}

fn assert_hooks_are_set_up(runtime: Runtime) {
    let root = Image::Tiny.unpack();
    let spec = Spec::of(root.path(), ["/programs/counts", "1", "0", "30"]);
    let bundle = Bundle::new(runtime, &spec);
    let counts = Program::Counts.binary();
    bundle.configure(|config: &mut Value| {
        config["hooks"] = json!({ "createContainer": [{ "path": counts, "args": ["counts", "1", "0", "700"] }] });
    });
    let recorder = Recorder::start();
    bundle.run().success();
    let store = recorder.stop();
    let recorded = Recorded::read(store.path(), bundle.id());
    assert_eq!(getppids(&recorded, Phase::Workload), 30);
    assert!(getppids(&recorded, Phase::Setup) >= 700, "the hook's");
}
