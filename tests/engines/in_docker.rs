//! Servers in Docker, from recording to proof: what ctrec recorded is what bpftrace saw, and under the profile made
//! from it the server still serves, `docker exec` still works, and everything else is refused.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::compare::assert_same_calls;
use crate::docker::Dockerd;
use crate::gate;
use crate::image::{Image, text};
use crate::observer::bpftrace::{Bpftrace, cgroup_of};
use crate::profile::{assert_filter_is, assert_no_set_up};
use crate::program::Program;
use crate::recorder::{Recorded, Recorder, ctrec};
use crate::site::{Server, Site};

/// A call that no server makes, and Docker's default errno for it.
const ACCT: (&str, i32) = ("163", nix::errno::Errno::EPERM as i32);

/// A newer call that no server makes: it must look absent, so that programs fall back.
const OPEN_TREE: (&str, i32) = ("428", nix::errno::Errno::ENOSYS as i32);

#[test]
fn nginx_is_recorded_and_runs_under_its_profile() {
    if gate::open("nginx_is_recorded_and_runs_under_its_profile", &NEEDS) {
        from_recording_to_proof(Server::Nginx);
    }
}

#[test]
fn redis_is_recorded_and_runs_under_its_profile() {
    if gate::open("redis_is_recorded_and_runs_under_its_profile", &NEEDS) {
        from_recording_to_proof(Server::Redis);
    }
}

const NEEDS: [&str; 5] = ["dockerd", "docker", "mmdebstrap", "gcc", "bpftrace"];

fn from_recording_to_proof(server: Server) {
    let dockerd = Dockerd::start();
    dockerd.import(Image::Servers);
    let site = Site::new(server);
    let store = record(&dockerd, &site);
    let folder = TempDir::new().unwrap();
    let profile = folder.path().join("seccomp.json");
    fs::write(&profile, recommend(&store, &site)).unwrap();
    ctrec(&["verify", "--profile", text(&profile), "--container", site.name(), text(store.path())]).success();
    for no_new_privs in [false, true] {
        run_under(&dockerd, &site, &profile, no_new_privs);
    }
}

/// Records the server under its load, with an unmasked view, beside bpftrace.
fn record(dockerd: &Dockerd, site: &Site) -> TempDir {
    let observer = Bpftrace::start();
    let recorder = Recorder::start();
    site.run_in(dockerd, &["--security-opt", "seccomp=unconfined"]);
    site.drive();
    dockerd.docker(&["exec", site.name(), "id"]);
    let cgroup = cgroup_of(&dockerd.pid(site.name()));
    dockerd.docker(&["stop", site.name()]);
    let store = recorder.stop();
    dockerd.docker(&["rm", site.name()]);

    let recorded = Recorded::read(store.path(), site.name());
    assert_eq!(recorded.recording().losses, [], "nothing may be lost");
    assert_same_calls(&recorded, &observer.calls_of(cgroup));
    store
}

/// The recommended profile.
fn recommend(store: &TempDir, site: &Site) -> String {
    let profile = ctrec(&["recommend", "--container", site.name(), text(store.path())]).success();
    assert_no_set_up(&serde_json::from_str::<Value>(&profile).unwrap());
    profile
}

fn run_under(dockerd: &Dockerd, site: &Site, profile: &Path, no_new_privs: bool) {
    let seccomp = format!("seccomp={}", text(profile));
    let probe = format!("{}:/probe:ro", text(&Program::Probe.binary()));
    let privileges = format!("no-new-privileges:{no_new_privs}");
    site.run_in(dockerd, &["--security-opt", &seccomp, "--security-opt", &privileges, "--volume", &probe]);
    site.drive();
    assert_filter_is(profile, ctrec_enforce::Runtime::Runc, &dockerd.pid(site.name()));
    dockerd.docker(&["exec", site.name(), "id"]);
    for (number, errno) in [ACCT, OPEN_TREE] {
        let outcome = dockerd.try_docker(&["exec", site.name(), "/probe", number]);
        assert_eq!(outcome.code, errno, "errno of call {number}: {}", outcome.stderr);
    }
    dockerd.docker(&["rm", "--force", site.name()]);
}
