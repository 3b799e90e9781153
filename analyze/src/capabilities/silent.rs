//! Needs that leave no check: the kernel computes them when a program is executed, or takes a list whole or not at all.
//!
//! Lives here: file capabilities, lists that programs set themselves, ambient sets. Does not: checks (see `rows`).

use std::collections::{BTreeMap, BTreeSet};

use ctrec_recording::{Cause, Namespace, Origin, Phase};

use super::reasons::Piece;
use super::{Apart, Class, Reason, ReasonKind};
use crate::behaviour::{Behaviour, FileCapabilities, IdentityKey};
use crate::known::{capability_label, capability_number};
use crate::policy::Policy;

/// What identities and files show.
#[derive(Debug, Default)]
pub(super) struct Silent {
    pub(super) needs: Vec<Piece>,
    pub(super) apart: Vec<Apart>,
}

/// All needs that leave no check, and what looks like one.
pub(super) fn all(behaviour: &Behaviour, policy: &Policy) -> Silent {
    let mut silent = Silent::default();
    let identities = of_workload(behaviour, policy);
    let files = behaviour.files();
    let unread = FileCapabilities { unread: true, ..FileCapabilities::default() };
    let given = given_ambient(behaviour, policy);
    let nobody_gains = behaviour.containers().values().all(|facts| facts.no_new_privs == Some(true));
    let mut executed: BTreeMap<(&str, Origin), Vec<(&IdentityKey, u64)>> = BTreeMap::new();
    for (key, count) in identities {
        match key.cause {
            Cause::Execve => {
                executed.entry((&key.source.program, key.source.origin)).or_default().push((key, count));
            }
            Cause::Capset => silent.add_capset(key, count),
        }
        silent.add_ambient(key, count, given);
    }
    for ((program, origin), identities) in executed {
        silent.add_file((program, origin), files.get(program).unwrap_or(&unread), nobody_gains, &identities);
    }
    silent
}

/// Identities of the workload, of the origins that are wanted, with credentials of the container's user namespace.
pub(super) fn of_workload<'a>(behaviour: &'a Behaviour, policy: &Policy) -> BTreeMap<&'a IdentityKey, u64> {
    let mut identities = behaviour.identities();
    identities.retain(|key, _| {
        key.source.phase == Phase::Workload
            && policy.origins.contains(&key.source.origin)
            && key.holder != Namespace::Inside
    });
    identities
}

/// The programs that the runtime executed, as whom they ran: the container's first, and those of `docker exec`.
pub(super) fn first_identities<'a>(behaviour: &'a Behaviour, policy: &Policy) -> Vec<&'a IdentityKey> {
    let calls = behaviour.calls();
    let sources = calls.values().flat_map(|facts| facts.sources.keys());
    let starts = behaviour.starts();
    let runtimes: BTreeSet<&str> = sources
        .chain(starts.keys().map(|key| &key.source))
        .filter(|source| source.phase != Phase::Workload)
        .map(|source| &*source.program)
        .collect();
    let by_runtime = starts.keys().filter(|key| runtimes.contains(&*key.parent));
    let first: BTreeSet<_> = by_runtime.map(|key| &key.source).collect();
    let identities = of_workload(behaviour, policy).into_keys();
    identities.filter(|key| key.cause == Cause::Execve && first.contains(&key.source)).collect()
}

/// The ambient set that the runtime gave: nobody raised it.
fn given_ambient(behaviour: &Behaviour, policy: &Policy) -> u64 {
    first_identities(behaviour, policy).into_iter().map(|key| key.ambient).reduce(|a, b| a & b).unwrap_or(0)
}

