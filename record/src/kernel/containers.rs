//! Containers and slots in the kernel's maps: entered, and given back when they have ended.

use std::collections::BTreeSet;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd};

use libbpf_rs::{MapCore, MapFlags, ProgramInput};

use super::maps::{entries, map_error, remove, update};
use super::{Init, Kernel};
use crate::cells::{self, CellsView};
use crate::error::RecordError;
use crate::wire::{self, CgroupKey, KernelContainer};

impl Kernel<'_> {
    /// Enters a container and one of its cgroups. `init` is its first process, if it runs already.
    pub(crate) fn add_container(&mut self, cgroups: &[CgroupKey], init: Option<Init>) -> Result<u32, RecordError> {
        let container = self.next_container;
        self.next_container += 1;
        let Init { pid: init_tid, started_ns, user_space } = init.unwrap_or_default();
        let value = KernelContainer { init_tid, started_ns, user_space, ..KernelContainer::default() };
        update(&self.skel.maps.containers, "containers", &container, &value)?;
        for cgroup in cgroups {
            update(&self.skel.maps.cgroups, "cgroups", cgroup, &container)?;
        }
        Ok(container)
    }

    /// Whether a cgroup belongs to a container already.
    pub(crate) fn knows_cgroup(&self, cgroup: &CgroupKey) -> Result<bool, RecordError> {
        let found = self.skel.maps.cgroups.lookup(wire::bytes(cgroup), MapFlags::ANY).map_err(map_error("cgroups"))?;
        Ok(found.is_some())
    }

    /// Forgets what the thread cache holds, so that each thread is looked up again.
    pub(crate) fn clear_thread_cache(&mut self) -> Result<(), RecordError> {
        self.skel.maps.bss_data.as_mut().ok_or(RecordError::Skeleton)?.threads.fill(0);
        Ok(())
    }

    /// Stops recording a container: its cgroups, its threads, its slots.
    pub(crate) fn drop_container(&mut self, container: u32) -> Result<(), RecordError> {
        let maps = &self.skel.maps;
        for (key, owner) in entries::<CgroupKey, u32>(&maps.cgroups, "cgroups")? {
            if owner == container {
                remove(&maps.cgroups, "cgroups", &key)?;
            }
        }
        for (tid, task) in entries::<u32, wire::Task>(&maps.tasks, "tasks")? {
            if task.container == container {
                remove(&maps.tasks, "tasks", &tid)?;
                remove(&maps.pending, "pending", &tid)?;
            }
        }
        self.clear_thread_cache()?;
        self.forget_containers(&BTreeSet::from([container]))
    }

    /// Gives back what containers that have ended held in the kernel. All at once: each look is at everything there is.
    pub(crate) fn forget_containers(&mut self, ended: &BTreeSet<u32>) -> Result<(), RecordError> {
        if ended.is_empty() {
            return Ok(());
        }
        let gone: Vec<_> = self.slots()?.into_iter().filter(|(key, _)| ended.contains(&key.container)).collect();
        let maps = &self.skel.maps;
        for (key, _) in &gone {
            remove(&maps.slots, "slots", key)?;
        }
        let slots: BTreeSet<u32> = gone.into_iter().map(|(_, slot)| slot).collect();
        self.forget_slots(&slots)?;
        for (key, _) in self.starts()?.iter().filter(|(key, _)| ended.contains(&key.container)) {
            remove(&self.skel.maps.starts, "starts", key)?;
        }
        for (key, _) in entries::<wire::ProgramKey, u32>(&self.skel.maps.programs, "programs")? {
            if ended.contains(&key.container) {
                remove(&self.skel.maps.programs, "programs", &key)?;
            }
        }
        for container in ended {
            remove(&self.skel.maps.containers, "containers", container)?;
        }
        self.resting.extend(slots);
        Ok(())
    }

    /// Gives back the slots of containers that were forgotten a window ago: until then a thread of one that was dropped
    /// may have been in the midst of counting.
    pub(crate) fn free_rested_slots(&mut self) -> Result<(), RecordError> {
        let rested = std::mem::take(&mut self.resting);
        if rested.is_empty() {
            return Ok(());
        }
        self.forget_slots(&rested)?;
        let bss = self.skel.maps.bss_data.as_mut().ok_or(RecordError::Skeleton)?;
        bss.seen_values.fill(0);
        for slot in &rested {
            bss.compat_slots[*slot as usize] = 0;
        }
        for slot in rested {
            if let Some(bank) = self.banks.get(&(slot / wire::BANK)) {
                cells::clear(bank.as_fd(), slot, self.cpus).map_err(|source| RecordError::Cells { source })?;
            }
            self.free_slot(slot)?;
        }
        Ok(())
    }

    /// What was counted for slots beside their cells.
    fn forget_slots(&self, slots: &BTreeSet<u32>) -> Result<(), RecordError> {
        let maps = &self.skel.maps;
        for (key, _) in self.sparse()?.iter().filter(|(key, _)| slots.contains(&key.slot)) {
            remove(&maps.sparse, "sparse", key)?;
        }
        for (key, _) in self.arguments()?.iter().filter(|(key, _)| slots.contains(&key.slot)) {
            remove(&maps.arguments, "arguments", key)?;
        }
        for (key, _) in self.values()?.iter().filter(|(key, _)| slots.contains(&key.slot)) {
            remove(&maps.values, "values", key)?;
        }
        for (owner, _) in self.value_counts()?.iter().filter(|(owner, _)| slots.contains(&owner.slot)) {
            remove(&maps.value_counts, "value_counts", owner)?;
        }
        let of_slots = |(key, _): &(wire::CheckKey, wire::Check)| slots.contains(&key.slot);
        let gone: Vec<_> = self.checks()?.into_iter().filter(of_slots).collect();
        let ids: BTreeSet<u32> = gone.iter().map(|(_, check)| check.id).collect();
        for (key, _) in self.check_ends()?.iter().filter(|(key, _)| ids.contains(&key.check)) {
            remove(&maps.check_ends, "check_ends", key)?;
        }
        for (key, _) in self.askers()?.iter().filter(|(key, _)| ids.contains(&key.check)) {
            remove(&maps.askers, "askers", key)?;
        }
        for (key, _) in &gone {
            remove(&maps.checks, "checks", key)?;
        }
        for (key, _) in self.identities()?.iter().filter(|(key, _)| slots.contains(&key.slot)) {
            remove(&maps.identities, "identities", key)?;
        }
        Ok(())
    }

    /// Makes slots free, of which the first is taken first: a bank is filled before another is made.
    pub(super) fn free_slots(&mut self, slots: Range<u32>) -> Result<(), RecordError> {
        let starts: Vec<u32> = slots.clone().step_by(wire::FREED as usize).collect();
        for first in starts.into_iter().rev() {
            let bss = self.skel.maps.bss_data.as_mut().ok_or(RecordError::Skeleton)?;
            bss.range_to_free = wire::Range { first, end: slots.end.min(first + wire::FREED) };
            let run = self.skel.progs.free_range.test_run(ProgramInput::default());
            run.map_err(map_error("free_slots"))?;
        }
        Ok(())
    }

    fn free_slot(&self, slot: u32) -> Result<(), RecordError> {
        let stack = &self.skel.maps.free_slots;
        stack.update(&[], wire::bytes(&slot), MapFlags::ANY).map_err(map_error("free_slots"))
    }

    /// Sees to it that a slot has counters. Until then its calls are counted in `sparse`.
    pub(crate) fn give_cells(&mut self, slot: u32) -> Result<(), RecordError> {
        if let Entry::Vacant(place) = self.banks.entry(slot / wire::BANK) {
            let map = cells::create(self.cpus).map_err(map_error("cells"))?;
            let fd = u32::try_from(map.as_fd().as_raw_fd()).map_err(|_| RecordError::Skeleton)?;
            update(&self.skel.maps.cells, "cells", place.key(), &fd)?;
            place.insert(map);
        }
        Ok(())
    }

    /// Calls `visit` with the counters of a slot on each CPU.
    pub(crate) fn read_cells(&self, slot: u32, visit: impl FnMut(&CellsView)) -> Result<(), RecordError> {
        let Some(bank) = self.banks.get(&(slot / wire::BANK)) else { return Ok(()) };
        cells::read(bank.as_fd(), slot, self.cpus, visit).map_err(|source| RecordError::Cells { source })
    }
}
