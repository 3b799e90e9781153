//! What the kernel side counted, as it is: nothing is reset by reading.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use libbpf_rs::Iter;

use super::Kernel;
use super::maps::{entries, entry, remove};
use crate::error::RecordError;
use crate::wire::{self, CgroupKey, KernelContainer, KernelPath, SlotKey};

impl Kernel<'_> {
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

    /// Values of arguments.
    pub(crate) fn values(&self) -> Result<Vec<(wire::ValuesKey, wire::Values)>, RecordError> {
        entries(&self.skel.maps.values, "values")
    }

    /// How many different ones each call of a slot has.
    pub(crate) fn value_counts(&self) -> Result<Vec<(wire::ValuesOwner, wire::ValuesCount)>, RecordError> {
        entries(&self.skel.maps.value_counts, "value_counts")
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
        entry(counts, "check_counts", &check)
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

    /// The kernel's view of one container.
    pub(crate) fn container(&self, container: u32) -> Result<Option<KernelContainer>, RecordError> {
        entry(&self.skel.maps.containers, "containers", &container)
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

    /// Calls that followed threads are blocked in.
    pub(crate) fn unfinished(&self) -> Result<Vec<wire::Unfinished>, RecordError> {
        let failed = |source| RecordError::Attach { hook: "iter/task", source };
        let link = self.skel.progs.list_unfinished.attach().map_err(failed)?;
        let mut bytes = Vec::new();
        let mut iterator = Iter::new(&link).map_err(failed)?;
        iterator.read_to_end(&mut bytes).map_err(|source| RecordError::Unfinished { source })?;
        Ok(bytes.chunks(size_of::<wire::Unfinished>()).map(wire::read).collect::<Result<_, _>>()?)
    }
}
