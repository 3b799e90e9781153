//! Compiles `bpf/ctrec.bpf.c` twice, for kernels of today and for old ones, and generates one skeleton of both into
//! `OUT_DIR`: they differ in instructions, never in programs, maps and types. `bpf/trials.bpf.c` has one of its own.

use std::path::{Path, PathBuf};
use std::{env, fs};

use libbpf_cargo::SkeletonBuilder;

/// Where the generated code keeps the object's bytes, and where it takes them from.
const BYTES: &str = "static DATA: [u8;";
const TAKEN: &str = "ObjectSkeletonConfigBuilder::new(&DATA)";

fn main() {
    let sources = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../bpf");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let [today, old] = [(&[][..], "today.rs"), (&["-DCTREC_OLD"][..], "old.rs")]
        .map(|(flags, name)| skeleton(&sources, "ctrec.bpf.c", flags, &out.join(name)));
    skeleton(&sources, "trials.bpf.c", &[], &out.join("trials.skel.rs"));
    let (types, _) = today.split_once(BYTES).expect("the skeleton has the object's bytes");
    let (old_types, old_bytes) = old.split_once(BYTES).expect("the skeleton has the object's bytes");
    assert!(types == old_types, "CTREC_OLD changes a program's name, a map or a type");
    // The bytes are the last of it: a module's closing brace follows.
    let old_bytes = old_bytes.trim_end().strip_suffix('}').expect("a module");
    let whole = today.trim_end().strip_suffix('}').expect("a module");
    let whole = whole.replace(TAKEN, "ObjectSkeletonConfigBuilder::new(super::choose(&DATA, &OLD))");
    assert!(whole.contains("choose"), "the skeleton takes the object's bytes in another way");
    fs::write(out.join("ctrec.skel.rs"), format!("{whole}static OLD: [u8;{old_bytes}}}\n"))
        .expect("OUT_DIR can be written");
    println!("cargo:rerun-if-changed={}", sources.display());
}

fn skeleton(sources: &Path, name: &str, flags: &[&str], generated: &Path) -> String {
    let include = format!("-I{}", sources.display());
    // v3: clang 14's default cannot compile an atomic addition whose result is used.
    let usual = ["-mcpu=v3", "-Wall", "-Werror", include.as_str()];
    SkeletonBuilder::new()
        .source(sources.join(name))
        .clang_args(usual.iter().chain(flags))
        .build_and_generate(generated)
        .unwrap_or_else(|error| {
            panic!("bpf/{name} is not compiled: {error:?}; clang, libelf-dev and zlib1g-dev are needed")
        });
    fs::read_to_string(generated).expect("the skeleton was just written")
}
