//! The header of a run: `run.json`. Written when the run starts, replaced when it ends.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Version of the tables and the header. A reader refuses a newer major version, and reads a newer minor one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SchemaVersion {
    /// Changes when an older reader would misread.
    pub major: u32,
    /// Changes when columns or header fields are added.
    pub minor: u32,
}

impl SchemaVersion {
    /// What this build writes.
    pub const CURRENT: Self = Self { major: 1, minor: 4 };

    /// The first with values of arguments.
    pub const WITH_VALUES: Self = Self { major: 1, minor: 4 };
}

/// What a run is, where and how it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the format.
    pub schema: SchemaVersion,
    /// The run's id, also in the folder's name.
    pub run: String,
    /// Version of the ctrec that recorded.
    pub ctrec_version: String,
    /// Host name.
    pub host: String,
    /// `uname -r`.
    pub kernel: String,
    /// `uname -m`.
    pub arch: String,
    /// How cgroups are mounted.
    pub cgroups: CgroupLayout,
    /// The kernel hooks that recorded.
    pub hooks: Vec<Hook>,
    /// Host sysctls that change what workloads do: `net.ipv4.ip_unprivileged_port_start`, `net.ipv4.ping_group_range`.
    pub sysctls: BTreeMap<String, String>,
    /// What the user asked for.
    pub settings: Settings,
    /// Start, ns since the epoch.
    pub started_ns: i64,
    /// End, ns since the epoch; `None` while it runs, after a crash, and where its last windows could not be written.
    pub ended_ns: Option<i64>,
    /// Why it ended; `None` also where another run continues it.
    pub end: Option<End>,
    /// The run of the same recording that came before: the recorder ended it and went on in this one, and nothing was
    /// lost between them. Since format 1.3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<String>,
    /// What recording it cost; `None` where it has not ended. Since format 1.3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

impl Header {
    /// Whether the recording went on in another run, whose `continues` names this one.
    pub fn is_continued(&self) -> bool {
        self.ended_ns.is_some() && self.end.is_none()
    }
}

/// What a recording itself cost. Since format 1.3.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// CPU time of the recorder, in user space and in the kernel on its behalf, ns.
    pub recorder_ns: u64,
    /// Most memory that the recorder ever had resident, bytes.
    pub recorder_bytes: Option<u64>,
    /// Memory of its programs and maps in the kernel, bytes.
    pub kernel_bytes: Option<u64>,
    /// What its programs cost everybody else; `None` where the kernel does not measure it (before Linux 5.8, or without
    /// the privilege).
    pub programs: Option<ProgramsCost>,
}

/// Run time of the recorder's kernel programs, in samples: measuring it costs two readings of the clock for each run of
/// any program of the host, so it is done for a moment in every minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramsCost {
    /// How long was measured, ns.
    pub sampled_ns: u64,
    /// How long programs ran in that time, all CPUs together, ns.
    pub run_ns: u64,
    /// How often.
    pub runs: u64,
}

/// How cgroup hierarchies are mounted on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CgroupLayout {
    /// v2 alone.
    V2,
    /// v1 controllers and a v2 hierarchy beside them.
    Hybrid,
    /// v1 alone.
    V1,
}

/// One kernel hook of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// Section name: `tp_btf/sys_exit`.
    pub name: String,
    /// What it cannot see on this kernel; empty where it sees all that is asked of it.
    pub blind_to: Vec<String>,
}

/// What the user asked `record` for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Length of a window, ns.
    pub window_ns: u64,
    /// `--container` patterns; empty: all.
    pub containers: Vec<String>,
    /// The command of `record -- COMMAND`.
    pub command: Option<Vec<String>>,
}

/// Why a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// `--duration` was over.
    Duration,
    /// SIGINT or SIGTERM.
    Signal,
    /// The command ended, with this exit code (128 + n for signal n).
    Command {
        /// The command's exit code.
        code: i32,
    },
    /// The recorder failed; the message says how.
    Failure {
        /// What went wrong.
        message: String,
    },
}
