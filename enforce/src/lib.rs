//! Profiles in force: compiled, simulated, run and read back.
//!
//! # Terminology
//!
//! - **filter**: a classic BPF program that the kernel runs on every call of a task.
//! - **action**: what a filter returns: allow, log, an errno, kill.
//! - **decision**: the action on a call, or the actions that it may meet where its arguments are not known.
//! - **query**: a call, with what is known of its arguments, put to a filter.
//! - **refusal**: a call that a filter does not let through.
//!
//! | to | use |
//! |---|---|
//! | compile a profile as runc or crun does | [`compile`] |
//! | ask what filters do to a call | [`decide`], [`Query`] |
//! | check many calls | [`refusals`], [`decisions`] |
//! | run a command under a profile and a capability list | [`run`] |
//! | know whether there is such a command | [`find`] |
//! | put this process itself under them | [`confine`] |
//! | read the filters of a running process | [`filters_of`], [`Status`] |
//! | know which libseccomp there is | [`Library`] |
//!
//! Lives here: everything that libseccomp, ptrace and seccomp are needed for. Does not: what a profile should hold, any
//! text form of it, any recording.

mod action;
mod capabilities;
mod check;
mod compile;
mod confine;
mod filter;
mod instruction;
mod library;
mod live;
mod lookup;
mod restart;
mod run;
mod simulate;
mod status;
mod stub;
mod sys;

pub use action::RawAction;
pub use capabilities::{CapabilityError, CapabilityList};
pub use check::{KnownArgument, Refusal, decisions, refusal, refusals};
pub use compile::{CompileError, Compiled, Runtime, compile, native_architecture};
pub use confine::{ConfineError, confine};
pub use filter::{Filter, FilterError};
pub use instruction::Instruction;
pub use library::Library;
pub use live::{LiveError, filters_of};
pub use run::{RunError, find, run};
pub use simulate::{AuditArch, Decision, Query, Verdict, decide};
pub use status::{SeccompMode, Status, StatusError};
