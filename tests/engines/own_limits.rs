//! Servers under what was recorded of them: each as it starts usually, on a read-only root and as a user of its own,
//! recorded in Docker beside bpftrace, and run by the same load under its own profile and capabilities with Docker, runc
//! and crun, with and without `no_new_privs`.

use std::fs;

use tempfile::NamedTempFile;

use crate::gate;
use crate::image::text;
use crate::in_docker::{capabilities, record};
use crate::places::{Ground, Limits, Place};
use crate::recorder::ctrec;
use crate::site::{Mode, Server, Site};

const NEEDS: [&str; 7] = ["dockerd", "docker", "runc", "crun", "mmdebstrap", "gcc", "bpftrace"];

#[test]
fn nginx_runs_everywhere_under_its_own_limits() {
    if gate::open("nginx_runs_everywhere_under_its_own_limits", &NEEDS) {
        run_everywhere(Server::Nginx);
    }
}

#[test]
fn redis_runs_everywhere_under_its_own_limits() {
    if gate::open("redis_runs_everywhere_under_its_own_limits", &NEEDS) {
        run_everywhere(Server::Redis);
    }
}

#[test]
fn postgres_runs_everywhere_under_its_own_limits() {
    if gate::open("postgres_runs_everywhere_under_its_own_limits", &NEEDS) {
        run_everywhere(Server::Postgres);
    }
}

#[test]
fn gunicorn_runs_everywhere_under_its_own_limits() {
    if gate::open("gunicorn_runs_everywhere_under_its_own_limits", &NEEDS) {
        run_everywhere(Server::Gunicorn);
    }
}

#[test]
fn node_runs_everywhere_under_its_own_limits() {
    if gate::open("node_runs_everywhere_under_its_own_limits", &NEEDS) {
        run_everywhere(Server::Node);
    }
}

fn run_everywhere(server: Server) {
    let ground = Ground::prepare(&[server.image()]);
    for mode in [Mode::Usual, Mode::ReadOnly, Mode::User] {
        let site = Site::in_mode(server, mode);
        let store = record(ground.dockerd(), &site);
        let profile = NamedTempFile::new().unwrap();
        let words = ["recommend", "--container", site.name(), text(store.path())];
        fs::write(profile.path(), ctrec(&words).success()).unwrap();
        let capabilities = capabilities(&store, &site);
        assert_eq!(capabilities.is_empty(), mode == Mode::User, "{server:?} {mode:?}: {capabilities:?}");
        let limits = Limits { profile: Some(profile.path()), capabilities: Some(&capabilities) };
        // A plain runtime's root is always read-only: what it shows of that mode it has shown of the usual one.
        for place in Place::EVERYWHERE.into_iter().filter(|place| mode != Mode::ReadOnly || !place.is_plain()) {
            let exec = ground.run(&site, place, limits).exec;
            assert!(exec.stdout.starts_with("uid="), "{server:?} {mode:?} in {place:?}: {exec:?}");
        }
    }
}
