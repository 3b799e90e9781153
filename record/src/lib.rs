//! Live capture: what real containers do, into a store.
//!
//! # Terminology
//!
//! - **slot**: where the kernel side counts the calls of one (container, program, origin, phase, abi).
//! - **cells**: a slot's counters, one block per CPU; those of a **bank** of 16 slots are made together.
//! - **join**: a process entering a container's cgroup from outside: its first process, or an exec.
//! - **followed**: a thread whose container, program, origin and phase the kernel side knows.
//!
//! Lives here: everything that needs root or libbpf. Does not: any judgement of what was recorded.

mod accounts;
mod cells;
mod cgroups;
mod check_hook;
mod checks;
mod clock;
mod command;
mod containers;
mod cost;
mod counters;
mod differences;
mod engine;
mod error;
mod events;
mod file_capabilities;
mod gathered;
mod gauge;
mod kernel;
mod open_files;
mod own;
mod privileges;
mod program_info;
mod requirements;
mod session;
mod skel;
mod survey;
mod symbols;
mod values;
mod waiting;
mod wire;

#[cfg(fuzzing)]
pub mod fuzzing {
    //! What `fuzz/` drives: parsers of this crate that nobody else may call.
    pub use crate::engine::fuzzing::{answer, path, row_of_newcomer};
    pub use crate::wire::fuzzing::record;
}

pub use check_hook::CheckHook;
pub use containers::{Basis, Matcher};
pub use engine::{Host, LiveContainer, live_containers};
pub use error::RecordError;
pub use privileges::{Confine, Role};
pub use session::{Notice, Options, Outcome, Progress, RunsRemoved, Summary, Target, record};
pub use survey::{Answer, State, Survey, survey};
pub use wire::WireError;
