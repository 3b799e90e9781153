//! The inner maps that hold the counters of a bank of slots: made here, and read and cleared through a mapping.
//!
//! A mapping, because its 32-bit loads cannot tear while another CPU counts, and because reading needs no copy. It is
//! made for each reading and given back, so that the recorder's resident memory does not grow with the slots.

#![expect(unsafe_code, reason = "maps kernel memory; see the SAFETY comments")]

use std::ffi::c_void;
use std::mem::offset_of;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;

use libbpf_rs::libbpf_sys::bpf_map_create_opts;
use libbpf_rs::{MapHandle, MapType};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

use crate::wire::{BANK, CELLS, Cell, Cells, ERRNOS, ErrnoCount};

const BPF_F_MMAPABLE: u32 = 1 << 10;

/// Makes an inner map: one [`Cells`] per slot of a bank and possible CPU, all zero.
pub(crate) fn create(cpus: u32) -> libbpf_rs::Result<MapHandle> {
    let options = bpf_map_create_opts {
        sz: size_of::<bpf_map_create_opts>() as u64,
        map_flags: BPF_F_MMAPABLE,
        ..Default::default()
    };
    let size = u32::try_from(size_of::<Cells>()).expect("8 KiB");
    MapHandle::create(MapType::Array, Some("ctrec_cells"), 4, size, BANK * cpus, &options)
}

/// Calls `visit` with the counters of a slot on each CPU. They may grow meanwhile; each is read once.
pub(crate) fn read(bank: impl AsFd, slot: u32, cpus: u32, mut visit: impl FnMut(&CellsView)) -> nix::Result<()> {
    let (start, length) = map(bank, slot, cpus, ProtFlags::PROT_READ)?;
    for cpu in 0..cpus as usize {
        // SAFETY: inside the mapping, which lives until the munmap below.
        let cells = unsafe { start.cast::<Cells>().add(cpu) };
        visit(&CellsView(cells));
    }
    // SAFETY: the mapping made above; no view of it is left, `visit` could not keep one.
    unsafe { munmap(start, length.get()) }
}

/// Sets the counters of a slot to zero, in which nobody counts any more.
pub(crate) fn clear(bank: impl AsFd, slot: u32, cpus: u32) -> nix::Result<()> {
    let (start, length) = map(bank, slot, cpus, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE)?;
    // SAFETY: the mapping made above is of exactly this length, and nothing of ours refers to it.
    unsafe { start.cast::<u8>().write_bytes(0, length.get()) };
    // SAFETY: the same mapping; no view of it is left.
    unsafe { munmap(start, length.get()) }
}

/// Maps the counters of one slot.
fn map(bank: impl AsFd, slot: u32, cpus: u32, access: ProtFlags) -> nix::Result<(NonNull<c_void>, NonZeroUsize)> {
    let length = NonZeroUsize::new(size_of::<Cells>() * cpus as usize).expect("there is a CPU");
    let offset = i64::try_from(length.get() * (slot % BANK) as usize).expect("a bank is some MiB");
    // SAFETY: a new shared mapping of a part of an mmapable array, which has BANK times this length; nothing else is at
    // its place.
    let start = unsafe { mmap(None, length, access, MapFlags::MAP_SHARED, bank, offset) }?;
    Ok((start, length))
}

const _: () = assert!(size_of::<Cells>() == 2 * 4096, "a slot's counters begin at a page");

/// Live counters of one CPU, by address: no reference is made to memory that the kernel writes.
#[derive(Debug)]
pub(crate) struct CellsView(NonNull<Cells>);

impl CellsView {
    /// Pairs of (number, errno) and how often, those that occurred. Read before the calls they belong to.
    pub(crate) fn errnos(&self) -> impl Iterator<Item = (u32, u32, u32)> {
        let first = self.word(offset_of!(Cells, errnos));
        (0..ERRNOS).filter_map(move |index| {
            let [key, count] = load(first, index);
            (key != 0 && count != 0).then_some((key >> 16, key & 0xffff, count))
        })
    }

    /// Number, successes, first (2^20 ns + 1) and last (jiffies) of calls that happened.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (u32, u32, u32, u32)> {
        let start = self.word(offset_of!(Cells, calls));
        (0..CELLS).zip(0..).filter_map(move |(index, number)| {
            let [succeeded, first, last] = load(start, index);
            (first != 0).then_some((number, succeeded, first, last))
        })
    }

    /// Address of a word of the counters.
    fn word(&self, offset_bytes: usize) -> NonNull<u32> {
        // SAFETY: the offset of a field is inside the mapped counters.
        unsafe { self.0.cast::<u8>().add(offset_bytes) }.cast()
    }
}

const _: () = assert!(size_of::<Cell>() == 12 && size_of::<ErrnoCount>() == 8, "words as `load` takes them");

/// The words of one entry of a table of entries of N words. A 32-bit load cannot tear.
fn load<const N: usize>(table: NonNull<u32>, index: usize) -> [u32; N] {
    std::array::from_fn(|word| {
        // SAFETY: callers stay within the table, whose entries have N words.
        let address = unsafe { table.add(index * N + word) };
        // SAFETY: mapped and aligned for as long as the view lives.
        unsafe { address.read_volatile() }
    })
}
