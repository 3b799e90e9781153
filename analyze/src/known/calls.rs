//! Calls known by name: those that any program may make at any time, and those that the errno rule needs.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde::Deserialize;

use super::{Source, architecture_named, architectures_named, read};
use crate::profile::Architecture;

/// A call that any program may make at any time, so a recording that does not show it proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlwaysCall {
    /// Name.
    pub name: &'static str,
    /// Why, in a few words.
    pub why: &'static str,
    /// Architectures that have it and need it.
    pub architectures: BTreeSet<Architecture>,
}

/// A call whose absence from a profile is to look like a refusal (EPERM), not like an old kernel (ENOSYS).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DangerousCall {
    /// Name.
    pub name: &'static str,
    /// What it can do to the host or to other containers.
    pub why: &'static str,
}

/// `profiles/always.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AlwaysFile {
    #[expect(dead_code, reason = "for readers of the file; its presence is checked by reading it")]
    source: Source,
    groups: Vec<AlwaysGroup>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AlwaysGroup {
    why: String,
    architectures: Vec<String>,
    calls: Vec<String>,
}

/// `profiles/unfiltered.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnfilteredFile {
    #[expect(dead_code, reason = "for readers of the file; its presence is checked by reading it")]
    source: Source,
    calls: Vec<Unfiltered>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unfiltered {
    call: String,
    architecture: String,
    #[expect(dead_code, reason = "for readers of the file; its presence is checked by reading it")]
    why: String,
}

/// `profiles/errno.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrnoFile {
    #[expect(dead_code, reason = "for readers of the file; its presence is checked by reading it")]
    source: Source,
    enosys: Enosys,
    eperm: Vec<EpermGroup>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Enosys {
    from_number: i64,
    #[expect(dead_code, reason = "for readers of the file; its presence is checked by reading it")]
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EpermGroup {
    why: String,
    calls: Vec<String>,
}

/// Calls that any program may make at any time, sorted by name; each name once.
pub fn always() -> &'static [AlwaysCall] {
    static CALLS: OnceLock<Vec<AlwaysCall>> = OnceLock::new();
    CALLS.get_or_init(|| {
        let mut calls: Vec<AlwaysCall> = always_file().groups.iter().flat_map(AlwaysGroup::calls).collect();
        calls.sort_by_key(|call| call.name);
        calls
    })
}

/// Calls that a profile with ENOSYS as its default refuses with EPERM by name, sorted.
pub fn dangerous() -> &'static [DangerousCall] {
    static CALLS: OnceLock<Vec<DangerousCall>> = OnceLock::new();
    CALLS.get_or_init(|| {
        let mut calls: Vec<DangerousCall> = errno_file().eperm.iter().flat_map(EpermGroup::calls).collect();
        calls.sort_by_key(|call| call.name);
        calls
    })
}

/// Whether the kernel lets a call of an architecture past every filter: no rule is needed for it, and none refuses it.
pub fn is_unfiltered(name: &str, architecture: Architecture) -> bool {
    static FILE: OnceLock<UnfilteredFile> = OnceLock::new();
    let file: &UnfilteredFile = FILE.get_or_init(|| read(include_str!("../../../profiles/unfiltered.json")));
    file.calls.iter().any(|it| it.call == name && architecture_named(&it.architecture) == Some(architecture))
}

/// Number from which on unlisted calls must fail with ENOSYS: from here on all architectures share one numbering,
/// and libraries fall back to an older call on that errno alone.
pub fn enosys_floor() -> i64 {
    errno_file().enosys.from_number
}

fn always_file() -> &'static AlwaysFile {
    static FILE: OnceLock<AlwaysFile> = OnceLock::new();
    FILE.get_or_init(|| read(include_str!("../../../profiles/always.json")))
}

fn errno_file() -> &'static ErrnoFile {
    static FILE: OnceLock<ErrnoFile> = OnceLock::new();
    FILE.get_or_init(|| read(include_str!("../../../profiles/errno.json")))
}

impl AlwaysGroup {
    fn calls(&'static self) -> impl Iterator<Item = AlwaysCall> {
        let architectures = architectures_named(&self.architectures);
        self.calls.iter().map(move |name| AlwaysCall { name, why: &self.why, architectures: architectures.clone() })
    }
}

impl EpermGroup {
    fn calls(&'static self) -> impl Iterator<Item = DangerousCall> {
        self.calls.iter().map(|name| DangerousCall { name, why: &self.why })
    }
}
