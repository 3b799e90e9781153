//! The filter that a runtime puts in force is the one that ctrec compiles: Docker's default profile, with its
//! conditions, errnos and architectures, as runc and as crun load it.

use std::fs;

use ctrec_analyze::dialect::oci;
use ctrec_analyze::known::{default_capabilities, engine_default};
use ctrec_enforce::native_architecture;
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::bundle::{Bundle, Runtime, Spec};
use crate::gate;
use crate::image::Image;
use crate::profile::assert_filter_is;

#[test]
fn runc_loads_what_ctrec_compiles() {
    if gate::open("runc_loads_what_ctrec_compiles", &["runc", "busybox", "gcc"]) {
        assert_loads_what_ctrec_compiles(Runtime::Runc);
    }
}

#[test]
fn crun_loads_what_ctrec_compiles() {
    if gate::open("crun_loads_what_ctrec_compiles", &["crun", "busybox", "gcc"]) {
        assert_loads_what_ctrec_compiles(Runtime::Crun);
    }
}

fn assert_loads_what_ctrec_compiles(runtime: Runtime) {
    let native = native_architecture().unwrap();
    let default = engine_default("docker").unwrap();
    let profile = default.profile(native, &default_capabilities("docker"), (6, 1));
    let profile = oci::render(&profile).unwrap();
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), &profile).unwrap();

    let root = Image::Tiny.unpack();
    let seccomp: Value = serde_json::from_str(&profile).unwrap();
    for no_new_privs in [false, true] {
        let mut bundle = Bundle::new(
            runtime,
            &Spec {
                no_new_privs,
                seccomp: Some(seccomp.clone()),
                ..Spec::of(root.path(), ["/programs/blocked", "pause"])
            },
        );
        bundle.start();
        let pid = bundle.pid();
        assert_filter_is(file.path(), runtime.compiles_as(), &pid);
    }
}
