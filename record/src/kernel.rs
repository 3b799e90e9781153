//! The kernel side as user space sees it: load, attach, the maps, detach.
//!
//! Lives here: programs and maps. Does not: what the kernel must offer (see `requirements`), events (see `events`), what
//! the numbers mean (see `counters`), which container is which.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};

use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use libbpf_rs::{Iter, Link, MapCore, MapFlags, MapHandle, OpenObject, ProgramInput};

use ctrec_recording::Hook;

use crate::cells;
use crate::check_hook::CheckHook;
use crate::clock::Moment;
use crate::error::RecordError;
use crate::events::Events;
use crate::program_info::recursion_misses;
use crate::requirements;
use crate::skel::{CtrecSkel, CtrecSkelBuilder};
use crate::wire::{self, CgroupKey, KernelContainer, KernelPath, SlotKey, Wire};

/// Where libbpf keeps the object; outlives [`Kernel`].
#[derive(Debug)]
pub(crate) struct Storage(MaybeUninit<OpenObject>);

impl Storage {
    pub(crate) fn new() -> Self {
        Self(MaybeUninit::uninit())
    }
}

/// First process of a container that runs already.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Init {
    pub(crate) pid: u32,
    /// Monotonic, ns: when it was found.
    pub(crate) started_ns: u64,
    /// Inode of its user namespace.
    pub(crate) user_space: u32,
}

/// What of the kernel side a recording wants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    /// Follow cgroups outside of known containers.
    pub(crate) discover: bool,
    /// Count what filters answered, by a second hook.
    pub(crate) exact_refusals: bool,
}

/// The loaded kernel side.
pub(crate) struct Kernel<'storage> {
    skel: CtrecSkel<'storage>,
    links: Vec<Link>,
    cpus: u32,
    exact_exec: bool,
    exact_refusals: bool,
    check_hook: Option<CheckHook>,
    /// Containers that user space enters. The kernel side numbers its own, from 1.
    next_container: u32,
}

impl fmt::Debug for Kernel<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Kernel").field("cpus", &self.cpus).finish_non_exhaustive()
    }
}

impl<'storage> Kernel<'storage> {
    /// Loads the programs; nothing is attached yet.
    pub(crate) fn load(storage: &'storage mut Storage, parts: Parts) -> Result<Self, RecordError> {
        requirements::check()?;
        let load = |source| RecordError::Load { source };
        let btf = requirements::types()?;
        let check_hook = CheckHook::find(&btf);
        let exact_exec = requirements::has_hook(&btf, requirements::PREPARE_EXEC);
        let cpus = u32::try_from(libbpf_rs::num_possible_cpus().map_err(load)?).unwrap_or(1);
        let mut open = CtrecSkelBuilder::default().open(&mut storage.0).map_err(load)?;
        open.progs.on_prepare_exec.set_autoload(exact_exec);
        open.progs.on_sys_enter.set_autoload(parts.exact_refusals);
        CheckHook::choose(check_hook, &mut open.progs);
        let config = &mut open.maps.rodata_data.as_mut().ok_or(RecordError::Skeleton)?.config;
        config.cpus = cpus;
        config.discover = parts.discover.into();
        config.prepare_exec = exact_exec.into();
        config.entries = parts.exact_refusals.into();
        let template = cells::create(cpus).map_err(load)?;
        open.maps.cells.set_inner_map_fd(template.as_fd()).map_err(load)?;
        let skel = open.load().map_err(load)?;
        let (links, exact_refusals) = (Vec::new(), parts.exact_refusals);
        let kernel = Self { skel, links, cpus, exact_exec, exact_refusals, check_hook, next_container: 1 << 31 };
        for slot in 1..wire::SLOTS {
            kernel.free_slot(slot)?;
        }
        Ok(kernel)
    }

    /// Attaches everything; threads are followed before calls are counted.
    pub(crate) fn attach(&mut self) -> Result<(), RecordError> {
        let progs = &self.skel.progs;
        let mut all = vec![
            ("sched_process_exit", &progs.on_exit),
            ("sched_process_exec", &progs.on_exec),
            ("signal_deliver", &progs.on_signal),
            ("sched_process_fork", &progs.on_fork),
            ("cgroup_rmdir", &progs.on_cgroup_rmdir),
            ("cgroup_attach_task", &progs.on_cgroup_attach),
            ("cgroup_mkdir", &progs.on_cgroup_mkdir),
            ("sys_exit", &progs.on_sys_exit),
        ];
        if self.exact_refusals {
            all.insert(all.len() - 1, ("sys_enter", &progs.on_sys_enter)); /* before the end of a call is looked at */
        }
        if self.exact_exec {
            all.insert(0, ("sched_prepare_exec", &progs.on_prepare_exec));
        }
        for (hook, program) in all {
            let link = program.attach().map_err(|source| RecordError::Attach { hook, source })?;
            self.links.push(link);
        }
        if let Some(hook) = self.check_hook {
            let links = hook.attach(progs).map_err(|source| RecordError::Attach { hook: "cap_capable", source })?;
            self.links.extend(links);
        }
        Ok(())
    }

