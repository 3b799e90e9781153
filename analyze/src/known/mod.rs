//! What is known before anything is recorded, and the questions one asks of it.
//!
//! Lives here: engines' default profiles ([`engine_default`]), what container runtimes call with the filter in force
//! ([`runtime_baseline`]), what any program may call at any time ([`always`]), what no filter sees ([`is_unfiltered`]),
//! what the errno rule needs ([`dangerous`], [`enosys_floor`]),
//! what values of arguments are called and which are a risk ([`value_names`], [`value_risks`]),
//! and which kernel functions ask for capabilities ([`asking`], [`pairs`]). The facts are data: `profiles/*.json`, each file with its source, compiled in.
//! Does not: what a recording showed, and any decision what to recommend.

mod arguments;
mod calls;
mod capabilities;
mod engine;
mod gate;
mod runtime;
#[cfg(test)]
mod tests;

pub use arguments::{ValueRisk, Values, is_behind_pointer, risks_of, value_names, value_risks};
pub use calls::{AlwaysCall, DangerousCall, always, dangerous, enosys_floor, is_unfiltered};
pub use capabilities::{
    Asking, Meaning, Pair, asking, asks_for_both_dac, calls_of_capability, capability_label, capability_name,
    capability_number, dac_override, function_name, needs_read_search, pairs, read_search, useless_without,
};
pub use engine::{EngineDefault, Verdict, default_capabilities, engine_default};
pub(crate) use gate::{Gate, Host};
pub use runtime::{BaselineCall, CRUN, Need, RUNC, runtime_baseline};

use std::collections::BTreeSet;

use serde::{Deserialize, de::DeserializeOwned};

use crate::profile::Architecture;

/// Where a file of facts comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What it is, or how it was found out.
    pub what: String,
    /// Version of what was read or measured.
    pub version: String,
    /// Terms of what was carried over; `own` where nothing was.
    pub licence: String,
}

/// Reads a file that is compiled in. Its only caller per file holds the result for the life of the process.
fn read<T: DeserializeOwned>(json: &'static str) -> T {
    serde_json::from_str(json).expect("files of profiles/ are compiled in, and a test reads each of them")
}

/// The architecture of the host that serves calls of `architecture`: engines decide by the host's, which is the 64-bit
/// one of each family.
fn native(architecture: Architecture) -> Architecture {
    match architecture {
        Architecture::X86_64 | Architecture::X86 | Architecture::X32 => Architecture::X86_64,
        Architecture::Aarch64 | Architecture::Arm => Architecture::Aarch64,
    }
}

/// Name as data files spell it.
fn architecture_name(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "x86_64",
        Architecture::X86 => "x86",
        Architecture::X32 => "x32",
        Architecture::Aarch64 => "aarch64",
        Architecture::Arm => "arm",
    }
}

/// The architecture that data files spell so; `None` where ctrec has no tables for it.
fn architecture_named(name: &str) -> Option<Architecture> {
    use Architecture::{Aarch64, Arm, X32, X86, X86_64};
    [X86_64, X86, X32, Aarch64, Arm].into_iter().find(|architecture| architecture_name(*architecture) == name)
}

/// Names of architectures as a set; those without tables are left out.
fn architectures_named<'a>(names: impl IntoIterator<Item = &'a String>) -> BTreeSet<Architecture> {
    names.into_iter().filter_map(|name| architecture_named(name)).collect()
}
