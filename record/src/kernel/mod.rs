//! The kernel side as user space sees it: load, attach, the maps, detach.
//!
//! Lives here: programs, loaded and attached. Beside it: `containers`, which are entered and given back; `counts`, which are
//! read; `maps`, how one entry is. Does not: what the kernel must offer (see `requirements`), what differs between kernels
//! (see `differences`), events (see `events`), what the numbers mean (see `counters`), which container is which.

mod batch;
mod containers;
mod counts;
mod maps;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;

use libbpf_rs::btf::Btf;
use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use libbpf_rs::{Link, MapHandle, OpenObject, Program, ProgramImpl, ProgramInput};

use ctrec_recording::Hook;

use crate::cells;
use crate::check_hook::{CheckHook, Tried};
use crate::clock::Moment;
use crate::differences::{Preemption, keep_the_cpu};
use crate::error::RecordError;
use crate::events::Events;
use crate::own::kernel_bytes;
use crate::program_info::{RunTime, recursion_misses, run_time};
use crate::requirements;
use crate::skel::{CtrecSkel, CtrecSkelBuilder};
use crate::values;
use crate::wire;

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
    /// The hook on capability checks; `None`: the first that is heard.
    pub(crate) check_hook: Option<CheckHook>,
    /// What the verifier says of each program; 0: nothing.
    pub(crate) log_level: u32,
}

/// The loaded kernel side.
pub(crate) struct Kernel<'storage> {
    skel: CtrecSkel<'storage>,
    links: Vec<Link>,
    cpus: u32,
    exact_exec: bool,
    exact_refusals: bool,
    tried: Tried,
    preemption: Preemption,
    /// Containers that user space enters. The kernel side numbers its own, from 1.
    next_container: u32,
    /// Counters, by bank of slots. Kept for the next slots when their owners are gone.
    banks: BTreeMap<u32, MapHandle>,
    /// Slots that are given back at the next window.
    resting: BTreeSet<u32>,
}

impl fmt::Debug for Kernel<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Kernel").field("cpus", &self.cpus).finish_non_exhaustive()
    }
}

impl<'storage> Kernel<'storage> {
    /// Loads the programs; nothing is attached yet. `btf`: the kernel's types, see [`requirements::check`]. `tables`: see [`crate::Options::tables`].
    pub(crate) fn load(
        storage: &'storage mut Storage,
        btf: &Btf<'_>,
        parts: Parts,
        tables: &BTreeMap<String, u32>,
    ) -> Result<Self, RecordError> {
        let load = |source| RecordError::Load { source };
        let preemption = Preemption::find(btf);
        let tried = CheckHook::find(btf, preemption, parts.check_hook)?;
        let exact_exec = requirements::has_hook(btf, requirements::PREPARE_EXEC);
        let cpus = u32::try_from(libbpf_rs::num_possible_cpus().map_err(load)?).unwrap_or(1);
        let mut open = CtrecSkelBuilder::default().open(&mut storage.0).map_err(load)?;
        open.progs.on_prepare_exec.set_autoload(exact_exec);
        let perf = preemption.on_tracepoints;
        open.progs.on_sys_exit.set_autoload(!perf);
        open.progs.on_sys_exit_perf.set_autoload(perf);
        open.progs.on_sys_enter.set_autoload(parts.exact_refusals && !perf);
        open.progs.on_sys_enter_perf.set_autoload(parts.exact_refusals && perf);
        for program in [
            &mut open.progs.on_fork_again,
            &mut open.progs.on_exec_again,
            &mut open.progs.on_signal_again,
            &mut open.progs.on_exit_again,
        ] {
            program.set_autoload(perf);
        }
        CheckHook::choose(tried.heard, &mut open.progs);
        for mut program in open.open_object_mut().progs_mut() {
            program.set_log_level(parts.log_level);
        }
        let rodata = open.maps.rodata_data.as_mut().ok_or(RecordError::Skeleton)?;
        rodata.kept_arguments = values::kept_arguments();
        let config = &mut rodata.config;
        config.cpus = cpus;
        config.discover = parts.discover.into();
        config.prepare_exec = exact_exec.into();
        config.entries = parts.exact_refusals.into();
        config.twice = perf.into();
        config.hold = (preemption.on_tracepoints && preemption.can_be_held).into();
        let template = cells::create(cpus).map_err(load)?;
        open.maps.cells.set_inner_map_fd(template.as_fd()).map_err(load)?;
        for mut map in open.open_object_mut().maps_mut() {
            if let Some(most) = map.name().to_str().and_then(|name| tables.get(name)) {
                map.set_max_entries(*most).map_err(load)?;
            }
        }
        let skel = open.load().map_err(load)?;
        let (links, exact_refusals) = (Vec::new(), parts.exact_refusals);
        let (banks, resting, next_container) = (BTreeMap::new(), BTreeSet::new(), 1 << 31);
        let mut kernel =
            Self { skel, links, cpus, exact_exec, exact_refusals, tried, preemption, next_container, banks, resting };
        kernel.free_slots(1..tables.get("slots").map_or(wire::SLOTS, |most| wire::SLOTS.min(most + 1)))?;
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
        ];
        let perf = self.preemption.on_tracepoints;
        if perf {
            let again = [
                ("sched_process_exit", &progs.on_exit_again),
                ("sched_process_exec", &progs.on_exec_again),
                ("signal_deliver", &progs.on_signal_again),
                ("sched_process_fork", &progs.on_fork_again),
            ];
            all.extend(again); /* after the first ones: they run in the order in which they came */
        }
        if self.exact_refusals {
            /* before the end of a call is looked at */
            all.push(("sys_enter", if perf { &progs.on_sys_enter_perf } else { &progs.on_sys_enter }));
        }
        all.push(("sys_exit", if perf { &progs.on_sys_exit_perf } else { &progs.on_sys_exit }));
        if self.exact_exec {
            all.insert(0, ("sched_prepare_exec", &progs.on_prepare_exec));
        }
        for (hook, program) in all {
            let link = program.attach().map_err(|source| RecordError::Attach { hook, source })?;
            self.links.push(link);
        }
        if perf || self.preemption.on_functions && self.tried.heard == Some(CheckHook::Kprobe) {
            keep_the_cpu();
        }
        if let Some(hook) = self.tried.heard {
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
        let kind = if self.counts_by_perf() { "tp/raw_syscalls" } else { "tp_btf" };
        let of_calls = |name: &str| Hook { name: format!("{kind}/{name}"), blind_to: Vec::new() };
        let mut hooks = vec![of_calls("sys_exit")];
        hooks.extend(self.exact_refusals.then(|| of_calls("sys_enter")));
        hooks.push(Hook {
            name: "tp_btf/sched_process_exec".to_owned(),
            blind_to: if self.exact_exec {
                Vec::new()
            } else {
                vec!["execveat with an absolute path (shown as execve)".to_owned(), "execve's own ABI".to_owned()]
            },
        });
        hooks.extend(self.tried.heard.map(CheckHook::describe));
        hooks
    }

