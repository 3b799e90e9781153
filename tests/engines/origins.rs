//! Who entered a container how, and where its set-up ends: in every way that containers are started and entered, with
//! runc and with crun.
//!
//! Each container runs `counts`, which makes a known number of calls, in another role; what is recorded of it says what
//! ctrec took that role for.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ctrec_analyze::names;
use ctrec_recording::{Abi, Origin, Phase};
use serde_json::{Value, json};
use tempfile::{NamedTempFile, TempDir};

use crate::bundle::{Bundle, Runtime, Spec};
use crate::docker::Dockerd;
use crate::gate;
use crate::image::{Image, text};
use crate::process::Outcome;
use crate::program::Program;
use crate::recorder::{Recorded, Recorder, ctrec};
use crate::wait::wait_for;

/// getppid on x86-64.
const GETPPID: i64 = 110;

/// Calls that only a runtime makes here.
const SET_UP: [&str; 3] = ["mount", "pivot_root", "umount2"];

/// How often `counts` called getppid, by the role that it was taken for.
fn roles(recorded: &Recorded) -> BTreeMap<(Origin, Phase), u64> {
    let mut roles = BTreeMap::new();
    for call in recorded.rows_of("/programs/counts").filter(|call| (call.abi, call.number) == (Abi::X86_64, GETPPID)) {
        *roles.entry((call.origin, call.phase)).or_default() += call.succeeded;
    }
    roles
}

const INIT: (Origin, Phase) = (Origin::Init, Phase::Workload);
const EXEC: (Origin, Phase) = (Origin::Exec, Phase::Workload);

/// A container of Docker: what it is run with and does, and what is expected of it. `$` stands for its name.
struct Case {
    name: &'static str,
    run: &'static [&'static str],
    /// What else is done to it while it runs.
    then: fn(&Dockerd, &str),
    expected: &'static [((Origin, Phase), u64)],
}

const CASES: [Case; 7] = [
    Case {
        name: "entrypoint",
        run: &["--entrypoint=/bin/sh", "tiny", "-c", "exec sh -c 'exec /programs/counts 1 0 30'"],
        then: |_, _| (),
        expected: &[(INIT, 30)],
    },
    Case {
        name: "tty",
        run: &["--tty", "tiny", "/programs/counts", "1", "0", "40"],
        then: |_, _| (),
        expected: &[(INIT, 40)],
    },
    Case {
        name: "init",
        run: &["--init", "tiny", "/programs/counts", "1", "0", "50"],
        then: |_, _| (),
        expected: &[(INIT, 50)],
    },
    Case {
        name: "exec",
        run: &["tiny", "sleep", "1000"],
        then: |dockerd, name| {
            dockerd.docker(&["exec", name, "/programs/counts", "1", "0", "60"]);
            dockerd.docker(&["exec", "--tty", name, "sh", "-c", "exec /programs/counts 1 0 3"]);
            dockerd.docker(&["exec", "--user", "65534", name, "/programs/counts", "1", "0", "4"]);
        },
        expected: &[(EXEC, 67)],
    },
    Case {
        name: "both",
        run: &["--init", "--tty", "tiny", "sh", "-c", "/programs/counts 1 0 70; echo made; sleep 1000"],
        then: |dockerd, name| {
            wait_for("the program", || dockerd.docker(&["logs", name]).contains("made").then_some(()));
            dockerd.docker(&["exec", name, "/programs/counts", "1", "0", "8"]);
        },
        expected: &[(INIT, 70), (EXEC, 8)],
    },
    Case {
        name: "daemon",
        run: &["tiny", "sleep", "1000"],
        then: |dockerd, name| {
            // The shell of the exec ends at once; what it started is adopted by the container's first process.
            let daemon = "(read line < /data/go; /programs/counts 1 0 80; echo > /data/done) > /dev/null 2>&1 &";
            dockerd.docker(&["exec", name, "sh", "-c", &format!("mkfifo /data/go /data/done; {daemon}")]);
            dockerd.docker(&["exec", name, "sh", "-c", "echo > /data/go; read line < /data/done"]);
        },
        expected: &[(EXEC, 80)],
    },
    Case {
        name: "health",
        run: &[
            "--health-cmd=/programs/counts 1 0 90 && exec sleep 1000",
            "--health-interval=1s",
            "tiny",
            "sleep",
            "1000",
        ],
        // The check never ends, so that there is one.
        then: |dockerd, name| {
            wait_for("the health check", || dockerd.docker(&["top", name]).matches("sleep 1000").nth(1).map(drop));
        },
        expected: &[(EXEC, 90)],
    },
];