    /// Detaches everything; maps stay readable.
    pub(crate) fn detach(&mut self) {
        self.links.clear();
    }

    /// The hooks of this kernel, and what they cannot see.
    pub(crate) fn hooks(&self) -> Vec<Hook> {
        let mut hooks = vec![Hook { name: "tp_btf/sys_exit".to_owned(), blind_to: Vec::new() }];
        if self.exact_refusals {
            hooks.push(Hook { name: "tp_btf/sys_enter".to_owned(), blind_to: Vec::new() });
        }
        hooks.push(Hook {
            name: "tp_btf/sched_process_exec".to_owned(),
            blind_to: if self.exact_exec {
                Vec::new()
            } else {
                vec!["execveat with an absolute path (shown as execve)".to_owned(), "execve's own ABI".to_owned()]
            },
        });
        hooks.extend(self.check_hook.map(CheckHook::describe));
        hooks
    }

    /// The hook that sees capability checks.
    pub(crate) fn check_hook(&self) -> Option<CheckHook> {
        self.check_hook
    }

    /// Both clocks at one moment.
    pub(crate) fn clocks(&self) -> Result<Moment, RecordError> {
        let run = self.skel.progs.read_clocks.test_run(ProgramInput::default());
        run.map_err(|source| RecordError::Map { map: "clocks", source })?;
        let bss = self.skel.maps.bss_data.as_ref().ok_or(RecordError::Skeleton)?;
        Ok(Moment { time_ns: bss.clock_now.time_ns, jiffies: bss.clock_now.jiffies })
    }

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

