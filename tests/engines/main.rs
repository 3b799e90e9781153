//! Tests that record for real: they need root, an eBPF kernel, and for most of them Docker, runc or crun.
//!
//! Lives here: the harness (images, engines, places, loads, observers, each in a module of its own) and the tests that
//! use it (each module with a `#[test]`). Does not: anything that passes without root
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
#[cfg(target_arch = "x86_64")]
mod counting_hard;
mod counting_values;
mod cri;
mod crowds;
mod docker;
mod elsewhere;
mod engines_alive;
mod every_call;
mod faults;
mod full_disk;
mod full_tables;
mod gate;
mod harness;
mod hostile;
mod idle;
mod image;
mod in_docker;
mod in_force;
mod in_runtimes;
mod learning;
mod lifetimes;
mod load;
mod many;
mod native;
mod observer;
mod origins;
mod own_limits;
mod patterns;
mod phases;
mod places;
mod podman;
mod ports;
mod privileges;
mod process;
mod profile;
mod program;
mod recognised;
mod recommended;
mod recorder;
mod refusals;
mod refused_exactly;
mod site;
mod survey;
mod unit;
mod unseen_values;
mod wait;
mod watched;
mod within_size;
