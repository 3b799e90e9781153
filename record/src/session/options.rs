//! What a caller asks for.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use ctrec_recording::Format;

use crate::check_hook::CheckHook;
use crate::containers::{Basis, Matcher};
use crate::privileges::Confine;

/// What to record.
pub struct Options {
    /// Store to append a run to.
    pub store: PathBuf,
    /// How its tables are written.
    pub format: Format,
    /// Length of a window.
    pub window: Duration,
    /// How long; `None`: until a signal or the command's end.
    pub duration: Option<Duration>,
    /// How often to tell how far it has come, besides once a window.
    pub tick: Option<Duration>,
    /// Most bytes that the whole store may take: the oldest runs go first.
    pub most_bytes: Option<u64>,
    /// What to record.
    pub target: Target,
    /// Count exactly what filters answered, by a second hook.
    pub exact_refusals: bool,
    /// The hook on capability checks; `None`: the first that is heard.
    pub check_hook: Option<CheckHook>,
    /// Version that goes into the header.
    pub ctrec_version: String,
    /// User and group that the store is left to.
    pub owner: Option<(u32, u32)>,
    /// How ctrec's processes lose what they do not need any more; `None`: they keep all that they were started with.
    pub confine: Option<Box<Confine>>,
    /// Most entries of the kernel side's tables, by name, where that is to be less than they have room for: what is
    /// said when one is full is the same, and it takes less to fill it.
    pub tables: BTreeMap<String, u32>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Options").field("store", &self.store).finish_non_exhaustive()
    }
}

/// Whom to record.
pub enum Target {
    /// Containers of this host, those that run and those to come.
    Containers {
        /// What the user wrote.
        patterns: Vec<String>,
        /// Whether a container is meant.
        matches: Matcher,
        /// What that looks at.
        basis: Basis,
    },
    /// A command, started now.
    Command(Vec<OsString>),
}

impl std::fmt::Debug for Target {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Containers { patterns, .. } => out.debug_tuple("Containers").field(patterns).finish(),
            Self::Command(command) => out.debug_tuple("Command").field(command).finish(),
        }
    }
}
