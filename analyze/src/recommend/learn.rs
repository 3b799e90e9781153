//! A profile to record under: a filter is in force, so that set-up ends exactly where one comes into force, and it
//! refuses nothing, so that nothing is hidden.
//!
//! Lives here: that profile, and the words that point to it. Does not: its text forms (see `dialect`).

use std::collections::BTreeSet;

use crate::abi;
use crate::behaviour::Behaviour;
use crate::known::{CRUN, RUNC};
use crate::profile::{Action, Profile};

/// Name of its file in lines that are meant to be pasted.
pub(crate) const LEARNED: &str = "learn.json";

/// The profile that lets every call through, on any machine.
///
/// It lists every architecture there is: through one that is not listed, libseccomp's filter kills, whatever the default
/// says. Measured with libseccomp 2.5.4 under runc 1.1.5 and crun 1.8.1 on x86-64: without X86 `int 0x80` kills, without
/// X32 a number from 0x40000000 up, which a kernel without x32 answers with ENOSYS; an architecture of another machine
/// changes nothing. Neither rules nor flags are needed for the filter to be loaded.
pub fn learn() -> Profile {
    Profile {
        default_action: Action::Allow,
        architectures: abi::ALL.into_iter().map(abi::architecture).collect(),
        flags: BTreeSet::new(),
        rules: Vec::new(),
    }
}

/// How to record these containers with nothing refused.
pub(super) fn way_out(behaviour: &Behaviour) -> String {
    if is_of_plain_runtimes(behaviour) {
        format!(
            "record under a filter that refuses nothing: ctrec recommend --learn --dialect oci > {LEARNED}, as \
             linux.seccomp of the bundle's config.json"
        )
    } else {
        format!(
            "record under a filter that refuses nothing: ctrec recommend --learn > {LEARNED}, then docker run \
             --security-opt seccomp={LEARNED}"
        )
    }
}

/// Whether no engine stands above the runtime, which reads a bundle's `config.json` and no profile of docker's.
pub(crate) fn is_of_plain_runtimes(behaviour: &Behaviour) -> bool {
    let mut engines = behaviour.containers().values().map(|facts| facts.engine.as_str()).peekable();
    engines.peek().is_some() && engines.all(|engine| [RUNC, CRUN].contains(&engine))
}
