//! From capability checks and identities to the capabilities that a container needs, each with its reasons.
//!
//! A check is a question of the kernel, not a need: most are probes, are asked with others' credentials, or are denied
//! and harmless. So each row of the table of checks gets a [`Class`], and only [`Class::Need`] makes a need. Besides
//! there are needs that leave no check (see `silent`).
//!
//! Lives here: the class of each row, and what follows from all together. Does not: what is known of kernel functions
//! and capabilities (see `known`), or how the list looks (see `report`).

mod class;
mod findings;
mod pairs;
mod reasons;
mod rows;
mod silent;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use ctrec_recording::{Abi, Origin, Phase};
use serde::Serialize;

pub use class::Class;

use crate::behaviour::Behaviour;
use crate::finding::Finding;
use crate::policy::Policy;
use rows::Rows;

/// The capabilities that a behaviour needs, and everything that was asked besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// What is needed, sorted by name.
    pub needs: Vec<Need>,
    /// What was asked for and is not needed, sorted by class.
    pub apart: Vec<Apart>,
    /// What counted the checks.
    pub hook: Hook,
    /// What the user must know, gravest first.
    pub findings: Vec<Finding>,
}

/// One capability that is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Need {
    /// `CAP_*`.
    pub capability: String,
    /// What for.
    pub reasons: Vec<Reason>,
}

/// What a capability is needed for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Reason {
    /// How it is known.
    pub kind: ReasonKind,
    /// Path of the program as the container sees it. Hostile text.
    pub program: String,
    /// Origin of the process.
    pub origin: Origin,
    /// The call that asked, by name or by ABI and number.
    pub call: Option<String>,
    /// ABI of the call.
    pub abi: Option<Abi>,
    /// Kernel functions that asked. Sampled.
    pub functions: Vec<Function>,
    /// How often. Exact.
    pub count: u64,
    /// What for, in words that follow the program's name.
    pub why: String,
}

/// How a need is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonKind {
    /// The kernel asked, granted it, and the call succeeded.
    Check,
    /// A file that was executed has it.
    FileCapabilities,
    /// A program set its capabilities to a list of its own.
    Capset,
    /// A program raised it in its ambient set.
    Ambient,
}

/// A kernel function that asked, and how often it was seen to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Function {
    /// Its name; empty where no symbol is known.
    pub name: String,
    /// In how many samples.
    pub samples: u64,
}

/// A kind of check that made no need.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Apart {
    /// `CAP_*`.
    pub capability: String,
    /// Why it made none.
    pub class: Class,
    /// The verdict.
    pub granted: bool,
    /// Path of the program as the container sees it. Hostile text.
    pub program: String,
    /// Origin of the process.
    pub origin: Origin,
    /// Phase of the process.
    pub phase: Phase,
    /// The call that asked, by name or by ABI and number; `None` outside of a call.
    pub call: Option<String>,
    /// ABI of the call.
    pub abi: Option<Abi>,
    /// How the call ended.
    pub ended: &'static str,
    /// With which errno.
    pub errno: Option<String>,
    /// Kernel functions that asked. Sampled.
    pub functions: Vec<Function>,
    /// How often. Exact.
    pub count: u64,
    /// The class in words.
    pub why: String,
}

/// The kernel hooks that counted checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hook {
    /// Their names, with commas between.
    pub name: String,
    /// What one of them could not see.
    pub blind_to: Vec<String>,
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum CapabilityError {
    /// No run was folded.
    #[error("nothing was recorded, so no capability can be told to be needed: record first")]
    NothingRecorded,
    /// No run counted capability checks.
    #[error(
        "{} recorded without capability checks, by an older ctrec or on a kernel without a hook for them (ctrec doctor \
         tells), so nobody knows which are needed: record again",
        were(.runs)
    )]
    NotCounted {
        /// Ids of the runs.
        runs: Vec<String>,
    },
}

fn were(runs: &[String]) -> String {
    match runs {
        [run] => format!("run {run} was"),
        _ => format!("runs {} were", runs.join(", ")),
    }
}

impl Capabilities {
    /// The capabilities that a behaviour needs, under a policy, which says whether those of `docker exec` count.
    pub fn of(behaviour: &Behaviour, policy: &Policy) -> Result<Self, CapabilityError> {
        let hook = Hook::of(behaviour)?;
        let rows = Rows::of(behaviour, policy);
        let judged = rows.judge();
        let mut pieces = reasons::of_checks(&judged);
        let mut apart = reasons::apart(&judged);
        let silent = silent::all(behaviour, policy);
        pieces.extend(silent.needs);
        apart.extend(silent.apart);
        apart.sort_by(|a, b| (a.class, a).cmp(&(b.class, b)));
        let needs = reasons::gather(pieces);
        let names: BTreeSet<&str> = needs.iter().map(|need| need.capability.as_str()).collect();
        let findings =
            findings::all(&findings::Evidence { behaviour, policy, judged: &judged, needed: &names, hook: &hook });
        Ok(Self { needs, apart, hook, findings })
    }

    /// Names of what is needed, without `CAP_`, as engines want them. What has no name yet is not among them.
    pub fn names(&self) -> Vec<&str> {
        let known = self.needs.iter().filter(|need| crate::known::capability_number(&need.capability).is_some());
        known.map(|need| need.capability.trim_start_matches("CAP_")).collect()
    }

    /// Options of `docker run` and of `ctrec run`, on one line.
    pub fn flags(&self) -> String {
        let adds = self.names().into_iter().map(|name| format!(" --cap-add={name}"));
        format!("--cap-drop=ALL{}", adds.collect::<String>())
    }
}

impl Hook {
    fn of(behaviour: &Behaviour) -> Result<Self, CapabilityError> {
        if behaviour.runs().is_empty() {
            return Err(CapabilityError::NothingRecorded);
        }
        let hooks = || behaviour.runs().values().flat_map(|run| &run.capability_hooks);
        if hooks().next().is_none() {
            let runs = behaviour.runs().keys().map(|run| crate::text::visible(run)).collect();
            return Err(CapabilityError::NotCounted { runs });
        }
        let names: BTreeSet<&str> = hooks().map(|(name, _)| name.as_str()).collect();
        let blind_to: BTreeSet<&String> = hooks().flat_map(|(_, blind)| blind).collect();
        Ok(Self {
            name: names.into_iter().collect::<Vec<_>>().join(", "),
            blind_to: blind_to.into_iter().cloned().collect(),
        })
    }
}
