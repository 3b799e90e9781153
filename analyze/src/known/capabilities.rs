//! Capabilities: their names, the kernel functions that ask for them, and what each one's answer decides.
//!
//! Lives here: `profiles/capabilities.json` and the questions one asks of it. Does not: whether a check that was
//! recorded made a need (see `capabilities`).

use std::sync::OnceLock;

use serde::Deserialize;

use super::{Source, engine_default, read};

/// The engine whose default profile ties calls to capabilities.
const TYING: &str = "docker";

/// What the answer to a kernel function decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// Which of two ways the kernel takes; the call succeeds on both.
    Probe,
    /// What is shown; the call succeeds either way.
    Shown,
    /// Whether the call succeeds; programs mostly go on where it does not.
    Tolerated,
    /// Whether the call succeeds.
    Need,
    /// Whether the call succeeds, although the kernel would not log a denial.
    UnauditedNeed,
    /// Whether something succeeds that the call's outcome does not tell.
    Untold,
}

/// Kernel functions that ask for the same reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskerGroup {
    functions: Vec<String>,
    /// One of these is farther out on the stack; empty: whoever called.
    #[serde(default)]
    within: Vec<String>,
    /// Only where one of these is asked for; empty: any.
    #[serde(default)]
    capabilities: Vec<String>,
    meaning: Meaning,
    why: String,
}

/// What is known of a function that asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asking {
    /// The function, as the data spells it.
    pub function: &'static str,
    /// What the answer decides.
    pub meaning: Meaning,
    /// What for, in words that follow the program's name.
    pub why: &'static str,
}

/// Two capabilities of which the kernel takes either.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The one to recommend.
    pub narrow: String,
    /// The one that brings more.
    pub broad: String,
    /// The rule holds for these functions alone; empty, and no calls: for all.
    #[serde(default)]
    functions: Vec<String>,
    /// The rule holds in these calls alone.
    #[serde(default)]
    calls: Vec<String>,
    /// The broad one is asked for first, so that a container which has it never shows the narrow one.
    #[serde(default)]
    pub broad_first: bool,
    /// The kernel's rule.
    pub why: String,
}

/// How the two capabilities stand to each other that open files in spite of their mode.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dac {
    read_search: String,
    #[serde(rename = "override")]
    over: String,
    functions: Vec<String>,
    read_search_alone: Vec<String>,
}

/// A capability with some calls.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CapabilityCalls {
    capability: String,
    calls: Vec<String>,
}

/// `profiles/capabilities.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CapabilityFile {
    #[expect(dead_code, reason = "for readers of the file; its presence is checked by reading it")]
    source: Source,
    names: Vec<String>,
    askers: Vec<AskerGroup>,
    dac: Dac,
    pairs: Vec<Pair>,
    /// Every call that asks for the capability.
    closed: Vec<CapabilityCalls>,
    /// Calls that do nothing without the capability, besides those that an engine's default profile ties to one.
    useless_without: Vec<CapabilityCalls>,
    /// Calls that are of use without any, although an engine ties them to one.
    useful_without: Vec<String>,
}

fn file() -> &'static CapabilityFile {
    static FILE: OnceLock<CapabilityFile> = OnceLock::new();
    FILE.get_or_init(|| read(include_str!("../../../profiles/capabilities.json")))
}

/// The name of a capability, `CAP_CHOWN`; `None` where it is newer than the names that ctrec knows.
pub fn capability_name(number: u32) -> Option<&'static str> {
    file().names.get(usize::try_from(number).ok()?).map(String::as_str)
}

/// The name of a capability, or `CAP_` and its number.
pub fn capability_label(number: u32) -> String {
    capability_name(number).map_or_else(|| format!("CAP_{number}"), str::to_owned)
}

/// The number of a capability by its name; `None` where ctrec does not know it.
pub fn capability_number(name: &str) -> Option<u32> {
    let at = file().names.iter().position(|known| known == name)?;
    u32::try_from(at).ok()
}

/// The kernel function behind a symbol: compilers add `.isra.0`, `.part.0`, `.cold`, and each call has several entries.
pub fn function_name(symbol: &str) -> String {
    const ENTRIES: [&str; 7] = [
        "__x64_sys_",
        "__ia32_sys_",
        "__arm64_sys_",
        "__ia32_compat_sys_",
        "__do_compat_sys_",
        "__do_sys_",
        "__se_sys_",
    ];
    let plain = symbol.split('.').next().unwrap_or_default();
    match ENTRIES.iter().find_map(|entry| plain.strip_prefix(entry)) {
        Some(call) => format!("sys_{call}"),
        None => plain.to_owned(),
    }
}

/// What is known of who asked for a capability: the innermost function of a stack that is known to. Functions that
/// were inlined or called last are missing from a stack, so each reason is known by several.
pub fn asking(frames: &[String], capability: &str) -> Option<Asking> {
    frames.iter().enumerate().find_map(|(at, frame)| {
        let outer = &frames[at + 1..];
        file().askers.iter().find_map(|group| {
            let function = group.functions.iter().find(|function| *function == frame)?;
            let asks = group.capabilities.is_empty() || group.capabilities.iter().any(|name| name == capability);
            let within = group.within.is_empty() || outer.iter().any(|frame| group.within.contains(frame));
            (asks && within).then_some(Asking { function, meaning: group.meaning, why: &group.why })
        })
    })
}

/// Pairs of capabilities of which the kernel takes either.
pub fn pairs() -> &'static [Pair] {
    &file().pairs
}

impl Pair {
    /// Whether the rule is for some functions or calls alone.
    pub fn is_special(&self) -> bool {
        !(self.functions.is_empty() && self.calls.is_empty())
    }

    /// Whether the rule holds where such a function asked. For a rule without functions, no function tells.
    pub fn is_of_function(&self, function: &str) -> bool {
        self.functions.iter().any(|known| known == function)
    }

    /// Whether the rule holds in such a call.
    pub fn is_of_call(&self, call: &str) -> bool {
        self.calls.iter().any(|known| known == call)
    }
}

/// `CAP_DAC_READ_SEARCH`, which opens for reading and searching what a mode keeps closed.
pub fn read_search() -> &'static str {
    &file().dac.read_search
}

/// `CAP_DAC_OVERRIDE`, which does so for writing, too.
pub fn dac_override() -> &'static str {
    &file().dac.over
}

/// Whether a function asks for reading and searching first and then for all, so that either opens for reading.
pub fn asks_for_both_dac(function: &str) -> bool {
    file().dac.functions.iter().any(|known| known == function)
}

/// Whether a call takes `CAP_DAC_READ_SEARCH` and nothing else for it.
pub fn needs_read_search(call: &str) -> bool {
    file().dac.read_search_alone.iter().any(|known| known == call)
}

/// Every call that a capability is for; empty where they are no closed list.
pub fn calls_of_capability(capability: &str) -> impl Iterator<Item = &'static str> {
    let closed = file().closed.iter().filter(move |it| it.capability == capability);
    closed.flat_map(|it| it.calls.iter().map(String::as_str))
}

/// Sets of capabilities without any of which a call does nothing; empty where it is of use without.
pub fn useless_without(call: &str) -> Vec<Vec<&'static str>> {
    let is_it = |known: &String| known == call;
    if file().useful_without.iter().any(is_it) {
        return Vec::new();
    }
    let own = file().useless_without.iter().filter(|it| it.calls.iter().any(is_it));
    let own = own.map(|it| vec![it.capability.as_str()]);
    own.chain(engine_default(TYING).into_iter().flat_map(|engine| engine.ties(call))).collect()
}
