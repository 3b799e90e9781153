//! What the kernel says of a loaded program. libbpf-rs can list all programs of the host, but not ask about one.

#![expect(unsafe_code, reason = "calls into libbpf; see the SAFETY comments")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use libbpf_rs::libbpf_sys::{BPF_STATS_RUN_TIME, bpf_enable_stats, bpf_obj_get_info_by_fd, bpf_prog_info};

/// Times that the kernel did not run a program because it was running on that CPU already (Linux 5.12+, else 0).
pub(crate) fn recursion_misses(program: BorrowedFd<'_>) -> io::Result<u64> {
    Ok(info(program)?.recursion_misses)
}

/// How long and how often programs ran while the kernel measured it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RunTime {
    pub(crate) run_ns: u64,
    pub(crate) runs: u64,
}

/// That of one program.
pub(crate) fn run_time(program: BorrowedFd<'_>) -> io::Result<RunTime> {
    let info = info(program)?;
    Ok(RunTime { run_ns: info.run_time_ns, runs: info.run_cnt })
}

/// Has the kernel measure the run time of programs for as long as the descriptor is open (Linux 5.8+).
pub(crate) fn measure_programs() -> io::Result<OwnedFd> {
    // SAFETY: takes a number and gives a descriptor or an error.
    let descriptor = unsafe { bpf_enable_stats(BPF_STATS_RUN_TIME) };
    if descriptor < 0 {
        return Err(io::Error::from_raw_os_error(-descriptor));
    }
    // SAFETY: a descriptor that was just made, and that nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn info(program: BorrowedFd<'_>) -> io::Result<bpf_prog_info> {
    let mut info = bpf_prog_info::default();
    let mut length = u32::try_from(size_of::<bpf_prog_info>()).expect("a few hundred bytes");
    // SAFETY: `info` and `length` live through the call, and `length` is the size of `info`.
    let result = unsafe { bpf_obj_get_info_by_fd(program.as_raw_fd(), (&raw mut info).cast(), &raw mut length) };
    if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(info) }
}
