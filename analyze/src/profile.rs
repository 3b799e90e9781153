//! A profile, free of any dialect: rules with their evidence.
//!
//! Lives here: the type, and the questions one asks of it. Does not: any text form (see `dialect`), any kernel filter
//! (see `ctrec-enforce`).

use std::collections::{BTreeMap, BTreeSet};

pub use ctrec_recording::Abi;
use ctrec_recording::{Origin, Phase};
use serde::{Deserialize, Serialize};

/// What to do with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Let it through.
    Allow,
    /// Let it through and log it.
    Log,
    /// Turn it away with this errno.
    Errno(u16),
    /// Hand it to a tracer with this message.
    Trace(u16),
    /// Send SIGSYS.
    Trap,
    /// Ask a listener in user space.
    Notify,
    /// Kill the thread.
    KillThread,
    /// Kill the process.
    KillProcess,
}

/// How a condition compares an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// argument != value
    NotEqual,
    /// argument < value
    LessThan,
    /// argument <= value
    LessOrEqual,
    /// argument == value
    Equal,
    /// argument >= value
    GreaterOrEqual,
    /// argument > value
    GreaterThan,
    /// (argument & value) == `value_two`
    MaskedEqual,
}

/// One condition on one argument. All conditions of a rule must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Condition {
    /// Index of the argument, 0 to 5.
    pub index: u32,
    /// Value, or the mask of [`Operator::MaskedEqual`].
    pub value: u64,
    /// Second value of [`Operator::MaskedEqual`].
    pub value_two: u64,
    /// How to compare.
    pub operator: Operator,
}

/// Why a rule is there. Ordered: what was observed comes first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Seen in the recording.
    Observed {
        /// Program that made it, as the container sees its path.
        program: String,
        /// Origin.
        origin: Origin,
        /// Phase.
        phase: Phase,
        /// ABI.
        abi: Abi,
        /// How often, over all runs.
        count: u64,
    },
    /// The container runtime needs it under the filter; from `profiles/`.
    Runtime {
        /// Which baseline: `runc 1.1.5, run, no_new_privs=false`.
        baseline: String,
    },
    /// Any program may need it at any time; from `profiles/`.
    Always {
        /// Why, in a few words.
        why: String,
    },
    /// The errno rule: an unlisted call that must look absent rather than forbidden, or forbidden rather than absent.
    ErrnoRule,
    /// The user asked for it.
    Included,
    /// Read from a profile that a user gave; nothing more is known.
    Given,
}

/// What to do with one call by name. Rules are about names: one name covers its number in every architecture listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Call name as libseccomp knows it.
    pub name: String,
    /// What to do.
    pub action: Action,
    /// Conditions on arguments; empty: always.
    pub conditions: Vec<Condition>,
    /// Why, sorted.
    pub reasons: BTreeSet<Reason>,
}

/// Seccomp architecture. Named as OCI does, without `SCMP_ARCH_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Architecture {
    /// 64-bit x86.
    #[serde(rename = "X86_64")]
    X86_64,
    /// 32-bit x86.
    X86,
    /// x32.
    X32,
    /// 64-bit Arm.
    Aarch64,
    /// 32-bit Arm.
    Arm,
}

/// A seccomp profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// What happens to calls without a rule.
    pub default_action: Action,
    /// Architectures it lists. The native one is in force in any case, but runc's answer to calls that are newer than
    /// the profile is given only where the architecture is listed.
    pub architectures: BTreeSet<Architecture>,
    /// Filter flags as OCI names them: `SECCOMP_FILTER_FLAG_LOG`.
    pub flags: BTreeSet<String>,
    /// Rules, in the order in which a runtime hands them to libseccomp. Of those of one name, the first without
    /// conditions decides alone; without one, they are alternatives.
    pub rules: Vec<Rule>,
}

impl Profile {
    /// Rules of a name, in their order.
    pub fn rules_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Rule> {
        self.rules.iter().filter(move |rule| rule.name == name)
    }

    /// Names that some rule allows, conditionally or not.
    pub fn allowed(&self) -> BTreeSet<&str> {
        self.rules
            .iter()
            .filter(|rule| matches!(rule.action, Action::Allow | Action::Log))
            .map(|rule| rule.name.as_str())
            .collect()
    }

    /// Rules grouped by what they do, for dialects that list names together. Their order is lost, and with it which of
    /// two rules that contradict each other decides.
    pub fn by_effect(&self) -> BTreeMap<(Action, Vec<Condition>), BTreeSet<&str>> {
        let mut groups: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
        for rule in &self.rules {
            groups.entry((rule.action, rule.conditions.clone())).or_default().insert(&rule.name);
        }
        groups
    }
}
