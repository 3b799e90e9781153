//! From the kernel's counters, which only grow, to what happened in a window.
//!
//! Lives here: differences. Does not: reading maps (see `kernel`), the rows made of what grew (see `gathered`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ctrec_recording::{LossKind, Segment, Window};

use crate::cells::CellsView;
use crate::checks::Checks;
use crate::clock::{Clock, Moment};
use crate::error::RecordError;
use crate::gathered::{CallKey, Counts, Gathered};
use crate::kernel::Kernel;
use crate::values::ValuesSeen;
use crate::wire::{self, SUCCEEDED, WireError};

/// A slot of the kernel side, and what was read of it so far.
#[derive(Debug)]
struct Slot {
    key: wire::SlotKey,
    succeeded: HashMap<u32, u32>,
    errnos: HashMap<(u32, u32), u32>,
}

impl Slot {
    fn call(&self, number: i64) -> Result<CallKey, WireError> {
        CallKey::of(&self.key, number)
    }
}

/// Everything that is read from the kernel, by difference.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    slots: BTreeMap<u32, Slot>,
    sparse: HashMap<(u32, i32, u32), u64>,
    arguments: HashMap<(u32, i32, u32, u64), u64>,
    starts: HashMap<(u32, u32, u32, u8, u8), u64>,
    losses: BTreeMap<(u32, u32), u64>,
    uncounted_losses: u64,
    misses: BTreeMap<String, u64>,
    checks: Checks,
    values: ValuesSeen,
    gathered: Gathered,
    /// Answers of filters are counted.
    exact: bool,
}

impl Counters {
    /// With `exact`, the kernel side counts answers of filters.
    pub(crate) fn new(exact: bool) -> Self {
        Self { exact, ..Self::default() }
    }

    /// A slot has appeared: gives it counters.
    pub(crate) fn add_slot(
        &mut self,
        kernel: &mut Kernel<'_>,
        slot: u32,
        key: wire::SlotKey,
    ) -> Result<(), RecordError> {
        if self.slots.get(&slot).is_some_and(|known| wire::bytes(&known.key) == wire::bytes(&key)) {
            return Ok(());
        }
        kernel.give_cells(slot)?;
        self.slots.insert(slot, Slot { key, succeeded: HashMap::new(), errnos: HashMap::new() });
        Ok(())
    }

    /// Forgets the slots of containers that were dropped or have ended; their indices will mean something else.
    pub(crate) fn forget_containers(&mut self, ended: &BTreeSet<u32>) {
        self.slots.retain(|_, slot| !ended.contains(&slot.key.container));
        self.sparse.retain(|(slot, ..), _| self.slots.contains_key(slot));
        self.arguments.retain(|(slot, ..), _| self.slots.contains_key(slot));
        self.values.keep_slots(&self.slots);
        self.starts.retain(|(owner, ..), _| !ended.contains(owner));
        self.checks.forget_containers(ended);
    }

    /// Drops what was gathered of a container that turned out not to be wanted.
    pub(crate) fn drop_container(&mut self, container: u32) {
        self.forget_containers(&BTreeSet::from([container]));
        self.gathered.drop_container(container);
    }

    /// Reads everything that grew since the last time. `wanted` tells whether a container's counts are to be read yet.
    pub(crate) fn gather(
        &mut self,
        kernel: &mut Kernel<'_>,
        clock: &Clock,
        window_start_ns: i64,
        wanted: impl Fn(u32) -> bool,
    ) -> Result<(), RecordError> {
        let now = kernel.clocks()?;
        for (key, slot) in kernel.slots()? {
            self.add_slot(kernel, slot, key)?;
        }
        for (index, slot) in self.slots.iter_mut().filter(|(_, slot)| wanted(slot.key.container)) {
            gather_cells(kernel, *index, slot, (clock, now, window_start_ns), &mut self.gathered)?;
        }
        self.gather_sparse(kernel, clock, window_start_ns, &wanted)?;
        self.gather_arguments(kernel, &wanted)?;
        self.gather_starts(kernel, &wanted)?;
        let slots = &self.slots;
        let places = |slot: u32| slots.get(&slot).map(|slot| slot.key).filter(|key| wanted(key.container));
        self.checks.gather(kernel, (clock, now, window_start_ns), &places, &mut self.gathered)?;
        let call = |slot: u32, number: i32| places(slot).map(|key| CallKey::of(&key, number.into())).transpose();
        self.values.gather(kernel, &call, &mut self.gathered)?;
        self.gather_losses(kernel)
    }

    fn gather_sparse(
        &mut self,
        kernel: &Kernel<'_>,
        clock: &Clock,
        window_start_ns: i64,
        wanted: &impl Fn(u32) -> bool,
    ) -> Result<(), RecordError> {
        for (key, count) in kernel.sparse()? {
            let Some(slot) = self.slots.get(&key.slot).filter(|slot| wanted(slot.key.container)) else { continue };
            let known = self.sparse.entry((key.slot, key.number, key.outcome)).or_default();
            let new = count.count.saturating_sub(*known);
            if new == 0 {
                continue;
            }
            let first_ns = if *known == 0 { clock.time_ns(count.first_ns) } else { window_start_ns };
            *known = count.count;
            let counts = self.gathered.calls.entry(slot.call(key.number.into())?).or_default();
            counts.add(key.outcome, new);
            counts.seen(first_ns, clock.time_ns(count.last_ns));
        }
        Ok(())
    }

    fn gather_arguments(&mut self, kernel: &Kernel<'_>, wanted: &impl Fn(u32) -> bool) -> Result<(), RecordError> {
        for (key, count) in kernel.arguments()? {
            let Some(slot) = self.slots.get(&key.slot).filter(|slot| wanted(slot.key.container)) else { continue };
            let known = self.arguments.entry((key.slot, key.number, key.index, key.value)).or_default();
            let new = count.saturating_sub(*known);
            *known = count;
            if new != 0 {
                let call = slot.call(key.number.into())?;
                *self.gathered.arguments.entry((call, key.index, key.value)).or_default() += new;
            }
        }
        Ok(())
    }

