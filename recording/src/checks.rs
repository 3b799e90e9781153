//! Rows about capabilities: what was asked, what for, and as whom programs ran.
//!
//! The same rules hold as for the other rows (see `rows`). A capability is its number; masks have bit n for number n.

use serde::{Deserialize, Serialize};

use crate::rows::{Abi, Origin, Phase};

/// Whether the kernel would log a denial of the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audit {
    /// It would: somebody wanted to do what needs the capability.
    Audited,
    /// It would not: the kernel asks only to choose between two ways.
    Probe,
    /// The hook could not see it; the kernel functions that asked tell (see [`Asker`]).
    Unknown,
}

/// Whose credentials were asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// The thread's own.
    Own,
    /// Others that the kernel had put on for a while (overlayfs, access), or those of a file or another process.
    Overridden,
}

/// A user namespace, as seen from the container: its own is the one that its workload was started in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Namespace {
    /// The container's own.
    Container,
    /// One that was made inside of the container.
    Inside,
    /// One that is not below the container's: its host's, another container's.
    Outside,
    /// Asked before the workload was started, or the container's own is not known.
    Unknown,
}

/// How the call ended that a capability was asked for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It returned without an error.
    Succeeded,
    /// It returned an errno, which is in [`Check::errno`].
    Failed,
    /// It was torn down by a signal or an exit.
    Interrupted,
    /// It had not returned when the thread or the recording ended.
    Unfinished,
    /// It was asked outside of a call: in a page fault, by a worker of `io_uring`.
    NoCall,
    /// Too many different checks were made in one call, or the thread's call was not seen from its beginning.
    Unknown,
}

/// One kind of capability check of one program in one window, by how its call ended.
#[expect(clippy::struct_excessive_bools, reason = "each is a column")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Window that the call ended in.
    pub window: u32,
    /// Container.
    pub container: u32,
    /// Program.
    pub program: u32,
    /// Origin of the process.
    pub origin: Origin,
    /// Phase of the process.
    pub phase: Phase,
    /// Numbering of `number`.
    pub abi: Abi,
    /// Call that it was asked in; -1 for [`Ended::NoCall`].
    pub number: i64,
    /// Number of this kind of check within the run; [`Asker`] refers to it.
    pub check: u32,
    /// Number of the capability.
    pub capability: u32,
    /// The verdict.
    pub granted: bool,
    /// Audited or a probe.
    pub audit: Audit,
    /// Whose credentials.
    pub credentials: Whose,
    /// User namespace that the capability was asked for.
    pub target: Namespace,
    /// User namespace of the credentials.
    pub holder: Namespace,
    /// The capability was in the credentials' bounding set.
    pub bounded: bool,
    /// The credentials were those of the root user of their user namespace.
    pub root: bool,
    /// The call does the same without the capability, as its arguments tell: a setuid to the id that it has, a chmod
    /// without the set-group-id bit, a capset that makes nothing inheritable.
    pub needless: bool,
    /// How the call ended.
    pub ended: Ended,
    /// The errno of [`Ended::Failed`]; 0 otherwise.
    pub errno: i32,
    /// How often.
    pub count: u64,
    /// First time in this window, ns since the epoch; in windows after the first, the window's start.
    pub first_ns: i64,
    /// Last time in this window, ns since the epoch.
    pub last_ns: i64,
}

/// Who asked, in samples: the first 16 of a kind of check, then every 2^k-th; each one in fork, clone and execve, where
/// a probe and a need ask for the same capability.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asker {
    /// Window.
    pub window: u32,
    /// Container.
    pub container: u32,
    /// The kind of check ([`Check::check`]).
    pub check: u32,
    /// The kernel function that asked: the first of the stack that is no mere wrapper. Empty: no symbol is known.
    pub function: String,
    /// JSON array of the kernel's functions, the innermost first, from the one that asked.
    pub stack_json: String,
    /// How many samples.
    pub samples: u64,
}

/// What a program's credentials came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The program was executed.
    Execve,
    /// The program set its own capabilities.
    Capset,
}

/// As whom a program ran: its credentials after an execve, or after a capset that succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Window.
    pub window: u32,
    /// Container.
    pub container: u32,
    /// The program that runs with these credentials.
    pub program: u32,
    /// Origin of the process.
    pub origin: Origin,
    /// Phase of the process.
    pub phase: Phase,
    /// What they came from.
    pub cause: Cause,
    /// User namespace of the credentials.
    pub holder: Namespace,
    /// Effective user, as the initial user namespace numbers it.
    pub user: u32,
    /// It is the root user of its user namespace.
    pub root: bool,
    /// The file has the set-user-id bit, and it took effect.
    pub set_user_id: bool,
    /// Permitted set before, as the execve or capset before it left it; of a [`Cause::Capset`] only.
    pub before: u64,
    /// Permitted set after.
    pub permitted: u64,
    /// Ambient set after.
    pub ambient: u64,
    /// Bounding set.
    pub bounding: u64,
    /// How often.
    pub count: u64,
}
