//! A profile against the default of the engine that ran the container.
//!
//! Lives here: which default a container is measured by, and the counts. Does not: what to make of the difference.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::behaviour::{Behaviour, CallId};
use crate::known::{self, EngineDefault, Verdict};
use crate::profile::{Architecture, Profile};
use crate::{abi, names};

/// The engine by whose default a container is measured where its own engine's is not known.
const MEASURE: &str = "docker";

/// The default that a container would run under, and for which capabilities.
#[derive(Debug)]
pub struct Measure {
    default: Option<&'static EngineDefault>,
    /// The engine whose default it is.
    pub engine: String,
    /// The container's capabilities; the engine's own choice where no bundle was found.
    pub capabilities: BTreeSet<String>,
    /// Native architecture.
    pub architecture: Architecture,
}

/// A profile in numbers, over the calls that the native architecture has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// The engine whose default it is measured by.
    pub engine: String,
    /// Calls that the profile allows, some of them by their arguments.
    pub allowed: usize,
    /// Calls that the engine's default allows a container with the same capabilities.
    pub allowed_by_default: usize,
    /// Calls that the architecture has.
    pub known: usize,
    /// Calls that the profile allows and the engine's default refuses.
    pub beyond_default: BTreeSet<String>,
}

impl Measure {
    /// The default that the containers of a behaviour are measured by. Capabilities are those of all of them together.
    pub fn of(behaviour: &Behaviour) -> Self {
        let engines: BTreeSet<&str> = behaviour.containers().values().map(|facts| facts.engine.as_str()).collect();
        let own = engines.into_iter().find(|engine| known::engine_default(engine).is_some());
        let engine = own.unwrap_or(MEASURE).to_owned();
        let mut granted = behaviour.containers().values().filter_map(|facts| facts.capabilities.as_ref()).peekable();
        let capabilities = match granted.peek() {
            Some(_) => granted.flatten().cloned().collect(),
            None => known::default_capabilities(&engine),
        };
        let machine = behaviour.runs().values().find_map(|run| abi::native(&run.machine));
        let architecture = abi::architecture(machine.unwrap_or(ctrec_recording::Abi::X86_64));
        Self { default: known::engine_default(&engine), engine, capabilities, architecture }
    }

    /// What the default does with a call; `None` for one without a name.
    pub fn verdict(&self, call: CallId) -> Option<Verdict> {
        if call.is_unfiltered() {
            return Some(Verdict::Allowed);
        }
        Some(self.default?.verdict(call.name()?, abi::architecture(call.abi), &self.capabilities))
    }

    /// A profile in numbers.
    pub fn compare(&self, profile: &Profile) -> Comparison {
        let known: BTreeSet<&str> = names::known(abi::of(self.architecture)).map(|(_, name)| name).collect();
        let allowed: BTreeSet<&str> = profile.allowed().into_iter().filter(|name| known.contains(name)).collect();
        let by_default = self
            .default
            .map(|default| default.allowed_names(self.architecture, &self.capabilities))
            .unwrap_or_default();
        Comparison {
            engine: self.engine.clone(),
            allowed: allowed.len(),
            allowed_by_default: by_default.len(),
            known: known.len(),
            beyond_default: allowed
                .iter()
                .filter(|name| !by_default.contains(*name))
                .map(|&name| name.to_owned())
                .collect(),
        }
    }
}
