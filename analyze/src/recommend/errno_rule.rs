//! The errno rule: what an unlisted call gets.
//!
//! Programs and runtimes fall back to an older call on ENOSYS alone, so a call that is merely new must look absent.

use std::collections::{BTreeMap, BTreeSet};

use crate::policy::Dialect;
use crate::profile::{Action, Architecture, Reason, Rule};
use crate::{abi, known, names};

const EPERM: u16 = 1;
const ENOSYS: u16 = 38;
/// End of the numbers that all architectures share; x32's and Arm's own calls lie beyond.
const SHARED_END: i64 = 512;

/// Adds explicit rules for unlisted calls and tells the default action.
///
/// docker: refuse by default, and say ENOSYS for each new call by name, since older engines drop a default errno without
/// a word. oci: say ENOSYS by default, which also covers calls that no table knows yet, and refuse by name what has been
/// dangerous for long. In both, what the recording's own filter refused with the explicit errno gets it again: with that
/// answer the workload was seen to work.
pub(super) fn apply(
    dialect: Dialect,
    architectures: &BTreeSet<Architecture>,
    refused: &BTreeMap<&'static str, BTreeSet<i32>>,
    rules: &mut Vec<Rule>,
) -> Action {
    let (default, explicit, mut calls) = match dialect {
        Dialect::Docker => (EPERM, ENOSYS, new_calls(architectures)),
        Dialect::Oci => (ENOSYS, EPERM, dangerous_calls(architectures)),
    };
    let same = BTreeSet::from([i32::from(explicit)]);
    calls.extend(refused.iter().filter(|(_, errnos)| **errnos == same).map(|(name, _)| *name));
    let listed: BTreeSet<String> = rules.iter().map(|rule| rule.name.clone()).collect();
    let unlisted = calls.into_iter().filter(|name| !listed.contains(*name));
    rules.extend(unlisted.map(|name| Rule {
        name: name.to_owned(),
        action: Action::Errno(explicit),
        conditions: Vec::new(),
        reasons: BTreeSet::from([Reason::ErrnoRule]),
    }));
    Action::Errno(default)
}

fn new_calls(architectures: &BTreeSet<Architecture>) -> BTreeSet<&'static str> {
    let new = known::enosys_floor()..SHARED_END;
    let calls = architectures.iter().flat_map(|architecture| names::known(abi::of(*architecture)));
    calls.filter(|(number, _)| new.contains(&(number & !names::X32_BIT))).map(|(_, name)| name).collect()
}

fn dangerous_calls(architectures: &BTreeSet<Architecture>) -> BTreeSet<&'static str> {
    let exists =
        |name: &str| architectures.iter().any(|architecture| names::number(abi::of(*architecture), name).is_some());
    known::dangerous().iter().map(|call| call.name).filter(|name| exists(name)).collect()
}
