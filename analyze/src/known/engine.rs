//! Engines' default profiles: what a container without a profile of its own may call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use serde::Deserialize;

use super::{Gate, Host, Source, architecture_name, architectures_named, native, read};
use crate::profile::{Action, Architecture, Condition, Profile, Reason, Rule};
use crate::{abi, names};

/// Newer than any condition on the kernel: what [`EngineDefault::verdict`] assumes.
const NEWEST_KERNEL: (u32, u32) = (u32::MAX, u32::MAX);

/// The default profile of an engine, with the conditions that the engine evaluates when a container starts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineDefault {
    /// `docker`.
    pub engine: String,
    /// Where it comes from.
    pub source: Source,
    capabilities: Capabilities,
    default_action: Action,
    architectures: BTreeMap<String, Vec<String>>,
    rules: Vec<GatedRule>,
}

/// Capabilities that the engine gives a container by default.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Capabilities {
    #[expect(dead_code, reason = "for readers of the file; its presence is checked by reading it")]
    source: Source,
    names: BTreeSet<String>,
}

/// One rule: calls, what to do, and when it applies.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GatedRule {
    calls: Vec<String>,
    action: Action,
    #[serde(default)]
    conditions: Vec<Condition>,
    #[serde(default)]
    only_with: Gate,
    #[serde(default)]
    not_with: Gate,
}

/// What a default profile does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Let through, whatever its arguments.
    Allowed,
    /// Its arguments decide.
    Conditional,
    /// Turned away with this errno.
    Refused(u16),
}

/// The default profile of an engine by its name; `None` where none is known.
pub fn engine_default(engine: &str) -> Option<&'static EngineDefault> {
    static DOCKER: OnceLock<EngineDefault> = OnceLock::new();
    let docker = DOCKER.get_or_init(|| read(include_str!("../../../profiles/engine/docker.json")));
    (docker.engine == engine).then_some(docker)
}

/// The capabilities, `CAP_*`, that an engine gives a container by default; empty where the engine is not known.
pub fn default_capabilities(engine: &str) -> BTreeSet<String> {
    engine_default(engine).map(|default| default.capabilities.names.clone()).unwrap_or_default()
}

impl EngineDefault {
    /// What it does with a call of a container with the capabilities `caps` (`CAP_*`) on a present-day kernel. A call
    /// of a 32-bit architecture is judged as on the 64-bit host that serves it, as the engine does.
    pub fn verdict(&self, name: &str, arch: Architecture, caps: &BTreeSet<String>) -> Verdict {
        let host = Host { architecture: native(arch), capabilities: caps, kernel: NEWEST_KERNEL };
        let rules: Vec<&GatedRule> =
            self.rules_on(host).filter(|rule| rule.calls.iter().any(|call| call == name)).collect();
        if rules.iter().any(|rule| rule.lets_through() && rule.conditions.is_empty()) {
            return Verdict::Allowed;
        }
        if rules.iter().any(|rule| rule.lets_through()) {
            return Verdict::Conditional;
        }
        let action = rules.iter().map(|rule| rule.action).find(|action| matches!(action, Action::Errno(_)));
        Verdict::Refused(errno_of(action.unwrap_or(self.default_action)))
    }

    /// Calls of an architecture that it lets through, whatever their arguments or depending on them.
    pub fn allowed_names(&self, arch: Architecture, caps: &BTreeSet<String>) -> BTreeSet<&'static str> {
        let names = names::known(abi::of(arch)).map(|(_, name)| name);
        names.filter(|name| !matches!(self.verdict(name, arch, caps), Verdict::Refused(_))).collect()
    }

    /// The profile that the engine hands to the runtime on such a host for a container with such capabilities.
    pub fn profile(&self, arch: Architecture, caps: &BTreeSet<String>, kernel: (u32, u32)) -> Profile {
        let host = Host { architecture: native(arch), capabilities: caps, kernel };
        let mut architectures: BTreeSet<Architecture> =
            self.architectures.get(architecture_name(host.architecture)).map(architectures_named).unwrap_or_default();
        architectures.insert(host.architecture);
        let mut rules: Vec<Rule> = self.rules_on(host).flat_map(GatedRule::plain).collect();
        rules.sort_by(|a, b| (&a.name, &a.conditions, a.action).cmp(&(&b.name, &b.conditions, b.action)));
        rules.dedup();
        Profile { default_action: self.default_action, architectures, flags: BTreeSet::new(), rules }
    }

    /// Sets of capabilities for which it lets a call through that it refuses without any; empty where none decides.
    pub(super) fn ties(&'static self, name: &str) -> Vec<Vec<&'static str>> {
        let of_call = |rule: &&GatedRule| rule.lets_through() && rule.calls.iter().any(|call| call == name);
        let sets = self.rules.iter().filter(of_call).map(|rule| &rule.only_with.capabilities);
        let sets: Vec<Vec<&str>> = sets.map(|names| names.iter().map(String::as_str).collect()).collect();
        if sets.iter().any(Vec::is_empty) { Vec::new() } else { sets }
    }

    fn rules_on<'a>(&'a self, host: Host<'a>) -> impl Iterator<Item = &'a GatedRule> {
        self.rules.iter().filter(move |rule| rule.only_with.lets_in(host) && !rule.not_with.keeps_out(host))
    }
}

impl GatedRule {
    fn lets_through(&self) -> bool {
        matches!(self.action, Action::Allow | Action::Log)
    }

    fn plain(&self) -> impl Iterator<Item = Rule> {
        self.calls.iter().map(|name| Rule {
            name: name.clone(),
            action: self.action,
            conditions: self.conditions.clone(),
            reasons: BTreeSet::from([Reason::Given]),
        })
    }
}

/// The errno of an action that gives one; EPERM otherwise, which is what engines' profiles use by default.
fn errno_of(action: Action) -> u16 {
    match action {
        Action::Errno(errno) => errno,
        Action::Allow
        | Action::Log
        | Action::Trace(_)
        | Action::Trap
        | Action::Notify
        | Action::KillThread
        | Action::KillProcess => 1,
    }
}
