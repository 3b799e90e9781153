//! Capability checks and identities of one container in one run, summed over the run's windows.
//!
//! A kind of check is known by what it is, never by its number: the numbers are each run's own.
//!
//! Lives here: the sums, and folding the tables into them. Does not: what a check means (see `capabilities`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ctrec_recording::{Asker, Audit, Cause, Check, Ended, Namespace, Recording, Whose};

use super::deeds::add;
use super::{CallId, Seen, Source};

/// A kind of capability check: everything but how its call ended.
#[expect(clippy::struct_excessive_bools, reason = "each is a column")]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckKind {
    /// Where it came from.
    pub source: Source,
    /// The call that it was asked in; its number is -1 where there was none ([`Ended::NoCall`]).
    pub call: CallId,
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
    /// The capability was in the bounding set.
    pub bounded: bool,
    /// The credentials were root's.
    pub root: bool,
    /// The call does the same without.
    pub needless: bool,
}

/// How a call ended in which a capability was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckEnd {
    /// In what way.
    pub ended: Ended,
    /// The errno of [`Ended::Failed`]; 0 otherwise.
    pub errno: i32,
}

/// How often and when a kind of check was made whose call ended in one way.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckCount {
    /// How often.
    pub count: u64,
    /// First and last time.
    pub seen: Option<Seen>,
}

/// Kernel functions that asked, in one sample.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stack {
    /// The one that asked; empty where no symbol is known.
    pub function: Arc<str>,
    /// All, the innermost first, from the one that asked.
    pub frames: Vec<Arc<str>>,
}

/// Everything seen of one kind of check.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckFacts {
    /// How often, by how the call ended. Exact.
    pub ends: BTreeMap<CheckEnd, CheckCount>,
    /// Who asked, in how many samples.
    pub askers: BTreeMap<Stack, u64>,
}

/// As whom a program ran.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdentityKey {
    /// The program, and as what.
    pub source: Source,
    /// What the credentials came from.
    pub cause: Cause,
    /// Their user namespace.
    pub holder: Namespace,
    /// Effective user, as the initial user namespace numbers it.
    pub user: u32,
    /// It is the root user of its user namespace.
    pub root: bool,
    /// The set-user-id bit of the file took effect.
    pub set_user_id: bool,
    /// Permitted set before; of a capset only.
    pub before: u64,
    /// Permitted set after.
    pub permitted: u64,
    /// Ambient set after.
    pub ambient: u64,
    /// Bounding set.
    pub bounding: u64,
}

/// The file capabilities of a program.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileCapabilities {
    /// `CAP_*` names that the file permits.
    pub names: BTreeSet<String>,
    /// A file of this path was not read: its container was gone.
    pub unread: bool,
}

impl CheckFacts {
    /// Adds what was seen elsewhere.
    pub(super) fn add(&mut self, other: &Self) {
        for (end, count) in &other.ends {
            self.ends.entry(*end).or_default().add(count);
        }
        for (stack, samples) in &other.askers {
            add(self.askers.entry(stack.clone()).or_default(), *samples);
        }
    }
}

impl CheckCount {
    fn add(&mut self, other: &Self) {
        add(&mut self.count, other.count);
        self.seen = match (self.seen, other.seen) {
            (Some(a), Some(b)) => {
                Some(Seen { first_ns: a.first_ns.min(b.first_ns), last_ns: a.last_ns.max(b.last_ns) })
            }
            (a, b) => a.or(b),
        };
    }
}

impl FileCapabilities {
    /// Adds those of another file of the same path.
    pub(super) fn add(&mut self, other: &Self) {
        self.names.extend(other.names.iter().cloned());
        self.unread |= other.unread;
    }
}

/// The kind and the sum that a row of the table of checks belongs to.
pub(super) fn of_row(row: &Check, source: Source) -> (CheckKind, CheckFacts) {
    let kind = CheckKind {
        source,
        call: CallId { abi: row.abi, number: row.number },
        capability: row.capability,
        granted: row.granted,
        audit: row.audit,
        credentials: row.credentials,
        target: row.target,
        holder: row.holder,
        bounded: row.bounded,
        root: row.root,
        needless: row.needless,
    };
    let end = CheckEnd { ended: row.ended, errno: row.errno };
    let seen = Some(Seen { first_ns: row.first_ns, last_ns: row.last_ns });
    let ends = BTreeMap::from([(end, CheckCount { count: row.count, seen })]);
    (kind, CheckFacts { ends, askers: BTreeMap::new() })
}

/// Samples of each numbered kind of check of each container.
pub(super) type Samples = BTreeMap<(u32, u32), BTreeMap<Stack, u64>>;

/// Reads the samples of a run. The error is that of a stack which is no list of names, with its container.
pub(super) fn samples(recording: &Recording) -> Result<Samples, (u32, serde_json::Error)> {
    let mut samples = Samples::new();
    for row in &recording.askers {
        let stack = stack(row).map_err(|error| (row.container, error))?;
        add(samples.entry((row.container, row.check)).or_default().entry(stack).or_default(), row.samples);
    }
    Ok(samples)
}

fn stack(row: &Asker) -> serde_json::Result<Stack> {
    let frames: Vec<String> = serde_json::from_str(&row.stack_json)?;
    Ok(Stack { function: Arc::from(row.function.as_str()), frames: frames.into_iter().map(Arc::from).collect() })
}
