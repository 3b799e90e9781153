//! Capability checks and identities: from the kernel's counters, which only grow, to what happened in a window.
//!
//! Lives here: differences. Does not: reading maps (see `kernel`), the rows (see `gathered::checks`), calls (see
//! `counters`).

use std::collections::{BTreeSet, HashMap};

use crate::clock::{Clock, Moment};
use crate::error::RecordError;
use crate::gathered::{CallKey, Gathered, IdentityRow, Kind};
use crate::kernel::Kernel;
use crate::symbols::Symbols;
use crate::wire::{self, AskerKey, IdentityKey, SlotKey, WireError};

/// What was read so far.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    kinds: HashMap<u32, Kind>,
    ends: HashMap<(u32, u32), u64>,
    askers: HashMap<(u32, Vec<u8>), u64>,
    identities: HashMap<(u32, Vec<u8>), u64>,
    symbols: Symbols,
}

/// What a slot is for, if its container's counts are to be read.
pub(crate) type Places<'a> = dyn Fn(u32) -> Option<SlotKey> + 'a;

impl Checks {
    /// Reads everything that grew since the last time.
    pub(crate) fn gather(
        &mut self,
        kernel: &Kernel<'_>,
        (clock, now, window_start_ns): (&Clock, Moment, i64),
        places: &Places<'_>,
        gathered: &mut Gathered,
    ) -> Result<(), RecordError> {
        // The kinds last: whatever the others refer to is there by then.
        let (ends, askers, identities) = (kernel.check_ends()?, kernel.askers()?, kernel.identities()?);
        self.add_kinds(&kernel.checks()?, places)?;
        let mut grown = Vec::new();
        for id in self.kinds.keys() {
            if let Some(count) = kernel.check_count(*id)?.filter(|count| count.outcome != 0) {
                let last_ns = clock.last_ns(count.last_jiffies, now);
                grown.push(((*id, count.outcome - 1), count.count, (clock.time_ns(count.first_ns), last_ns)));
            }
        }
        for (end, count) in ends {
            let times = (clock.time_ns(count.first_ns), clock.time_ns(count.last_ns));
            grown.push(((end.check, end.outcome), count.count, times));
        }
        for (end, count, (first_ns, last_ns)) in grown {
            let Some(kind) = self.kinds.get(&end.0) else { continue };
            let known = self.ends.entry(end).or_default();
            let new = count.saturating_sub(*known);
            if new != 0 {
                let first_ns = if *known == 0 { first_ns } else { window_start_ns };
                gathered.add_check((*kind, end.1), new, (first_ns, last_ns.max(first_ns)));
            }
            *known = count;
        }
        self.gather_askers(&askers, gathered)?;
        self.gather_identities(&identities, places, gathered)
    }

    fn add_kinds(&mut self, checks: &[(wire::CheckKey, wire::Check)], places: &Places<'_>) -> Result<(), WireError> {
        for (key, check) in checks {
            if let Some(slot) = places(key.slot).filter(|_| !self.kinds.contains_key(&check.id)) {
                let place = CallKey::of(&slot, key.number.into())?;
                self.kinds.insert(check.id, Kind::of(check.id, place, key)?);
            }
        }
        Ok(())
    }

    fn gather_askers(&mut self, askers: &[(AskerKey, u64)], gathered: &mut Gathered) -> Result<(), RecordError> {
        let known = |(key, _): &&(AskerKey, u64)| self.kinds.contains_key(&key.check);
        let frames = askers.iter().filter(known).flat_map(|(key, _)| wire::frames(key));
        let learned = self.symbols.learn(frames);
        learned.map_err(|source| RecordError::Host { path: "/proc/kallsyms".into(), source })?;
        for (key, count) in askers {
            let Some(kind) = self.kinds.get(&key.check) else { continue };
            let known = self.askers.entry((key.check, wire::bytes(key).to_vec())).or_default();
            let new = count.saturating_sub(*known);
            *known = *count;
            if new != 0 {
                let frames: Vec<u64> = wire::frames(key).collect();
                gathered.add_asker(kind, self.symbols.stack_of_asker(&frames), new);
            }
        }
        Ok(())
    }

    fn gather_identities(
        &mut self,
        identities: &[(IdentityKey, u64)],
        places: &Places<'_>,
        gathered: &mut Gathered,
    ) -> Result<(), RecordError> {
        for (key, count) in identities {
            let Some(slot) = places(key.slot) else { continue };
            let known = self.identities.entry((slot.container, wire::bytes(key).to_vec())).or_default();
            let new = count.saturating_sub(*known);
            *known = *count;
            if new != 0 {
                gathered.add_identity(IdentityRow::of(&slot, key)?, new);
            }
        }
        Ok(())
    }

    /// Adds checks of the calls that threads were blocked in when the recording ended: kind and how many.
    pub(crate) fn add_unfinished(&self, waiting: &[(u32, u32)], end_ns: i64, gathered: &mut Gathered) {
        for (check, count) in waiting {
            if let Some(kind) = self.kinds.get(check) {
                gathered.add_check((*kind, wire::UNFINISHED), (*count).into(), (end_ns, end_ns));
            }
        }
    }

    /// Who asked is sampled, and mostly when a kind of check is new: another run is given the same samples.
    pub(crate) fn begin_run(&mut self) {
        self.askers.clear();
    }

    /// Forgets what belongs to containers that were dropped or have ended.
    pub(crate) fn forget_containers(&mut self, ended: &BTreeSet<u32>) {
        self.kinds.retain(|_, kind| !ended.contains(&kind.place.container));
        self.ends.retain(|(check, _), _| self.kinds.contains_key(check));
        self.askers.retain(|(check, _), _| self.kinds.contains_key(check));
        self.identities.retain(|(owner, _), _| !ended.contains(owner));
    }
}