impl Silent {
    /// What an executed file permits must be in the bounding set: where the file also makes it effective, execve fails
    /// with EPERM otherwise. Where it was not in the recorded one, the file ran without.
    fn add_file(
        &mut self,
        (program, origin): (&str, Origin),
        file: &FileCapabilities,
        nobody_gains: bool,
        ran: &[(&IdentityKey, u64)],
    ) {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for (key, count) in ran {
            for name in names(of_file(file, nobody_gains, key) & key.bounding) {
                let sum = counts.entry(name).or_default();
                *sum = sum.saturating_add(*count);
            }
        }
        for (name, count) in counts {
            let why = "its file has it, and without it in the bounding set execve fails with EPERM";
            let reason = Reason {
                kind: ReasonKind::FileCapabilities,
                program: program.to_owned(),
                origin,
                call: None,
                abi: None,
                functions: Vec::new(),
                count,
                why: why.to_owned(),
            };
            self.push(name, reason);
        }
    }

    fn push(&mut self, capability: String, reason: Reason) {
        self.needs.push(Piece { capability, reason, asked: None });
    }

    /// A list of a few is one that the program knows, and capset fails unless it has them all. One of most of what it
    /// had only leaves some out.
    fn add_capset(&mut self, key: &IdentityKey, count: u64) {
        let (kept, had) = (key.permitted, key.before);
        if kept == 0 || kept == had || kept & !had != 0 {
            return;
        }
        let few = !is_long_list(key);
        for name in names(kept) {
            if few {
                let why = "keeps it by a list of its own, which fails as a whole without it";
                self.push(name, reason(key, ReasonKind::Capset, count, why));
            } else {
                self.apart.push(kept_of_many(key, name, count));
            }
        }
    }

    fn add_ambient(&mut self, key: &IdentityKey, count: u64, given: u64) {
        for name in names(key.ambient & !given) {
            let why = "was handed it in its ambient set, into which nothing goes that the container has not";
            self.push(name, reason(key, ReasonKind::Ambient, count, why));
        }
    }
}

/// Whether a capset kept at least half of what there was, but not all.
pub(super) fn is_long_list(key: &IdentityKey) -> bool {
    let (kept, had) = (key.permitted, key.before);
    key.cause == Cause::Capset && kept != had && kept & !had == 0 && kept.count_ones() * 2 >= had.count_ones()
}

/// What a program has of its file's capabilities. Root has everything by being root, so there the file must tell; and
/// so it must with `no_new_privs`, which gives nobody anything and changes nothing of how execve fails.
fn of_file(file: &FileCapabilities, nobody_gains: bool, key: &IdentityKey) -> u64 {
    let masks = file.names.iter().filter_map(|name| 1_u64.checked_shl(capability_number(name)?));
    let read = masks.fold(0, |all, mask| all | mask);
    if key.root || nobody_gains {
        return read;
    }
    let gained = if file.unread { gained(key).unwrap_or(0) } else { 0 };
    (read | gained) & key.permitted
}

/// What another user than root has after an execve, and not by its ambient set, it has from the file. `None` where the
/// credentials do not tell: root has all that is bounded, and so has who is root by the real user alone.
pub(super) fn gained(key: &IdentityKey) -> Option<u64> {
    let gained = key.permitted & !key.ambient;
    let all = gained == key.bounding && gained.count_ones() > 1;
    (!key.root && !all).then_some(gained)
}

fn names(mask: u64) -> impl Iterator<Item = String> {
    (0..u64::BITS).filter(move |number| mask >> number & 1 == 1).map(capability_label)
}

fn reason(key: &IdentityKey, kind: ReasonKind, count: u64, why: &str) -> Reason {
    Reason {
        kind,
        program: key.source.program.to_string(),
        origin: key.source.origin,
        call: (kind == ReasonKind::Capset).then(|| "capset".to_owned()),
        abi: None,
        functions: Vec::new(),
        count,
        why: why.to_owned(),
    }
}

fn kept_of_many(key: &IdentityKey, capability: String, count: u64) -> Apart {
    Apart {
        class: Class::Needless,
        capability,
        granted: true,
        program: key.source.program.to_string(),
        origin: key.source.origin,
        phase: key.source.phase,
        call: Some("capset".to_owned()),
        abi: None,
        ended: "succeeded",
        errno: None,
        functions: Vec::new(),
        count,
        why: "keeps most of what it had, and only leaves some out".to_owned(),
    }
}
