//! The generated skeletons: of `bpf/ctrec.bpf.c` programs, maps and the types of `bpf/wire.h`; of `bpf/trials.bpf.c` in a
//! module of its own.

#![allow(warnings, unsafe_code, clippy::all, clippy::pedantic, clippy::allow_attributes, reason = "generated code")]

include!(concat!(env!("OUT_DIR"), "/ctrec.skel.rs"));

/// Of the two builds of the kernel side the one for this kernel; called by the generated code.
fn choose(today: &'static [u8], old: &'static [u8]) -> &'static [u8] {
    if crate::differences::is_old() { old } else { today }
}

pub(crate) mod trials {
    include!(concat!(env!("OUT_DIR"), "/trials.skel.rs"));
}
