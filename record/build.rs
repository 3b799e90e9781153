//! Compiles `bpf/ctrec.bpf.c` and generates its skeleton into `OUT_DIR`.

use std::env;
use std::path::PathBuf;

use libbpf_cargo::SkeletonBuilder;

fn main() {
    let sources = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../bpf");
    let skeleton = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("ctrec.skel.rs");
    let include = format!("-I{}", sources.display());
    SkeletonBuilder::new()
        .source(sources.join("ctrec.bpf.c"))
        // v3: clang 14's default cannot compile an atomic addition whose result is used.
        .clang_args(["-mcpu=v3", "-Wall", "-Werror", include.as_str()])
        .build_and_generate(&skeleton)
        .expect("bpf/ctrec.bpf.c compiles: clang, libelf-dev and zlib1g-dev are needed");
    println!("cargo:rerun-if-changed={}", sources.display());
}
