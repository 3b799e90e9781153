//! The user's choices.
//!
//! Lives here: what the command line may change about a recommendation. Does not: the recommendation.

use std::collections::BTreeSet;

use ctrec_recording::{Origin, Phase};

/// The text form that a profile is made for. Chooses the errno rule too, since consumers differ in what they read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Dialect {
    /// `docker run --security-opt seccomp=FILE`.
    #[default]
    Docker,
    /// `linux.seccomp` of an OCI bundle's `config.json`.
    Oci,
}

/// Which container runtimes a profile is to start under: for those it holds what the runtime itself calls with the
/// filter in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Baseline {
    /// runc and crun, with and without `no_new_privs`, whatever was recorded: a profile is seldom used only where it was
    /// made.
    #[default]
    Any,
    /// The container's own, with its own `no_new_privs`, and of it only what the recording could not show.
    Recorded,
    /// runc, with and without `no_new_privs`.
    Runc,
    /// crun, with and without `no_new_privs`.
    Crun,
}

/// What to make of a behaviour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What the profile is for.
    pub dialect: Dialect,
    /// Phases to allow. [`Phase::Setup`] never is, whatever stands here.
    pub phases: BTreeSet<Phase>,
    /// Origins to allow; without [`Origin::Exec`], `docker exec` and health checks may fail under the profile.
    pub origins: BTreeSet<Origin>,
    /// Runtimes that the profile is to start under.
    pub baseline: Baseline,
    /// Names to allow in any case.
    pub include: BTreeSet<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            dialect: Dialect::default(),
            phases: BTreeSet::from([Phase::Runtime, Phase::Workload]),
            origins: BTreeSet::from([Origin::Init, Origin::Exec]),
            baseline: Baseline::default(),
            include: BTreeSet::new(),
        }
    }
}

impl Policy {
    /// Whether calls of this origin and phase belong in the profile.
    pub fn wants(&self, origin: Origin, phase: Phase) -> bool {
        phase != Phase::Setup && self.phases.contains(&phase) && self.origins.contains(&origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_up_is_never_wanted() {
        let mut policy = Policy::default();
        policy.phases.insert(Phase::Setup);
        assert!(!policy.wants(Origin::Init, Phase::Setup));
        assert!(policy.wants(Origin::Exec, Phase::Workload));
        policy.origins.remove(&Origin::Exec);
        assert!(!policy.wants(Origin::Exec, Phase::Workload));
    }
}
