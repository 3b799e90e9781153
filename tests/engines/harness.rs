//! Tests of the harness itself: engines, loads and observers, without ctrec.

use crate::bundle::{Bundle, Runtime};
use crate::docker::Dockerd;
use crate::gate;
use crate::image::{Image, text};
use crate::observer::bpftrace::{Bpftrace, cgroup_of};
use crate::observer::strace::{STRACE, calls_of};
use crate::process::run;
use crate::program::Program;
use crate::site::{Server, Site};

#[test]
fn servers_serve_the_load_in_docker() {
    if !gate::open("servers_serve_the_load_in_docker", &["dockerd", "docker", "mmdebstrap", "gcc"]) {
        return;
    }
    let dockerd = Dockerd::start();
    for image in [Image::Servers, Image::Backends, Image::Scripts] {
        dockerd.import(image);
    }
    for server in Server::ALL {
        let site = Site::new(server);
        site.run_in(&dockerd, &[]);
        site.drive();
        site.reload_in(&dockerd);
        assert_eq!(site.stop(&dockerd), 0, "{server:?}");
    }
}

#[test]
fn servers_serve_the_load_in_plain_runtimes() {
    if !gate::open("servers_serve_the_load_in_plain_runtimes", &["runc", "crun", "mmdebstrap"]) {
        return;
    }
    let root = Image::Servers.unpack();
    for (runtime, no_new_privs) in
        [(Runtime::Runc, true), (Runtime::Runc, false), (Runtime::Crun, true), (Runtime::Crun, false)]
    {
        for server in Server::EVERYWHERE {
            let site = Site::new(server);
            let mut bundle = Bundle::new(runtime, &site.spec(root.path(), no_new_privs, None));
            bundle.start();
            bundle.pid();
            site.drive();
            assert_eq!(bundle.exec(&["echo", "inside"]).success(), "inside\n");
            assert_eq!(bundle.stop().code, 0);
        }
    }
}

#[test]
fn both_observers_count_what_a_program_makes() {
    if !gate::open("both_observers_count_what_a_program_makes", &["dockerd", "docker", "strace", "bpftrace", "gcc"]) {
        return;
    }
    let binary = Program::Counts.binary();
    let trace = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    run(&[STRACE, &[text(trace.path()), text(&binary), "2", "3", "10"]].concat()).success();
    let trace = std::fs::read_to_string(trace.path()).expect("a trace can be read");
    let calls = calls_of(&trace, text(&binary).rsplit('/').next().unwrap());
    assert_eq!((calls["sched_yield"], calls["chdir"], calls["syscall_0x270f"]), (80, 240, 80));

    let dockerd = Dockerd::start();
    dockerd.import(Image::Tiny);
    let observer = Bpftrace::start();
    dockerd.docker(&[
        "run",
        "--detach",
        "--name",
        "it",
        "--network",
        "none",
        "--security-opt",
        "seccomp=unconfined",
        "tiny",
        "sh",
        "-c",
        "/programs/counts 2 3 10; /programs/compat; echo made; sleep 1000",
    ]);
    let cgroup = cgroup_of(&dockerd.pid("it"));
    crate::wait::wait_for("the programs", || dockerd.docker(&["logs", "it"]).contains("made").then_some(()));
    let calls = observer.calls_of(&[cgroup]);
    let of = |compat, number| {
        let programs = calls.iter().filter(|seen| ["counts", "compat"].contains(&seen.thread.as_str()));
        programs.filter(|seen| (seen.compat, seen.number) == (compat, number)).map(|seen| seen.count).sum::<u64>()
    };
    assert_eq!((of(false, 24), of(false, 80), of(false, 9999), of(false, -1)), (80, 240, 80, 80));
    assert_eq!((of(true, 64), of(true, 158), of(true, 1)), (100, 50, 1));
}
