//! Values of arguments: what they are called, and which of them are a risk.
//!
//! Lives here: `profiles/arguments.json` and the questions one asks of it. Does not: which values were seen (see
//! `behaviour`), what is said of them (see `recommend`).

use std::collections::BTreeMap;
use std::sync::OnceLock;

use ctrec_recording::Abi;
use serde::{Deserialize, Deserializer};

use super::{Source, read};

/// What the first arguments of a call were; `None` where an argument was not kept.
pub type Values = [Option<u64>; 3];

/// `profiles/arguments.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArgumentFile {
    #[expect(dead_code, reason = "for readers of the file; its presence is checked by reading it")]
    source: Source,
    calls: Vec<CallArguments>,
    /// Calls whose arguments lie behind a pointer, which nobody reads.
    behind_pointers: Vec<BehindPointer>,
    risks: Vec<ValueRisk>,
    names: BTreeMap<String, Names>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CallArguments {
    calls: Vec<String>,
    arguments: Vec<NamedArgument>,
}

/// An argument, and where its names are.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedArgument {
    index: usize,
    names: String,
    /// They are its names only where this holds.
    with: Option<Test>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BehindPointer {
    call: String,
    abis: Vec<Abi>,
}

/// A question about an argument, by names or numbers. Every field that is there must hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    index: usize,
    /// It is one of these.
    #[serde(default)]
    is: Vec<String>,
    /// It is none of these.
    #[serde(default)]
    is_not: Vec<String>,
    /// It has the bits of all of these.
    #[serde(default)]
    has: Vec<String>,
}

/// Values that are a risk.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueRisk {
    calls: Vec<String>,
    when: Vec<Test>,
    /// What it is, and why it is a risk.
    pub what: String,
    /// What to do about it.
    pub advice: String,
}

/// Names of an argument's values.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    /// The bits that hold one of `values`; the others are `flags`.
    #[serde(default = "all_bits", deserialize_with = "hex")]
    part: u64,
    /// Values without a name are shown in hexadecimal, however small.
    #[serde(default)]
    hex: bool,
    #[serde(default, deserialize_with = "by_number")]
    values: BTreeMap<u64, String>,
    #[serde(default, deserialize_with = "by_number")]
    flags: BTreeMap<u64, String>,
}

fn all_bits() -> u64 {
    u64::MAX
}

fn parse(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

fn hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| serde::de::Error::custom(format!("{text} is no hexadecimal number")))
}

/// From names with their numbers to numbers with their names.
fn by_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<u64, String>, D::Error> {
    let names: BTreeMap<String, String> = BTreeMap::deserialize(deserializer)?;
    let number = |text: &str| parse(text).ok_or_else(|| serde::de::Error::custom(format!("{text} is no hex number")));
    names.into_iter().map(|(name, text)| Ok((number(&text)?, name))).collect()
}

fn file() -> &'static ArgumentFile {
    static FILE: OnceLock<ArgumentFile> = OnceLock::new();
    FILE.get_or_init(|| read(include_str!("../../../profiles/arguments.json")))
}

/// The arguments that were kept, in order, by name: `AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP`.
pub fn value_names(call: &str, values: &Values) -> String {
    let shown = (0..).zip(values).filter_map(|(index, value)| Some(show(names(call, index, values), (*value)?)));
    shown.collect::<Vec<_>>().join(", ")
}

/// Risks that a call with these values is.
pub fn value_risks(call: &str, values: &Values) -> impl Iterator<Item = &'static ValueRisk> {
    risks_of(call).filter(move |risk| risk.when.iter().all(|test| test.holds(call, values)))
}

/// Risks that a call is with some values.
pub fn risks_of(call: &str) -> impl Iterator<Item = &'static ValueRisk> {
    file().risks.iter().filter(move |risk| risk.calls.iter().any(|name| name == call))
}

/// Whether what the call is asked to do lies behind a pointer, so that no recording has it.
pub fn is_behind_pointer(call: &str, abi: Abi) -> bool {
    file().behind_pointers.iter().any(|behind| behind.call == call && behind.abis.contains(&abi))
}

fn arguments_of(call: &str) -> impl Iterator<Item = &'static NamedArgument> {
    let of_call = file().calls.iter().filter(move |group| group.calls.iter().any(|name| name == call));
    of_call.flat_map(|group| &group.arguments)
}

/// The names of an argument, which another one may decide.
fn names(call: &str, index: usize, values: &Values) -> Option<&'static Names> {
    let mut fitting = arguments_of(call).filter(|argument| argument.index == index);
    let found = fitting.find(|argument| argument.with.as_ref().is_none_or(|test| test.holds(call, values)))?;
    file().names.get(&found.names)
}

impl Test {
    fn holds(&self, call: &str, values: &Values) -> bool {
        let Some(value) = values.get(self.index).copied().flatten() else { return false };
        let number = |name: &String| number(call, self.index, name);
        let is = |name| number(name) == Some(value);
        (self.is.is_empty() || self.is.iter().any(is))
            && !self.is_not.iter().any(is)
            && self.has.iter().all(|name| number(name).is_some_and(|bits| value & bits == bits))
    }
}

/// The number that a name stands for, in whichever of the argument's lists it is, or that it is itself.
fn number(call: &str, index: usize, name: &str) -> Option<u64> {
    let lists = arguments_of(call).filter(|argument| argument.index == index);
    let known = lists.filter_map(|argument| file().names.get(&argument.names));
    let mut entries = known.flat_map(|names| names.values.iter().chain(&names.flags));
    parse(name).or_else(|| entries.find(|(_, known)| *known == name).map(|(number, _)| *number))
}