    /// The hook that sees capability checks, and those that are passed over.
    pub(crate) fn tried(&self) -> &Tried {
        &self.tried
    }

    /// Whether calls are counted by way of perf.
    pub(crate) fn counts_by_perf(&self) -> bool {
        self.preemption.on_tracepoints
    }

    /// Both clocks at one moment.
    pub(crate) fn clocks(&self) -> Result<Moment, RecordError> {
        let run = self.skel.progs.read_clocks.test_run(ProgramInput::default());
        run.map_err(|source| RecordError::Map { map: "clocks", source })?;
        let bss = self.skel.maps.bss_data.as_ref().ok_or(RecordError::Skeleton)?;
        Ok(Moment { time_ns: bss.clock_now.time_ns, jiffies: bss.clock_now.jiffies })
    }

    fn loaded(&self) -> impl Iterator<Item = Program<'_>> {
        self.skel.object().progs().filter(ProgramImpl::autoload)
    }

    /// Times that a program was not run because it was running on that CPU already, by program. Of two that stand in for
    /// each other, as often as both may have been passed by.
    pub(crate) fn recursion_misses(&self) -> Result<BTreeMap<String, u64>, RecordError> {
        let mut misses = BTreeMap::new();
        for program in self.loaded() {
            let count = recursion_misses(program.as_fd()).map_err(|source| RecordError::Programs { source })?;
            misses.insert(program.name().to_string_lossy().into_owned(), count);
        }
        Ok(of_both(misses))
    }

    /// How long the programs ran, and how often, while the kernel measured it.
    pub(crate) fn run_time(&self) -> Result<RunTime, RecordError> {
        let mut sum = RunTime::default();
        for program in self.loaded() {
            let of_one = run_time(program.as_fd()).map_err(|source| RecordError::Programs { source })?;
            sum.run_ns += of_one.run_ns;
            sum.runs += of_one.runs;
        }
        Ok(sum)
    }

    /// Bytes of kernel memory that programs and maps take.
    pub(crate) fn bytes(&self) -> Result<u64, RecordError> {
        let programs = self.loaded().map(|program| kernel_bytes(program.as_fd())).sum::<Result<u64, _>>()?;
        let maps = self.skel.object().maps().map(|map| kernel_bytes(map.as_fd())).sum::<Result<u64, _>>()?;
        let mut banks = self.banks.values().peekable(); /* each takes as much as another */
        let of_one = banks.peek().map(|bank| kernel_bytes(bank.as_fd())).transpose()?.unwrap_or_default();
        Ok(programs + maps + of_one * banks.count() as u64)
    }

    /// The ring buffer.
    pub(crate) fn events(&self) -> Result<Events, RecordError> {
        Events::of(&self.skel.maps.events)
    }
}

/// How the second of two programs on a hook is called, after the first.
const AGAIN: &str = "_again";

fn of_both(misses: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let (again, mut misses): (BTreeMap<_, _>, BTreeMap<_, _>) =
        misses.into_iter().partition(|(name, _)| name.ends_with(AGAIN));
    for (name, count) in again {
        let first = misses.entry(name.trim_end_matches(AGAIN).to_owned()).or_default();
        *first = count.min(*first);
    }
    misses.retain(|_, count| *count != 0);
    misses
}

#[cfg(test)]
mod tests {
    use super::of_both;

    #[test]
    fn what_the_second_program_saw_is_not_missed() {
        let misses = [("on_exit", 3), ("on_fork", 5), ("on_fork_again", 1), ("on_exec", 0), ("on_exec_again", 9)];
        let misses = of_both(misses.map(|(name, count)| (name.to_owned(), count)).into());
        assert_eq!(misses, [("on_exit".to_owned(), 3), ("on_fork".to_owned(), 1)].into());
    }
}
