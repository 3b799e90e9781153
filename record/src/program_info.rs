//! What the kernel says of a loaded program. libbpf-rs can list all programs of the host, but not ask about one.

#![expect(unsafe_code, reason = "one call into libbpf; see the SAFETY comment")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use libbpf_rs::libbpf_sys::{bpf_obj_get_info_by_fd, bpf_prog_info};

/// Times that the kernel did not run a program because it was running on that CPU already (Linux 5.12+, else 0).
pub(crate) fn recursion_misses(program: BorrowedFd<'_>) -> io::Result<u64> {
    let mut info = bpf_prog_info::default();
    let mut length = u32::try_from(size_of::<bpf_prog_info>()).expect("a few hundred bytes");
    // SAFETY: `info` and `length` live through the call, and `length` is the size of `info`.
    let result = unsafe { bpf_obj_get_info_by_fd(program.as_raw_fd(), (&raw mut info).cast(), &raw mut length) };
    if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(info.recursion_misses) }
}
