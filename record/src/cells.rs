//! The inner maps that hold the counters of one slot: made here, and read through a mapping.
//!
//! A mapping, because its 32-bit loads cannot tear while another CPU counts, and because reading needs no copy. It is
//! made for each reading and given back, so that the recorder's resident memory does not grow with the slots.

#![expect(unsafe_code, reason = "maps kernel memory; see the SAFETY comments")]

use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::{self, NonNull};

use libbpf_rs::libbpf_sys::bpf_map_create_opts;
use libbpf_rs::{MapHandle, MapType};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

use crate::wire::Cells;

const BPF_F_MMAPABLE: u32 = 1 << 10;

/// Makes an inner map: one [`Cells`] per possible CPU, all zero.
pub(crate) fn create(cpus: u32) -> libbpf_rs::Result<MapHandle> {
    let options = bpf_map_create_opts {
        sz: size_of::<bpf_map_create_opts>() as u64,
        map_flags: BPF_F_MMAPABLE,
        ..Default::default()
    };
    let size = u32::try_from(size_of::<Cells>()).expect("8 KiB");
    MapHandle::create(MapType::Array, Some("ctrec_cells"), 4, size, cpus, &options)
}

/// Calls `visit` with the counters of each CPU. Counters may grow meanwhile; each is read once.
pub(crate) fn read(map: impl AsFd, cpus: u32, mut visit: impl FnMut(&CellsView)) -> nix::Result<()> {
    let length = NonZeroUsize::new(size_of::<Cells>() * cpus as usize).expect("there is a CPU");
    // SAFETY: a new shared read-only mapping of an mmapable array of exactly this length; nothing else is at its place.
    let start = unsafe { mmap(None, length, ProtFlags::PROT_READ, MapFlags::MAP_SHARED, map, 0) }?;
    for cpu in 0..cpus as usize {
        // SAFETY: inside the mapping, which lives until the munmap below.
        visit(&CellsView(unsafe { start.cast::<Cells>().add(cpu) }));
    }
    // SAFETY: the mapping made above; no view of it is left, `visit` could not keep one.
    unsafe { munmap(start, length.get()) }
}

/// Live counters of one CPU.
#[derive(Debug)]
pub(crate) struct CellsView(NonNull<Cells>);

impl CellsView {
    /// Pairs of (number, errno) and how often, those that occurred. Read before the calls they belong to.
    pub(crate) fn errnos(&self) -> impl Iterator<Item = (u32, u32, u32)> {
        // SAFETY: inside a live mapping; only addresses are taken, no reference to memory that the kernel writes.
        let entries = unsafe { &raw const (*self.0.as_ptr()).errnos };
        (0..crate::wire::ERRNOS).filter_map(move |index| {
            // SAFETY: index is within the array.
            let entry = unsafe { entries.cast::<crate::wire::ErrnoCount>().add(index) };
            // SAFETY: aligned and mapped; a 32-bit load cannot tear.
            let key = unsafe { ptr::read_volatile(&raw const (*entry).key) };
            // SAFETY: as above.
            let count = unsafe { ptr::read_volatile(&raw const (*entry).count) };
            (key != 0 && count != 0).then_some((key >> 16, key & 0xffff, count))
        })
    }

    /// Number, successes, first (2^20 ns + 1) and last (jiffies) of calls that happened.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (u32, u32, u32, u32)> {
        // SAFETY: inside a live mapping; only addresses are taken.
        let cells = unsafe { &raw const (*self.0.as_ptr()).calls };
        (0..crate::wire::CELLS).filter_map(move |index| {
            // SAFETY: index is within the array.
            let cell = unsafe { cells.cast::<crate::wire::Cell>().add(index) };
            // SAFETY: aligned and mapped; a 32-bit load cannot tear.
            let first = unsafe { ptr::read_volatile(&raw const (*cell).first_2e20_ns) };
            // SAFETY: as above.
            let last = unsafe { ptr::read_volatile(&raw const (*cell).last_jiffies) };
            // SAFETY: as above.
            let succeeded = unsafe { ptr::read_volatile(&raw const (*cell).succeeded) };
            (first != 0).then_some((u32::try_from(index).expect("few cells"), succeeded, first, last))
        })
    }
}