#[test]
fn everybody_has_the_right_origin_and_phase_with_runc_and_crun() {
    const TEST: &str = "everybody_has_the_right_origin_and_phase_with_runc_and_crun";
    if !gate::open(TEST, &["dockerd", "docker", "runc", "crun", "perl", "gcc"]) {
        return;
    }
    let dockerd = Dockerd::start_with_crun();
    dockerd.import(Image::Tiny);
    // A filter is in force, and refuses nothing: Docker's default, as crun loads it, answers unknown calls with EPERM.
    let learn = NamedTempFile::new().unwrap();
    fs::write(learn.path(), ctrec(&["recommend", "--learn"]).success()).unwrap();
    let learn = format!("--security-opt=seccomp={}", text(learn.path()));
    let recorder = Recorder::start();
    let named = |runtime: Runtime, case: &Case| format!("{}-{}", runtime.name(), case.name);
    for runtime in [Runtime::Runc, Runtime::Crun] {
        for case in &CASES {
            let name = named(runtime, case);
            let fixed = ["run", "--detach", "--network=none", &learn, "--runtime", runtime.name(), "--name", &name];
            dockerd.docker(&[&fixed, case.run].concat());
            (case.then)(&dockerd, &name);
            if case.run.contains(&"/programs/counts") || case.name == "entrypoint" {
                dockerd.docker(&["wait", &name]);
            }
        }
    }
    let store = recorder.stop();
    for runtime in [Runtime::Runc, Runtime::Crun] {
        for case in &CASES {
            let name = named(runtime, case);
            let recorded = Recorded::read(store.path(), &name);
            assert_eq!(recorded.container().runtime.as_deref(), Some(runtime.name()), "{name}");
            assert_eq!(roles(&recorded), case.expected.iter().copied().collect(), "{name}");
            assert_set_up_is_apart(&recorded, &name);
        }
    }
}

/// What only the runtime calls is in its set-up, and is there.
fn assert_set_up_is_apart(recorded: &Recorded, name: &str) {
    for call in SET_UP {
        let number = names::number(Abi::X86_64, call).unwrap();
        let phases: Vec<Phase> = recorded.rows().filter(|row| row.number == number).map(|row| row.phase).collect();
        assert!(phases.iter().all(|phase| *phase == Phase::Setup), "{name}: {call} in {phases:?}");
        assert!(call == "umount2" || !phases.is_empty(), "{name}: {call} is nowhere");
    }
}

#[test]
fn services_of_a_systemd_in_a_container_are_the_containers() {
    const TEST: &str = "services_of_a_systemd_in_a_container_are_the_containers";
    if !gate::open(TEST, &["runc", "crun", "mmdebstrap", "gcc"]) {
        return;
    }
    let root = Image::Systemd.unpack();
    let unit = TempDir::new().unwrap();
    for runtime in [Runtime::Runc, Runtime::Crun] {
        let recorder = Recorder::start();
        let bundle = boot(runtime, root.path(), unit.path());
        let store = recorder.stop();
        let recording = Recorded::read(store.path(), bundle.id());
        assert_eq!(recording.starts(), 1, "cgroups below the container's are no containers");
        let expected = [(INIT, 300), (EXEC, 7)];
        assert_eq!(roles(&recording), expected.into_iter().collect(), "{runtime:?}");
        assert_eq!(recording.recording().losses, [], "{runtime:?}");
    }
}

/// A service that runs `counts`, and says when it is done.
const SERVICE: &str = "[Service]
Type=oneshot
ExecStart=/programs/counts 1 0 300
ExecStartPost=/bin/touch /run/made
";

/// Boots systemd in a container of its own, without privileges, and waits for the service.
fn boot(runtime: Runtime, root: &Path, unit: &Path) -> Bundle {
    let service = unit.join("counts.service");
    fs::write(&service, SERVICE).unwrap();
    let spec = Spec {
        root: root.to_owned(),
        command: ["/lib/systemd/systemd", "--unit=counts.service"].map(str::to_owned).to_vec(),
        mounts: vec![
            (service, "/etc/systemd/system/counts.service".to_owned()),
            (Program::Counts.binary(), "/programs/counts".to_owned()),
        ],
        user: (0, 0),
        no_new_privs: false,
        seccomp: None,
    };
    let mut bundle = Bundle::new_on_v2(runtime, &spec);
    bundle.configure(|config: &mut Value| {
        config["process"]["env"].as_array_mut().unwrap().push("container=oci".into());
        let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
        namespaces.push(json!({ "type": "network" }));
        let mounts = config["mounts"].as_array_mut().unwrap();
        for mount in mounts.iter_mut().filter(|mount| mount["destination"] == "/sys/fs/cgroup") {
            mount["options"] = json!(["nosuid", "noexec", "nodev", "rw"]);
        }
        // systemd would mount it, which takes a capability, and ends without.
        mounts.push(json!({ "destination": "/run/lock", "type": "tmpfs", "source": "tmpfs" }));
    });
    bundle.start();
    bundle.pid();
    let exec = |command: &[&str]| -> Outcome { bundle.exec(command) };
    wait_for("the service", || (exec(&["test", "-e", "/run/made"]).code == 0).then_some(()));
    exec(&["/programs/counts", "1", "0", "7"]).success();
    bundle
}
