//! The generated skeleton of `bpf/ctrec.bpf.c`: programs, maps and the types of `bpf/wire.h`.

#![allow(warnings, unsafe_code, clippy::all, clippy::pedantic, clippy::allow_attributes, reason = "generated code")]

include!(concat!(env!("OUT_DIR"), "/ctrec.skel.rs"));
