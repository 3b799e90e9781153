//! Servers in Docker, from recording to proof: what ctrec recorded is what bpftrace saw, and under the profile made
//! from it the server still serves, `docker exec` still works, and everything else is refused.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::compare::assert_same_calls;
use crate::docker::Dockerd;
use crate::gate;
use crate::image::text;
use crate::observer::bpftrace::{Bpftrace, cgroup_of};
use crate::profile::{assert_filter_is, assert_no_set_up};
use crate::program::Program;
use crate::recorder::{Recorded, Recorder, ctrec};
use crate::site::{Failure, Server, Site};
use crate::wait::wait_for;

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

#[test]
fn postgres_is_recorded_and_runs_under_its_profile() {
    if gate::open("postgres_is_recorded_and_runs_under_its_profile", &NEEDS) {
        from_recording_to_proof(Server::Postgres);
    }
}

#[test]
fn haproxy_is_recorded_and_runs_under_its_profile() {
    if gate::open("haproxy_is_recorded_and_runs_under_its_profile", &NEEDS) {
        from_recording_to_proof(Server::Haproxy);
    }
}

#[test]
fn gunicorn_is_recorded_and_runs_under_its_profile() {
    if gate::open("gunicorn_is_recorded_and_runs_under_its_profile", &NEEDS) {
        from_recording_to_proof(Server::Gunicorn);
    }
}

#[test]
fn node_is_recorded_and_runs_under_its_profile() {
    if gate::open("node_is_recorded_and_runs_under_its_profile", &NEEDS) {
        from_recording_to_proof(Server::Node);
    }
}

const NEEDS: [&str; 5] = ["dockerd", "docker", "mmdebstrap", "gcc", "bpftrace"];

fn from_recording_to_proof(server: Server) {
    let dockerd = Dockerd::start();
    dockerd.import(server.image());
    let site = Site::new(server);
    let store = record(&dockerd, &site);
    let folder = TempDir::new().unwrap();
    let profile = folder.path().join("seccomp.json");
    fs::write(&profile, recommend(&store, &site)).unwrap();
    ctrec(&["verify", "--profile", text(&profile), "--container", site.name(), text(store.path())]).success();
    let added = capabilities(&store, &site);
    assert!(!added.is_empty(), "each starts as root and leaves that");
    for no_new_privs in [false, true] {
        run_under(&dockerd, &site, &profile, &added, no_new_privs);
    }
    for left_out in &added {
        let others: Vec<String> = added.iter().filter(|it| *it != left_out).cloned().collect();
        assert_fails_without(&dockerd, &site, &profile, &others, left_out);
    }
}

/// Records the server under its load, with an unmasked view, beside bpftrace.
pub(crate) fn record(dockerd: &Dockerd, site: &Site) -> TempDir {
    let observer = Bpftrace::start();
    let recorder = Recorder::start();
    site.run_in(dockerd, &["--security-opt", "seccomp=unconfined"]);
    site.drive();
    site.reload_in(dockerd);
    dockerd.docker(&["exec", site.name(), "id"]);
    let before = cgroup_of(&dockerd.pid(site.name()));
    site.restart(dockerd);
    site.drive();
    let after = cgroup_of(&dockerd.pid(site.name()));
    assert_eq!(site.stop(dockerd), 0);
    let store = recorder.stop();
    dockerd.docker(&["rm", site.name()]);

    let recorded = Recorded::read(store.path(), site.name());
    assert_eq!(recorded.recording().losses, [], "nothing may be lost");
    assert_eq!(recorded.starts(), 2, "of one container");
    assert_same_calls(&recorded, &observer.calls_of(&[before, after]));
    store
}

/// The recommended profile.
fn recommend(store: &TempDir, site: &Site) -> String {
    let profile = ctrec(&["recommend", "--container", site.name(), text(store.path())]).success();
    assert_no_set_up(&serde_json::from_str::<Value>(&profile).unwrap());
    profile
}

/// The recommended capabilities: few, and never the one that is nearly root.
pub(crate) fn capabilities(store: &TempDir, site: &Site) -> Vec<String> {
    let flags = ctrec(&["caps", "--container", site.name(), text(store.path())]).success();
    let mut words = flags.split_whitespace();
    assert_eq!(words.next(), Some("--cap-drop=ALL"));
    let added = words.map(|word| word.strip_prefix("--cap-add=").expect("what is not dropped is added").to_owned());
    let added: Vec<String> = added.collect();
    assert!(!added.iter().any(|capability| capability == "SYS_ADMIN"), "{added:?}");
    assert!(added.len() <= 5, "{added:?}");
    added
}

/// Options of a container with these capabilities, under the profile.
fn confined(profile: &Path, added: &[String]) -> Vec<String> {
    let added = added.iter().map(|capability| format!("--cap-add={capability}"));
    let seccomp = format!("--security-opt=seccomp={}", text(profile));
    [seccomp, "--cap-drop=ALL".to_owned()].into_iter().chain(added).collect()
}

fn run_under(dockerd: &Dockerd, site: &Site, profile: &Path, added: &[String], no_new_privs: bool) {
    let confined = confined(profile, added);
    let confined: Vec<&str> = confined.iter().map(String::as_str).collect();
    let probe = format!("{}:/probe:ro", text(&Program::Probe.binary()));
    let privileges = format!("no-new-privileges:{no_new_privs}");
    site.run_in(dockerd, &[&confined, ["--security-opt", &privileges, "--volume", &probe].as_slice()].concat());
    site.drive();
    site.reload_in(dockerd);
    site.restart(dockerd);
    site.drive();
    assert_filter_is(profile, ctrec_enforce::Runtime::Runc, &dockerd.pid(site.name()));
    dockerd.docker(&["exec", site.name(), "id"]);
    for (number, errno) in [ACCT, OPEN_TREE] {
        let outcome = dockerd.try_docker(&["exec", site.name(), "/probe", number]);
        assert_eq!(outcome.code, errno, "errno of call {number}: {}", outcome.stderr);
    }
    assert_eq!(site.stop(dockerd), 0, "{} with no_new_privs={no_new_privs}", site.name());
    dockerd.docker(&["rm", site.name()]);
}

/// With one of the recommended capabilities taken away, the server fails as it is known to.
fn assert_fails_without(dockerd: &Dockerd, site: &Site, profile: &Path, others: &[String], left_out: &str) {
    let failure = site.server().failure_without(left_out);
    let failure = failure.unwrap_or_else(|| panic!("{} does not need {left_out}", site.name()));
    let confined = confined(profile, others);
    site.run_in(dockerd, &confined.iter().map(String::as_str).collect::<Vec<_>>());
    match failure {
        Failure::Says(words) => {
            wait_for(&format!("{} to say {words:?} without {left_out}", site.name()), || {
                let said = dockerd.try_docker(&["logs", site.name()]);
                (said.stdout.contains(words) || said.stderr.contains(words)).then_some(())
            });
            assert!(!site.answers(), "{} answers without {left_out}", site.name());
        }
        Failure::DoesNotStop => {
            site.drive();
            assert_ne!(site.stop(dockerd), 0, "{} stops without {left_out}", site.name());
        }
    }
    dockerd.docker(&["rm", "--force", site.name()]);
}
