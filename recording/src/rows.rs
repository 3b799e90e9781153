//! The rows of a recording's tables, one struct a table, one field a column.
//!
//! Two kinds of table. *Windowed* tables ([`Window`], [`Call`], [`Errno`], [`Argument`], [`Values`], [`Start`],
//! [`Check`], [`Asker`], [`Identity`], [`Loss`]) get one segment a window and hold what happened in that window alone;
//! counts of a run are sums over its windows. *Snapshot* tables ([`Container`], [`Program`]) hold what is known so far and are replaced whole.
//!
//! Times are nanoseconds since the Unix epoch, taken from the kernel's monotonic clock plus the offset at the start of
//! the run, so a clock that is set back during a run does not reorder them. Columns are `u32`, `u64`, `i32`, `i64`,
//! `bool` and string only; lists and maps are JSON in a string column named `*_json`.

use serde::{Deserialize, Serialize};

use crate::Header;
use crate::checks::{Asker, Check, Identity};
use crate::values::Values;

/// The numbering that a call number belongs to. A number without it means nothing: 20 is `writev` or `getpid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Abi {
    /// 64-bit x86.
    #[serde(rename = "x86_64")]
    X86_64,
    /// 32-bit x86, also when a 64-bit process uses `int 0x80`.
    I386,
    /// x32: x86-64 numbers with bit 30 set. [`Call::number`] keeps the bit.
    X32,
    /// 64-bit Arm.
    Aarch64,
    /// 32-bit Arm EABI.
    Arm,
}

/// How the process came into the container. Inherited at fork, never walked later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Descended from the container's first process.
    Init,
    /// Entered later: `docker exec`, health checks.
    Exec,
}

/// What part of the container's life a call belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The runtime, before a filter would be in force. Never recommended.
    Setup,
    /// The runtime, with the container's filter in force.
    Runtime,
    /// From the first execve of something that is not the runtime.
    Workload,
}

/// One window of a run. Its row seals the window: it is written after all other tables of the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Number of the window, from 1.
    pub window: u32,
    /// Start, ns since the epoch.
    pub start_ns: i64,
    /// End, ns since the epoch.
    pub end_ns: i64,
}

/// One container of a run, as it was. Snapshot table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Number within the run; the other tables refer to it.
    pub container: u32,
    /// The engine's full id. For `record -- COMMAND`: `command-<run id>`. Unresolved: the cgroup's last component.
    pub id: String,
    /// Name for people. For `record -- COMMAND` the command's base name; else the engine's name; else the id.
    pub name: String,
    /// Image as the engine names it, where there is one.
    pub image: Option<String>,
    /// `docker`, `runc`, `crun`, `podman`, `containerd`, `cri-o`, `lxc`, `nspawn`, `command`, or `unknown`.
    pub engine: String,
    /// OCI runtime that set it up: `runc`, `crun`, or `ctrec` for `record -- COMMAND`.
    pub runtime: Option<String>,
    /// `namespace/pod` under kubernetes.
    pub pod: Option<String>,
    /// JSON object of strings.
    pub labels_json: String,
    /// JSON array: the argument vector that the runtime executes.
    pub entrypoint_json: Option<String>,
    /// `process.noNewPrivileges`; `None` where no bundle was found.
    pub no_new_privs: Option<bool>,
    /// JSON array of `CAP_*` names of the bounding set, sorted; `None` where no bundle was found.
    pub capabilities_json: Option<String>,
    /// `linux.seccomp` of the bundle as JSON: the filter in force. `None`: no bundle found. `"null"`: no filter.
    pub seccomp_json: Option<String>,
    /// JSON object: `linux.sysctl` of the bundle.
    pub sysctls_json: String,
    /// JSON object: `process.rlimits` of the bundle, `{"RLIMIT_NOFILE": [soft, hard]}`.
    pub limits_json: String,
    /// JSON object: the sysctls of its network namespace that decide whether a capability is asked for, as they were
    /// when its workload was started: `net.ipv4.ip_unprivileged_port_start`, `net.ipv4.ping_group_range`. `None`: they
    /// were not read. Since format 1.2.
    pub network_json: Option<String>,
    /// Path of the cgroup in the hierarchy that it was found in.
    pub cgroup_path: String,
    /// First time that the recorder saw it.
    pub started_ns: i64,
    /// When its last process ended; `None` while it runs.
    pub ended_ns: Option<i64>,
    /// It ran before recording began: its start, set-up and runtime phases were not seen.
    pub already_running: bool,
    /// Whether an engine's record or OCI bundle was found for it.
    pub resolved: bool,
}

/// An executable image that ran in a container. Snapshot table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Container that it ran in.
    pub container: u32,
    /// Number within the run.
    pub program: u32,
    /// Path as the container sees it. Hostile text: chosen by the container.
    pub path: String,
    /// Whether the path was longer or deeper than the recorder keeps.
    pub path_truncated: bool,
    /// Device of the file, `major << 20 | minor` as the kernel holds it.
    pub device: u64,
    /// Inode of the file.
    pub inode: u64,
    /// JSON array of the `CAP_*` names that the file permits and makes effective (its file capabilities), sorted;
    /// `None`: not read, since whoever saw the file was gone. Since format 1.2.
    pub file_capabilities_json: Option<String>,
}