    fn free_slot(&self, slot: u32) -> Result<(), RecordError> {
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

    /// Possible CPUs.
    pub(crate) fn cpus(&self) -> u32 {
        self.cpus
    }

    /// Slots and what they are for.
    pub(crate) fn slots(&self) -> Result<Vec<(SlotKey, u32)>, RecordError> {
        entries(&self.skel.maps.slots, "slots")
    }

    /// Counts without a cell.
    pub(crate) fn sparse(&self) -> Result<Vec<(wire::SparseKey, wire::Count)>, RecordError> {
        entries(&self.skel.maps.sparse, "sparse")
    }

    /// Argument values.
    pub(crate) fn arguments(&self) -> Result<Vec<(wire::ArgumentKey, u64)>, RecordError> {
        entries(&self.skel.maps.arguments, "arguments")
    }

    /// Executions.
    pub(crate) fn starts(&self) -> Result<Vec<(wire::StartKey, u64)>, RecordError> {
        entries(&self.skel.maps.starts, "starts")
    }

    /// Kinds of capability checks.
    pub(crate) fn checks(&self) -> Result<Vec<(wire::CheckKey, wire::Check)>, RecordError> {
        entries(&self.skel.maps.checks, "checks")
    }

    /// How often calls ended as the first one did that a kind of check was asked in; `None`: the kind came too late for
    /// a place of its own.
    pub(crate) fn check_count(&self, check: u32) -> Result<Option<wire::CheckCount>, RecordError> {
        let counts = &self.skel.maps.check_counts;
        if check >= wire::CHECKS {
            return Ok(None);
        }
        let found = counts.lookup(wire::bytes(&check), MapFlags::ANY).map_err(map_error("check_counts"))?;
        Ok(found.map(|bytes| wire::read(&bytes)).transpose()?)
    }

    /// How the other calls ended.
    pub(crate) fn check_ends(&self) -> Result<Vec<(wire::CheckEnd, wire::Count)>, RecordError> {
        entries(&self.skel.maps.check_ends, "check_ends")
    }

    /// Samples of who asked.
    pub(crate) fn askers(&self) -> Result<Vec<(wire::AskerKey, u64)>, RecordError> {
        entries(&self.skel.maps.askers, "askers")
    }

    /// As whom programs ran.
    pub(crate) fn identities(&self) -> Result<Vec<(wire::IdentityKey, u64)>, RecordError> {
        entries(&self.skel.maps.identities, "identities")
    }

    /// Checks of the calls that threads are in: kind and how many.
    pub(crate) fn pending(&self) -> Result<Vec<(u32, u32)>, RecordError> {
        let mut waiting = Vec::new();
        for (_, others) in entries::<u32, wire::Pending>(&self.skel.maps.pending, "pending")? {
            let used = usize::try_from(others.used).unwrap_or_default();
            waiting.extend(others.checks.iter().take(used).map(|held| (held.check, held.count)));
        }
        let alone = &self.skel.maps.bss_data.as_ref().ok_or(RecordError::Skeleton)?.waiting;
        waiting
            .extend(alone.iter().map(|place| (place.check, wire::low(place.owner))).filter(|(_, count)| *count != 0));
        Ok(waiting)
    }

    /// The kernel's view of the containers.
    pub(crate) fn containers(&self) -> Result<BTreeMap<u32, KernelContainer>, RecordError> {
        Ok(entries(&self.skel.maps.containers, "containers")?.into_iter().collect())
    }

    /// Containers that still have a cgroup.
    pub(crate) fn cgroup_owners(&self) -> Result<BTreeSet<u32>, RecordError> {
        let found = entries::<CgroupKey, u32>(&self.skel.maps.cgroups, "cgroups")?;
        Ok(found.into_iter().map(|(_, owner)| owner).collect())
    }

    /// Takes out the paths of new programs, by program id.
    pub(crate) fn take_paths(&self) -> Result<Vec<(u32, KernelPath)>, RecordError> {
        let found = entries::<u32, KernelPath>(&self.skel.maps.paths, "paths")?;
        for (program, _) in &found {
            remove(&self.skel.maps.paths, "paths", program)?;
        }
        Ok(found)
    }

    /// Losses that the programs counted: (loss, container or 0) and how many so far.
    pub(crate) fn losses(&self) -> Result<BTreeMap<(u32, u32), u64>, RecordError> {
        let found = entries::<wire::LossKey, u64>(&self.skel.maps.losses, "losses")?;
        Ok(found.into_iter().map(|(key, count)| ((key.loss, key.container), count)).collect())
    }

    /// Losses that had no room in the map of losses.
    pub(crate) fn uncounted_losses(&self) -> u64 {
        self.skel.maps.bss_data.as_ref().map_or(0, |bss| bss.uncounted_losses)
    }

    /// Times that a program was not run because it was running on that CPU already, by program.
    pub(crate) fn recursion_misses(&self) -> Result<BTreeMap<String, u64>, RecordError> {
        let mut misses = BTreeMap::new();
        for program in self.skel.object().progs() {
            if !program.autoload() {
                continue;
            }
            let count = recursion_misses(program.as_fd()).map_err(|source| RecordError::Programs { source })?;
            if count != 0 {
                misses.insert(program.name().to_string_lossy().into_owned(), count);
            }
        }
        Ok(misses)
    }

    /// Calls that followed threads are blocked in.
    pub(crate) fn unfinished(&self) -> Result<Vec<wire::Unfinished>, RecordError> {
        let failed = |source| RecordError::Attach { hook: "iter/task", source };
        let link = self.skel.progs.list_unfinished.attach().map_err(failed)?;
        let mut bytes = Vec::new();
        let mut iterator = Iter::new(&link).map_err(failed)?;
        iterator.read_to_end(&mut bytes).map_err(|source| RecordError::Unfinished { source })?;
        Ok(bytes.chunks(size_of::<wire::Unfinished>()).map(wire::read).collect::<Result<_, _>>()?)
    }

    /// The ring buffer.
    pub(crate) fn events(&self) -> Result<Events, RecordError> {
        Events::of(&self.skel.maps.events)
    }
}

fn map_error(map: &'static str) -> impl Fn(libbpf_rs::Error) -> RecordError {
    move |source| RecordError::Map { map, source }
}

fn update<K: Wire, V: Wire>(map: &impl MapCore, name: &'static str, key: &K, value: &V) -> Result<(), RecordError> {
    map.update(wire::bytes(key), wire::bytes(value), MapFlags::ANY).map_err(map_error(name))
}

fn absent_is_fine(error: libbpf_rs::Error) -> Result<(), libbpf_rs::Error> {
    if error.kind() == libbpf_rs::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Removes an entry; one that is not there is fine, the kernel side removes too.
fn remove<K: Wire>(map: &impl MapCore, name: &'static str, key: &K) -> Result<(), RecordError> {
    map.delete(wire::bytes(key)).or_else(absent_is_fine).map_err(map_error(name))
}

/// All entries. One that is added meanwhile may be missed, and is found the next time; counts are never reset.
fn entries<K: Wire, V: Wire>(map: &impl MapCore, name: &'static str) -> Result<Vec<(K, V)>, RecordError> {
    let mut found = Vec::new();
    for key in map.keys() {
        if let Some(value) = map.lookup(&key, MapFlags::ANY).map_err(map_error(name))? {
            found.push((wire::read(&key)?, wire::read(&value)?));
        }
    }
    Ok(found)
}