    fn gather_starts(&mut self, kernel: &Kernel<'_>, wanted: &impl Fn(u32) -> bool) -> Result<(), RecordError> {
        for (key, count) in kernel.starts()? {
            if !wanted(key.container) {
                continue;
            }
            let id = (key.container, key.parent, key.program, key.origin, key.phase);
            let known = self.starts.entry(id).or_default();
            let new = count.saturating_sub(*known);
            *known = count;
            if new != 0 {
                let row = (key.container, key.parent, key.program, wire::origin(key.origin)?, wire::phase(key.phase)?);
                *self.gathered.starts.entry(row).or_default() += new;
            }
        }
        Ok(())
    }

    fn gather_losses(&mut self, kernel: &Kernel<'_>) -> Result<(), RecordError> {
        for ((loss, container), count) in kernel.losses()? {
            let known = self.losses.insert((loss, container), count).unwrap_or_default();
            let (kind, detail) = wire::loss(loss)?;
            self.gathered.lose(kind, (container != 0).then_some(container), detail, count.saturating_sub(known));
        }
        let uncounted = kernel.uncounted_losses();
        self.gathered.lose(LossKind::MapFull, None, "losses", uncounted - self.uncounted_losses);
        self.uncounted_losses = uncounted;
        for (program, count) in kernel.recursion_misses()? {
            let known = self.misses.insert(program.clone(), count).unwrap_or_default();
            self.gathered.lose(LossKind::RecursionMiss, None, &program, count.saturating_sub(known));
        }
        Ok(())
    }

    /// Notes a loss that the recorder itself knows of.
    pub(crate) fn lose(&mut self, kind: LossKind, container: Option<u32>, detail: &str) {
        self.gathered.lose(kind, container, detail, 1);
    }

    /// Adds calls that were still blocked when the recording ended, and what was asked in them.
    pub(crate) fn add_unfinished(
        &mut self,
        calls: &[wire::Unfinished],
        checks: &[(u32, u32)],
        end_ns: i64,
    ) -> Result<(), WireError> {
        self.checks.add_unfinished(checks, end_ns, &mut self.gathered);
        for call in calls {
            let Some(slot) = self.slots.get(&call.slot) else { continue };
            let counts = self.gathered.calls.entry(slot.call(call.number.into())?).or_default();
            counts.unfinished += 1;
            counts.seen(end_ns, end_ns);
        }
        Ok(())
    }

    /// Another run goes on, which must be understood without the ones before.
    pub(crate) fn begin_run(&mut self) {
        self.checks.begin_run();
        self.values.begin_run();
    }

    /// What was gathered, of the containers that are `kept`, as a segment.
    pub(crate) fn segment(&self, window: Window, kept: impl Fn(u32) -> bool) -> Segment {
        self.gathered.segment(window, self.exact, kept)
    }

    /// The gathered counts are on disk.
    pub(crate) fn written(&mut self) {
        self.gathered = Gathered::default();
    }
}

/// Sums a slot's counters over the CPUs. Sums and differences are modulo 2^32, as the counters are.
fn gather_cells(
    kernel: &Kernel<'_>,
    index: u32,
    slot: &mut Slot,
    (clock, now, window_start_ns): (&Clock, Moment, i64),
    gathered: &mut Gathered,
) -> Result<(), RecordError> {
    let mut errnos: HashMap<(u32, u32), u32> = HashMap::new();
    let mut calls: HashMap<u32, (u32, i64, i64)> = HashMap::new();
    let visit = |cells: &CellsView| {
        for (number, errno, count) in cells.errnos() {
            let sum = errnos.entry((number, errno)).or_default();
            *sum = sum.wrapping_add(count);
        }
        for (number, succeeded, first, last) in cells.calls() {
            let (first, last) = (clock.first_ns(first, now), clock.last_ns(last, now));
            let sum = calls.entry(number).or_insert((0, i64::MAX, i64::MIN));
            *sum = (sum.0.wrapping_add(succeeded), sum.1.min(first), sum.2.max(last));
        }
    };
    kernel.read_cells(index, visit)?;
    for (number, (succeeded, first_ns, last_ns)) in calls {
        let of_number = |errnos: &HashMap<(u32, u32), u32>| -> Vec<(u32, u32)> {
            errnos.iter().filter(|((of, _), _)| *of == number).map(|((_, errno), count)| (*errno, *count)).collect()
        };
        let known_before = slot.succeeded.contains_key(&number);
        let known = slot.succeeded.entry(number).or_default();
        let new = succeeded.wrapping_sub(*known);
        *known = succeeded;
        let key = slot.call(number.into())?;
        let mut counts = Counts::default();
        counts.add(SUCCEEDED, new.into());
        for (errno, count) in of_number(&errnos) {
            let known = slot.errnos.entry((number, errno)).or_default();
            counts.add(errno, count.wrapping_sub(*known).into());
            *known = count;
        }
        counts.errnos.retain(|_, count| *count != 0);
        if counts == Counts::default() {
            continue;
        }
        let first_ns = if known_before { window_start_ns } else { first_ns };
        let sum = gathered.calls.entry(key).or_default();
        sum.succeeded += counts.succeeded;
        sum.interrupted += counts.interrupted;
        sum.refused += counts.refused;
        for (errno, count) in counts.errnos {
            *sum.errnos.entry(errno).or_default() += count;
        }
        sum.seen(first_ns, last_ns.max(first_ns));
    }
    Ok(())
}
