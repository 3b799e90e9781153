//! Capability checks, who asked, and identities since the last window was written, and the rows that they become.

use std::collections::BTreeMap;

use ctrec_recording::{Asker, Audit, Cause, Check, Ended, Identity, Namespace, Whose};

use super::{CallKey, Gathered, INTERRUPTED};
use crate::symbols::plain;
use crate::wire::{self, WireError};

/// A kind of check: what was asked of whom, in which call of which program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub(crate) id: u32,
    pub(crate) place: CallKey,
    capability: u32,
    audit: Audit,
    target: Namespace,
    holder: Namespace,
    flags: u32,
}

impl Kind {
    /// A kind as the kernel side knows it.
    pub(crate) fn of(id: u32, place: CallKey, key: &wire::CheckKey) -> Result<Self, WireError> {
        Ok(Self {
            id,
            place,
            capability: key.capability.into(),
            audit: wire::audit(key.audit)?,
            target: wire::space(key.target)?,
            holder: wire::space(key.holder)?,
            flags: key.flags.into(),
        })
    }

    fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }
}

/// How often, and when first and last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    count: u64,
    first_ns: i64,
    last_ns: i64,
}

/// As whom a program ran.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IdentityRow {
    place: CallKey,
    cause: Cause,
    holder: Namespace,
    user: u32,
    root: bool,
    set_user_id: bool,
    sets: [u64; 4],
}

impl IdentityRow {
    /// An identity as the kernel side knows it.
    pub(crate) fn of(slot: &wire::SlotKey, key: &wire::IdentityKey) -> Result<Self, WireError> {
        Ok(Self {
            place: CallKey::of(slot, 0)?,
            cause: wire::cause(key.cause)?,
            holder: wire::space(key.holder)?,
            user: key.user,
            root: key.root != 0,
            set_user_id: key.set_user_id != 0,
            sets: [key.before, key.permitted, key.ambient, key.bounding],
        })
    }
}

/// Everything about checks that is not written yet.
#[derive(Debug, Default)]
pub(super) struct NewChecks {
    ends: BTreeMap<(Kind, u32), Times>,
    /// By container, check and stack.
    askers: BTreeMap<(u32, u32, Vec<String>), u64>,
    identities: BTreeMap<IdentityRow, u64>,
}

impl Gathered {
    /// So many checks of a kind ended in one way.
    pub(crate) fn add_check(&mut self, end: (Kind, u32), count: u64, (first_ns, last_ns): (i64, i64)) {
        let times = self.checks.ends.entry(end).or_insert(Times { count: 0, first_ns, last_ns });
        times.count += count;
        times.first_ns = times.first_ns.min(first_ns);
        times.last_ns = times.last_ns.max(last_ns);
    }

    /// So many samples of a stack.
    pub(crate) fn add_asker(&mut self, kind: &Kind, stack: Vec<&str>, samples: u64) {
        let stack = stack.into_iter().map(str::to_owned).collect();
        *self.checks.askers.entry((kind.place.container, kind.id, stack)).or_default() += samples;
    }

    /// A program ran with these credentials, so many times.
    pub(crate) fn add_identity(&mut self, row: IdentityRow, count: u64) {
        *self.checks.identities.entry(row).or_default() += count;
    }
}

impl NewChecks {
    /// Drops what belongs to a container that is not wanted.
    pub(super) fn drop_container(&mut self, container: u32) {
        self.ends.retain(|(kind, _), _| kind.place.container != container);
        self.askers.retain(|(owner, ..), _| *owner != container);
        self.identities.retain(|row, _| row.place.container != container);
    }

    pub(super) fn checks(&self, window: u32, kept: impl Fn(u32) -> bool) -> Vec<Check> {
        let ends = self.ends.iter().filter(|((kind, _), _)| kept(kind.place.container));
        ends.map(|((kind, outcome), times)| check_row(window, kind, *outcome, *times)).collect()
    }

    pub(super) fn askers(&self, window: u32, kept: impl Fn(u32) -> bool) -> Vec<Asker> {
        let askers = self.askers.iter().filter(|((container, ..), _)| kept(*container));
        let rows = askers.map(|((container, check, stack), samples)| Asker {
            window,
            container: *container,
            check: *check,
            function: stack.first().map(|name| plain(name).to_owned()).unwrap_or_default(),
            stack_json: serde_json::Value::from(stack.clone()).to_string(),
            samples: *samples,
        });
        rows.collect()
    }

    pub(super) fn identities(&self, window: u32, kept: impl Fn(u32) -> bool) -> Vec<Identity> {
        let identities = self.identities.iter().filter(|(row, _)| kept(row.place.container));
        identities.map(|(row, count)| identity_row(window, row, *count)).collect()
    }
}

fn check_row(window: u32, kind: &Kind, outcome: u32, times: Times) -> Check {
    let (ended, errno) = ended(outcome);
    let place = kind.place;
    Check {
        window,
        container: place.container,
        program: place.program,
        origin: place.origin,
        phase: place.phase,
        abi: place.abi,
        number: place.number,
        check: kind.id,
        capability: kind.capability,
        granted: kind.has(wire::GRANTED),
        audit: kind.audit,
        credentials: if kind.has(wire::OVERRIDDEN) { Whose::Overridden } else { Whose::Own },
        target: kind.target,
        holder: kind.holder,
        bounded: kind.has(wire::BOUNDED),
        root: kind.has(wire::ROOT),
        needless: kind.has(wire::NEEDLESS),
        ended,
        errno,
        count: times.count,
        first_ns: times.first_ns,
        last_ns: times.last_ns,
    }
}

fn ended(outcome: u32) -> (Ended, i32) {
    match outcome {
        wire::SUCCEEDED => (Ended::Succeeded, 0),
        wire::UNFINISHED => (Ended::Unfinished, 0),
        wire::NO_CALL => (Ended::NoCall, 0),
        wire::UNKNOWN => (Ended::Unknown, 0),
        outcome if INTERRUPTED.contains(&outcome) => (Ended::Interrupted, 0),
        errno => (Ended::Failed, i32::try_from(errno).unwrap_or(i32::MAX)),
    }
}

fn identity_row(window: u32, row: &IdentityRow, count: u64) -> Identity {
    let [before, permitted, ambient, bounding] = row.sets;
    Identity {
        window,
        container: row.place.container,
        program: row.place.program,
        origin: row.place.origin,
        phase: row.place.phase,
        cause: row.cause,
        holder: row.holder,
        user: row.user,
        root: row.root,
        set_user_id: row.set_user_id,
        before,
        permitted,
        ambient,
        bounding,
        count,
    }
}
