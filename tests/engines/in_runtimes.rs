//! Servers under plain runc and crun, without any engine, from recording to proof: what ctrec recorded is what strace
//! saw, and under the profile and the capabilities made from it the server still serves and an exec still works.

use std::fs;
use std::path::Path;

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
fn nginx_runs_under_its_profile_with_runc() {
    from_recording_to_proof("nginx_runs_under_its_profile_with_runc", Runtime::Runc, Server::Nginx);
}

#[test]
fn nginx_runs_under_its_profile_with_crun() {
    from_recording_to_proof("nginx_runs_under_its_profile_with_crun", Runtime::Crun, Server::Nginx);
}

#[test]
fn redis_runs_under_its_profile_with_runc() {
    from_recording_to_proof("redis_runs_under_its_profile_with_runc", Runtime::Runc, Server::Redis);
}

#[test]
fn redis_runs_under_its_profile_with_crun() {
    from_recording_to_proof("redis_runs_under_its_profile_with_crun", Runtime::Crun, Server::Redis);
}

fn from_recording_to_proof(test: &str, runtime: Runtime, server: Server) {
    if !gate::open(test, &[runtime.name(), "mmdebstrap", "strace", "gcc"]) {
        return;
    }
    let root = Image::Servers.unpack();
    let site = Site::new(server);
    let least = record(runtime, &site, root.path());
    assert_no_set_up(&least.seccomp);
    assert!(!least.capabilities.iter().any(|name| name == "CAP_SYS_ADMIN"), "{:?}", least.capabilities);
    for no_new_privs in [false, true] {
        run_under(runtime, &site, root.path(), no_new_privs, &least);
    }
}

/// What is recommended for a server.
struct Least {
    seccomp: Value,
    /// `CAP_*`.
    capabilities: Vec<String>,
}

/// Records the server under its load and strace; gives what is recommended by that.
fn record(runtime: Runtime, site: &Site, root: &Path) -> Least {
    let trace = NamedTempFile::new().unwrap();
    let recorder = Recorder::start();
    let mut bundle = Bundle::new(runtime, &site.spec(root, false, None));
    bundle.start_under(&[STRACE, &[text(trace.path())]].concat());
    bundle.pid();
    site.drive();
    bundle.exec(&["id"]).success();
    assert_eq!(bundle.stop().code, 0);
    let store = recorder.stop();

    let recorded = Recorded::read(store.path(), bundle.id());
    assert_eq!(recorded.recording().losses, [], "nothing may be lost");
    assert_same_names(&recorded, &calls_of(&fs::read_to_string(trace.path()).unwrap(), site.program()));
    let of_store = ["--container", bundle.id(), text(store.path())];
    let read =
        |words: &[&str]| -> Value { serde_json::from_str(&ctrec(&[words, &of_store].concat()).success()).unwrap() };
    let list = read(&["caps", "--format", "json"]);
    let added = list["add"].as_array().unwrap().iter();
    Least {
        seccomp: read(&["recommend", "--dialect", "oci"]),
        capabilities: added.map(|name| format!("CAP_{}", name.as_str().unwrap())).collect(),
    }
}

fn run_under(runtime: Runtime, site: &Site, root: &Path, no_new_privs: bool, least: &Least) {
    let mut bundle = Bundle::new(runtime, &site.spec(root, no_new_privs, Some(least.seccomp.clone())));
    bundle.configure(|config| {
        for set in ["bounding", "effective", "permitted"] {
            config["process"]["capabilities"][set] = least.capabilities.clone().into();
        }
    });
    bundle.start();
    let pid = bundle.pid();
    site.drive();
    bundle.exec(&["id"]).success();
    let profile = NamedTempFile::new().unwrap();
    fs::write(profile.path(), least.seccomp.to_string()).unwrap();
    assert_filter_is(profile.path(), runtime.compiles_as(), &pid);
    assert_eq!(bundle.stop().code, 0, "{} with no_new_privs={no_new_privs}", runtime.name());
}