/// One call of one program in one window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Window that it happened in.
    pub window: u32,
    /// Container.
    pub container: u32,
    /// Program.
    pub program: u32,
    /// Origin of the process.
    pub origin: Origin,
    /// Phase of the process.
    pub phase: Phase,
    /// Which numbering `number` is of.
    pub abi: Abi,
    /// Call number as the kernel saw it; may be one that no table knows, or negative.
    pub number: i64,
    /// Calls that returned without an error. Includes `exit` and `exit_group`, which do not return.
    pub succeeded: u64,
    /// Calls that returned an errno from 1 to 511 or from 517 to 4095; [`Errno`] says which.
    pub failed: u64,
    /// Calls torn down by a signal or an exit (-512 to -516): not an errno, and often restarted as a new call.
    pub interrupted: u64,
    /// Calls still blocked when the recording ended.
    pub unfinished: u64,
    /// Calls that a filter turned away or answered, among the others; `None`: nobody counted (`--refused exact` does).
    /// Since format 1.2.
    pub refused: Option<u64>,
    /// First time in this window, ns since the epoch. Exact to about 1 ms in the window that shows the call for the first
    /// time; in later ones the kernel keeps no first time, and it is the window's start.
    pub first_ns: i64,
    /// Last time in this window, ns since the epoch, exact to a timer tick (1 to 10 ms).
    pub last_ns: i64,
}

/// How often a call failed with one errno, in one window. Sums to [`Call::failed`] unless a loss says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errno {
    /// Window.
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
    /// Call number.
    pub number: i64,
    /// errno, positive.
    pub errno: i32,
    /// How often.
    pub count: u64,
}

/// A value of an argument that decides a rule, in one window. Now: `clone` with namespace flags (value is masked
/// with 0x7E020000).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argument {
    /// Window.
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
    /// Call number.
    pub number: i64,
    /// Index of the argument, from 0.
    pub index: u32,
    /// Value, masked as the argument's rule says.
    pub value: u64,
    /// How often.
    pub count: u64,
}

/// Who started a program: executions of `program` by `parent`, in one window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Window.
    pub window: u32,
    /// Container.
    pub container: u32,
    /// The program that called execve.
    pub parent: u32,
    /// The program that was executed.
    pub program: u32,
    /// Origin of the process.
    pub origin: Origin,
    /// Phase of the process after the execve.
    pub phase: Phase,
    /// How often.
    pub count: u64,
}

/// Something that the recorder knows it missed, in one window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// Window.
    pub window: u32,
    /// Container it belongs to; `None` where that is not known: then it may be any.
    pub container: Option<u32>,
    /// What was missed.
    pub kind: LossKind,
    /// How many.
    pub count: u64,
    /// Where: a program's or a map's name.
    pub detail: String,
}

/// What a loss is a loss of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossKind {
    /// No slot for a new (container, program, origin, phase): its calls were not counted.
    SlotsFull,
    /// A kernel map was full: a count, a task or a program was not kept.
    MapFull,
    /// The ring buffer was full: an event (not a count) did not arrive.
    RingFull,
    /// A BPF program was not run because it was running already on that CPU.
    RecursionMiss,
    /// A process left its container's cgroup: what it did then was not recorded.
    MovedOut,
    /// Kernel memory could not be read.
    ReadFault,
    /// Something was recorded later than its start.
    AttachGap,
    /// Processes of the command still ran when its recording ended.
    LeftRunning,
    /// A container that could not be resolved to an engine's record.
    Unresolved,
    /// A container that was recorded although nobody could say whether it was wanted.
    Undecided,
    /// The run ended without its last window being sealed (kill -9, power).
    CutOff,
    /// A window could not be written when it was due (disk full); its counts are in a later window.
    WriteDelayed,
}

/// What one window adds to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The window; written last.
    pub window: Window,
    /// Calls.
    pub calls: Vec<Call>,
    /// Errnos.
    pub errnos: Vec<Errno>,
    /// Arguments.
    pub arguments: Vec<Argument>,
    /// Values of arguments.
    pub values: Vec<Values>,
    /// Starts.
    pub starts: Vec<Start>,
    /// Capability checks.
    pub checks: Vec<Check>,
    /// Who asked for capabilities.
    pub askers: Vec<Asker>,
    /// As whom programs ran.
    pub identities: Vec<Identity>,
    /// Losses.
    pub losses: Vec<Loss>,
}

/// A whole run, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The run's header.
    pub header: Header,
    /// Sealed windows, in order.
    pub windows: Vec<Window>,
    /// Containers.
    pub containers: Vec<Container>,
    /// Programs.
    pub programs: Vec<Program>,
    /// Calls of sealed windows.
    pub calls: Vec<Call>,
    /// Errnos of sealed windows.
    pub errnos: Vec<Errno>,
    /// Arguments of sealed windows.
    pub arguments: Vec<Argument>,
    /// Values of arguments, in sealed windows; none before format 1.4.
    pub values: Vec<Values>,
    /// Starts of sealed windows.
    pub starts: Vec<Start>,
    /// Capability checks of sealed windows; none before format 1.2.
    pub checks: Vec<Check>,
    /// Who asked for capabilities, in sealed windows.
    pub askers: Vec<Asker>,
    /// As whom programs ran, in sealed windows.
    pub identities: Vec<Identity>,
    /// Losses of sealed windows, plus [`LossKind::CutOff`] where the header has no end.
    pub losses: Vec<Loss>,
}