fn show(names: Option<&Names>, value: u64) -> String {
    let Some(names) = names else { return plain(value, false) };
    if let Some(name) = names.values.get(&value) {
        return name.clone();
    }
    let (part, mut rest) = (value & names.part, value & !names.part);
    let mut shown = Vec::new();
    if part != 0 {
        shown.push(names.values.get(&part).cloned().unwrap_or_else(|| plain(part, names.hex)));
    }
    for (bit, name) in names.flags.iter().filter(|(bit, _)| value & names.part & **bit == 0 && value & **bit == **bit) {
        shown.push(name.clone());
        rest &= !bit;
    }
    if rest != 0 || shown.is_empty() {
        shown.push(plain(rest, rest != 0));
    }
    shown.join("|")
}

/// Small numbers are counted, others are bits.
fn plain(value: u64, hex: bool) -> String {
    if hex || value > 0xffff { format!("{value:#x}") } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use ctrec_recording::values::KEPT_CALLS;

    use super::*;
    use crate::names;

    fn shown(call: &str, values: [i64; 3]) -> String {
        value_names(call, &values.map(|value| u64::try_from(value).ok()))
    }

    #[test]
    fn every_kept_argument_has_names_and_no_other() {
        for call in &KEPT_CALLS {
            let mut named: Vec<usize> = arguments_of(call.name).map(|argument| argument.index).collect();
            named.dedup();
            assert_eq!(named, call.arguments, "{}", call.name);
        }
        let mut all = file().calls.iter().flat_map(|group| &group.calls);
        assert!(all.all(|name| KEPT_CALLS.iter().any(|call| call.name == name)));
    }

    #[test]
    fn kept_calls_have_the_numbers_of_the_tables() {
        for call in &KEPT_CALLS {
            for abi in crate::abi::ALL {
                let behind = is_behind_pointer(call.name, abi);
                let expected = names::number(abi, call.name).filter(|_| !behind);
                assert_eq!(call.number(abi), expected, "{} {abi:?}", call.name);
            }
        }
        let known = |behind: &BehindPointer| behind.abis.iter().all(|abi| names::number(*abi, &behind.call).is_some());
        assert!(file().behind_pointers.iter().all(known));
    }

    #[test]
    fn every_name_that_a_test_has_stands_for_a_number() {
        let of_risks = file()
            .risks
            .iter()
            .flat_map(|risk| risk.calls.iter().flat_map(|call| risk.when.iter().map(move |test| (call, test))));
        let groups = file().calls.iter().flat_map(|group| group.calls.iter().map(move |call| (call, &group.arguments)));
        let of_names =
            groups.flat_map(|(call, arguments)| arguments.iter().filter_map(move |it| Some((call, it.with.as_ref()?))));
        for (call, test) in of_risks.chain(of_names) {
            for name in test.is.iter().chain(&test.is_not).chain(&test.has) {
                assert!(number(call, test.index, name).is_some(), "{call}: {name}");
            }
        }
        assert!(file().calls.iter().flat_map(|group| &group.arguments).all(|it| file().names.contains_key(&it.names)));
    }

    #[test]
    fn values_are_shown_by_name_and_what_has_none_as_a_number() {
        assert_eq!(shown("socket", [2, 0x8_0801, 6]), "AF_INET, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, IPPROTO_TCP");
        assert_eq!(shown("socket", [16, 3, 15]), "AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT");
        assert_eq!(shown("socket", [99, 0x100_0007, 15]), "99, 7|0x1000000, 15");
        assert_eq!(shown("setsockopt", [-1, 6, 1]), "SOL_TCP, TCP_NODELAY");
        assert_eq!(shown("clone", [0x1000_0011, -1, -1]), "SIGCHLD|CLONE_NEWUSER");
        assert_eq!(shown("clone", [0x0120_0011, -1, -1]), "SIGCHLD|CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID");
        assert_eq!(shown("mmap", [-1, -1, 0]), "PROT_NONE");
        assert_eq!(shown("mmap2", [-1, -1, 7]), "PROT_READ|PROT_WRITE|PROT_EXEC");
        assert_eq!(shown("ioctl", [-1, 0x5412, -1]), "TIOCSTI");
        assert_eq!(shown("ioctl", [-1, 0x1234, -1]), "0x1234");
        assert_eq!(shown("personality", [0x004_0000, -1, -1]), "ADDR_NO_RANDOMIZE");
        assert_eq!(shown("personality", [0, -1, -1]), "PER_LINUX");
        assert_eq!(shown("personality", [0xffff_ffff, -1, -1]), "0xffffffff (asks which it is)");
        assert_eq!(shown("kill", [-1, 0, -1]), "0");
        assert_eq!(shown("tgkill", [-1, -1, 9]), "SIGKILL");
        assert_eq!(shown("unshare", [0, -1, -1]), "0");
    }

    #[test]
    fn risks_are_of_values_and_not_of_calls() {
        let risks =
            |call: &str, values: [i64; 3]| value_risks(call, &values.map(|value| u64::try_from(value).ok())).count();
        for (call, harmless, risky) in [
            ("socket", [2, 1, 0], [17, 3, 0x300]),
            ("socket", [16, 3, 0], [16, 3, 12]),
            ("ioctl", [-1, 0x5401, -1], [-1, 0x5412, -1]),
            ("mmap", [-1, -1, 5], [-1, -1, 7]),
            ("personality", [0xffff_ffff, -1, -1], [0x4_0000, -1, -1]),
            ("unshare", [0x2_0000, -1, -1], [0x1002_0000, -1, -1]),
            ("ptrace", [0, -1, -1], [16, -1, -1]),
            ("fcntl", [-1, 3, -1], [-1, 3, -1]),
        ] {
            assert_eq!(risks(call, harmless), 0, "{call} {harmless:?}");
            assert_eq!(risks(call, risky), usize::from(call != "fcntl"), "{call} {risky:?}");
        }
    }
}
