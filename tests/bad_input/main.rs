//! Bad input and a bad environment: one clear error, the documented exit code, no panic. One test a case.
//!
//! Lives here: everything that needs no root to be broken. What does is in `tests/engines/broken.rs`.

#![expect(clippy::unwrap_used, reason = "a test whose case cannot be prepared has failed")]

mod absent;
mod capabilities;
mod command_line;
mod ctrec;
mod doctor;
mod names;
mod outputs;
mod profiles;
mod runtimes;
mod sample;
mod stores;
mod words;
