//! Containers and slots in the kernel's maps: entered, and given back when they have ended.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, AsRawFd};

use libbpf_rs::{MapCore, MapFlags, MapHandle};

use super::maps::{absent_is_fine, entries, map_error, remove, update};
use super::{Init, Kernel};
use crate::cells;
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
        self.forget_container(container)
    }

    /// Gives back what a container that has ended held in the kernel.
    pub(crate) fn forget_container(&mut self, container: u32) -> Result<(), RecordError> {
        let slots = self.slots()?;
        let maps = &self.skel.maps;
        let gone: Vec<_> = slots.into_iter().filter(|(key, _)| key.container == container).collect();
        for (key, slot) in &gone {
            remove(&maps.slots, "slots", key)?;
            maps.cells.delete(wire::bytes(slot)).or_else(absent_is_fine).map_err(map_error("cells"))?;
        }
        let gone: Vec<u32> = gone.into_iter().map(|(_, slot)| slot).collect();
        for (key, _) in self.sparse()? {
            if gone.contains(&key.slot) {
                remove(&self.skel.maps.sparse, "sparse", &key)?;
            }
        }
        for (key, _) in self.arguments()? {
            if gone.contains(&key.slot) {
                remove(&self.skel.maps.arguments, "arguments", &key)?;
            }
        }
        self.forget_checks(&gone)?;
        for (key, _) in self.starts()? {
            if key.container == container {
                remove(&self.skel.maps.starts, "starts", &key)?;
            }
        }
        for (key, _) in entries::<wire::ProgramKey, u32>(&self.skel.maps.programs, "programs")? {
            if key.container == container {
                remove(&self.skel.maps.programs, "programs", &key)?;
            }
        }
        remove(&self.skel.maps.containers, "containers", &container)?;
        for slot in gone {
            let compat = &mut self.skel.maps.bss_data.as_mut().ok_or(RecordError::Skeleton)?.compat_slots;
            compat[slot as usize] = 0;
            self.free_slot(slot)?;
        }
        Ok(())
    }

    fn forget_checks(&self, slots: &[u32]) -> Result<(), RecordError> {
        let maps = &self.skel.maps;
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

    pub(super) fn free_slot(&self, slot: u32) -> Result<(), RecordError> {
        let queue = &self.skel.maps.free_slots;
        queue.update(&[], wire::bytes(&slot), MapFlags::ANY).map_err(map_error("free_slots"))
    }

    /// Gives a slot its counters. Until then its calls are counted in `sparse`.
    pub(crate) fn give_cells(&self, slot: u32) -> Result<MapHandle, RecordError> {
        let map = cells::create(self.cpus).map_err(map_error("cells"))?;
        let fd = u32::try_from(map.as_fd().as_raw_fd()).map_err(|_| RecordError::Skeleton)?;
        update(&self.skel.maps.cells, "cells", &slot, &fd)?;
        Ok(map)
    }
}
