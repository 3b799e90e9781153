//! Servers under plain runc and crun, without any engine, from recording to proof: what ctrec recorded of runc is what
//! strace saw, and the profile made from it works under both runtimes.

use std::fs;

use serde_json::Value;
use tempfile::NamedTempFile;

use crate::bundle::{Bundle, Runtime};
use crate::compare::assert_same_names;
use crate::gate;
use crate::image::{Image, text};
use crate::observer::strace::{STRACE, calls_of};
use crate::profile::{assert_filter_is, assert_no_set_up};
use crate::recorder::{Recorded, Recorder, ctrec};
use crate::site::{Server, Site};

#[test]
fn nginx_recorded_under_runc_runs_under_its_profile_everywhere() {
    if gate::open("nginx_recorded_under_runc_runs_under_its_profile_everywhere", &NEEDS) {
        from_recording_to_proof(Server::Nginx, "nginx");
    }
}

#[test]
fn redis_recorded_under_runc_runs_under_its_profile_everywhere() {
    if gate::open("redis_recorded_under_runc_runs_under_its_profile_everywhere", &NEEDS) {
        from_recording_to_proof(Server::Redis, "redis-server");
    }
}

const NEEDS: [&str; 4] = ["runc", "crun", "mmdebstrap", "strace"];

fn from_recording_to_proof(server: Server, program: &str) {
    let root = Image::Servers.unpack();
    let site = Site::new(server);
    let seccomp = record(&site, root.path(), program);
    assert_no_set_up(&seccomp);
    for runtime in [Runtime::Runc, Runtime::Crun] {
        for no_new_privs in [false, true] {
            run_under(runtime, &site, root.path(), no_new_privs, &seccomp);
        }
    }
}

/// Records the server under its load and strace; gives the profile made from that.
fn record(site: &Site, root: &std::path::Path, program: &str) -> Value {
    let trace = NamedTempFile::new().unwrap();
    let recorder = Recorder::start();
    let mut bundle = Bundle::new(Runtime::Runc, &site.spec(root, true, None));
    bundle.start_under(&[STRACE, &[text(trace.path())]].concat());
    bundle.pid();
    site.drive();
    assert_eq!(bundle.stop().code, 0);
    let store = recorder.stop();

    let recorded = Recorded::read(store.path(), bundle.id());
    assert_eq!(recorded.recording().losses, [], "nothing may be lost");
    assert_same_names(&recorded, &calls_of(&fs::read_to_string(trace.path()).unwrap(), program));
    let words = ["recommend", "--dialect", "oci", "--container", bundle.id(), text(store.path())];
    serde_json::from_str(&ctrec(&words).success()).unwrap()
}

fn run_under(runtime: Runtime, site: &Site, root: &std::path::Path, no_new_privs: bool, seccomp: &Value) {
    let mut bundle = Bundle::new(runtime, &site.spec(root, no_new_privs, Some(seccomp.clone())));
    bundle.start();
    let pid = bundle.pid();
    site.drive();
    let profile = NamedTempFile::new().unwrap();
    fs::write(profile.path(), seccomp.to_string()).unwrap();
    assert_filter_is(profile.path(), runtime.compiles_as(), &pid);
    assert_eq!(bundle.stop().code, 0, "{} with no_new_privs={no_new_privs}", runtime.name());
}
