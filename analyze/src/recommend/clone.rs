//! The rule of `clone`: new namespaces only where the workload made some.

use std::collections::BTreeSet;

use super::fate::{Bits, Fate, Filters};
use crate::behaviour::{Behaviour, CallId};
use crate::policy::Policy;
use crate::profile::{Condition, Operator};

/// The call that the rule is about. `clone3` takes its flags from memory, where no filter can look.
pub(super) const NAME: &str = "clone";

/// All flags of `clone` that make a namespace, time namespaces aside, whose bit means something else here.
const NAMESPACE_FLAGS: u64 = 0x7E02_0000;

const NAMES: [(u64, &str); 7] = [
    (0x0002_0000, "CLONE_NEWNS"),
    (0x0200_0000, "CLONE_NEWCGROUP"),
    (0x0400_0000, "CLONE_NEWUTS"),
    (0x0800_0000, "CLONE_NEWIPC"),
    (0x1000_0000, "CLONE_NEWUSER"),
    (0x2000_0000, "CLONE_NEWPID"),
    (0x4000_0000, "CLONE_NEWNET"),
];

/// Namespace flags that `clone` was called with in the wanted phases and origins.
#[derive(Debug, Default)]
pub(super) struct Flags {
    /// Those that no filter in force turned away.
    pub(super) used: u64,
    /// Those that a filter in force turned away.
    pub(super) refused: u64,
    /// Programs that used them. Hostile text.
    pub(super) programs: BTreeSet<String>,
}

pub(super) fn flags(behaviour: &Behaviour, policy: &Policy, filters: &Filters) -> Flags {
    let mut flags = Flags::default();
    for (instance, call, source, index, value, _) in behaviour.arguments() {
        let namespaces = value & NAMESPACE_FLAGS;
        if !is_clone(call) || index != 0 || namespaces == 0 || !policy.wants(source.origin, source.phase) {
            continue;
        }
        let bits = Bits { index, value: namespaces, mask: NAMESPACE_FLAGS };
        let outcome = behaviour.outcome(instance, call, source);
        let never_made = outcome.is_some_and(|outcome| filters.fate(instance, call, outcome) == Fate::Refused);
        if never_made || filters.refuse(instance, NAME, bits) {
            flags.refused |= namespaces;
        } else {
            flags.used |= namespaces;
            flags.programs.insert(source.program.to_string());
        }
    }
    flags
}

impl Flags {
    /// None of the namespace flags, unless the workload used some: a filter cannot tell which process it is that asks.
    pub(super) fn conditions(&self) -> Vec<Condition> {
        if self.used != 0 {
            return Vec::new();
        }
        vec![Condition { index: 0, value: NAMESPACE_FLAGS, value_two: 0, operator: Operator::MaskedEqual }]
    }
}

/// The flags' names.
pub(super) fn names(flags: u64) -> Vec<&'static str> {
    NAMES.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect()
}

fn is_clone(call: CallId) -> bool {
    call.name() == Some(NAME)
}
