//! Tests that record for real: they need root, an eBPF kernel, and for most of them Docker, runc or crun.
//!
//! Lives here: the harness (images, engines, loads, observers, each in a module of its own) and the tests that use it
//! (`harness`, `broken`, `capabilities`, `counting`, `elsewhere`, `engines_alive`, `every_call`, `idle`, `in_docker`,
//! `in_force`, `in_runtimes`, `learning`, `lifetimes`, `phases`, `recognised`, `refusals`, `survey`, `unit`, `watched`,
//! `within_size`). Does not: anything that passes without root
//! (see the other files of `tests/`).
//!
//! Without root or without a tool a test says `SKIPPED` on stderr and passes; with `CTREC_REQUIRE` set it fails.

#![expect(clippy::unwrap_used, reason = "a test whose case cannot be prepared has failed")]

mod asks;
mod broken;
mod bundle;
mod capabilities;
mod compare;
mod containerd;
mod counting;
mod counting_checks;
mod cri;
mod docker;
mod elsewhere;
mod engines_alive;
mod every_call;
mod full_disk;
mod gate;
mod harness;
mod idle;
mod image;
mod in_docker;
mod in_force;
mod in_runtimes;
mod learning;
mod lifetimes;
mod load;
mod observer;
mod phases;
mod podman;
mod ports;
mod process;
mod profile;
mod program;
mod recognised;
mod recorder;
mod refusals;
mod refused_exactly;
mod site;
mod survey;
mod unit;
mod wait;
mod watched;
mod within_size;
