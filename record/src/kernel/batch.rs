//! Whole maps in a few calls: reading one by key takes two for each entry, and a recorder of a thousand containers would
//! do little else.
//!
//! Lives here: the call (`BPF_MAP_LOOKUP_BATCH`, Linux 5.6+). libbpf-rs's own iterator takes the first batch that is not
//! full for the last one, but the kernel ends a batch early where the next bucket of a hash map would not fit.

#![expect(unsafe_code, reason = "a call of libbpf that libbpf-rs does not have; see the SAFETY comments")]

use std::os::fd::AsRawFd;
use std::ptr;

use libbpf_rs::libbpf_sys::{bpf_map_batch_opts, bpf_map_lookup_batch};
use libbpf_rs::{Error, MapCore, Result};

/// Bytes that the first call has room for.
const FIRST_BYTES: usize = 64 << 10;

/// Bytes of the entries of a map.
pub(super) struct Entries {
    key_size: usize,
    value_size: usize,
    keys: Vec<u8>,
    values: Vec<u8>,
}

impl Entries {
    /// Each key with its value.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.keys.chunks_exact(self.key_size).zip(self.values.chunks_exact(self.value_size))
    }
}

/// Reads a hash map. An entry that is there all the time is read once.
pub(super) fn read(map: &impl MapCore) -> Result<Entries> {
    let (key_size, value_size) = (map.key_size() as usize, map.value_size() as usize);
    let mut all = Entries { key_size, value_size, keys: Vec::new(), values: Vec::new() };
    // Where a hash map is read on from: the number of a bucket. The kernel asks for four bytes at least.
    let (mut from, mut to) = (vec![0_u8; key_size.max(4)], vec![0_u8; key_size.max(4)]);
    let (mut begun, mut room) = (false, FIRST_BYTES / (key_size + value_size) + 1);
    loop {
        let (mut keys, mut values) = (vec![0_u8; room * key_size], vec![0_u8; room * value_size]);
        let mut count = u32::try_from(room).expect("a map has at most 2^32 entries");
        let options = bpf_map_batch_opts { sz: size_of::<bpf_map_batch_opts>() as u64, ..Default::default() };
        // SAFETY: both buffers have room for `count` entries of the map's sizes, both positions are as long as the
        // kernel asks for, and all of them outlive the call.
        let result = unsafe {
            bpf_map_lookup_batch(
                map.as_fd().as_raw_fd(),
                if begun { from.as_mut_ptr().cast() } else { ptr::null_mut() },
                to.as_mut_ptr().cast(),
                keys.as_mut_ptr().cast(),
                values.as_mut_ptr().cast(),
                &raw mut count,
                &raw const options,
            )
        };
        // libbpf gives what went wrong as a negative errno.
        match -result {
            0 | libc::ENOENT => {}
            libc::EINTR => continue,
            libc::ENOSPC => {
                room *= 2; /* one bucket has more entries than there was room for */
                continue;
            }
            errno => return Err(Error::from_raw_os_error(errno)),
        }
        all.keys.extend_from_slice(&keys[..count as usize * key_size]);
        all.values.extend_from_slice(&values[..count as usize * value_size]);
        if -result == libc::ENOENT {
            return Ok(all);
        }
        std::mem::swap(&mut from, &mut to);
        begun = true;
    }
}
