//! What container runtimes call between the moment that the filter is in force and the container's first program.
//! A profile without these calls does not start.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use ctrec_recording::Origin;
use serde::Deserialize;

use super::{Source, read};

/// The runtime of Docker and of plain containers, as recordings name it.
pub const RUNC: &str = "runc";

/// The runtime of podman and of plain containers, as recordings name it.
pub const CRUN: &str = "crun";

/// A call that a runtime makes with the filter in force.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BaselineCall {
    /// Name.
    pub name: &'static str,
    /// Which baseline: `runc 1.1, run, no_new_privs=false`.
    pub baseline: String,
    /// What the runtime does with it.
    pub why: &'static str,
    /// Whether every start makes it.
    pub need: Need,
    /// How that is known.
    pub source: &'static Source,
}

/// How surely a start needs a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Every start makes it; without it none succeeds.
    Always,
    /// Some starts make it, by timing or by the container's settings. A recording may have missed it.
    Sometimes,
}

/// `profiles/runtime/*.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuntimeFile {
    runtime: String,
    versions: Vec<Versions>,
    why: BTreeMap<String, String>,
}

/// Versions of a runtime that behave alike, or are taken to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Versions {
    range: String,
    source: Source,
    baselines: Vec<Baseline>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Baseline {
    origin: Origin,
    no_new_privs: bool,
    always: Vec<String>,
    sometimes: Vec<String>,
}

/// The calls that a runtime (`runc`, `crun`) makes with the filter in force, for starts of an origin, sorted; one
/// entry for each baseline that has the call. What is not known (`None`, or a runtime without data) is answered with
/// the union of everything it could be.
pub fn runtime_baseline(runtime: Option<&str>, no_new_privs: Option<bool>, origin: Origin) -> Vec<BaselineCall> {
    let known = files().iter().any(|file| Some(file.runtime.as_str()) == runtime);
    let mut calls = Vec::new();
    for file in files().iter().filter(|file| !known || Some(file.runtime.as_str()) == runtime) {
        for versions in &file.versions {
            for baseline in versions.baselines.iter().filter(|baseline| baseline.may_apply(origin, no_new_privs)) {
                calls.extend(baseline.calls(file, versions));
            }
        }
    }
    calls.sort();
    calls
}

fn files() -> &'static [RuntimeFile; 2] {
    static FILES: OnceLock<[RuntimeFile; 2]> = OnceLock::new();
    FILES.get_or_init(|| {
        [
            read(include_str!("../../../profiles/runtime/crun.json")),
            read(include_str!("../../../profiles/runtime/runc.json")),
        ]
    })
}

impl Baseline {
    fn may_apply(&self, origin: Origin, no_new_privs: Option<bool>) -> bool {
        self.origin == origin && no_new_privs.is_none_or(|known| known == self.no_new_privs)
    }

    fn calls(
        &'static self,
        file: &'static RuntimeFile,
        versions: &'static Versions,
    ) -> impl Iterator<Item = BaselineCall> {
        let verb = match self.origin {
            Origin::Init => "run",
            Origin::Exec => "exec",
        };
        let baseline = format!("{} {}, {verb}, no_new_privs={}", file.runtime, versions.range, self.no_new_privs);
        let always = self.always.iter().map(|name| (name.as_str(), Need::Always));
        let sometimes = self.sometimes.iter().map(|name| (name.as_str(), Need::Sometimes));
        always.chain(sometimes).map(move |(name, need)| BaselineCall {
            name,
            baseline: baseline.clone(),
            why: file.why.get(name).map(String::as_str).unwrap_or_default(),
            need,
            source: &versions.source,
        })
    }
}
