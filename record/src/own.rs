//! What the kernel says of the recorder's own process: its CPU time, its memory, and that of its maps and programs.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::time::{ClockId, clock_gettime};

use crate::error::RecordError;

/// CPU time of this process, of all its threads, ns.
pub(crate) fn processor_ns() -> Result<u64, RecordError> {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?;
    Ok(u64::try_from(time.tv_sec() * 1_000_000_000 + time.tv_nsec()).unwrap_or_default())
}

/// The most memory that this process ever had, bytes.
pub(crate) fn peak_memory() -> Result<Option<u64>, RecordError> {
    Ok(peak(&read("/proc/self/status")?))
}

/// Kernel memory that a map or a program takes, bytes, as the kernel says of its descriptor.
pub(crate) fn kernel_bytes(descriptor: BorrowedFd<'_>) -> Result<u64, RecordError> {
    Ok(value(&read(&format!("/proc/self/fdinfo/{}", descriptor.as_raw_fd()))?, "memlock:").unwrap_or_default())
}

fn read(path: &str) -> Result<String, RecordError> {
    fs::read_to_string(path).map_err(|source: io::Error| RecordError::Host { path: path.into(), source })
}

fn peak(status: &str) -> Option<u64> {
    value(status, "VmHWM:").map(|kilobytes| kilobytes * 1024)
}

/// The first number after a key at the start of a line.
fn value(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_as_the_kernel_writes_it() {
        assert_eq!(peak("VmPeak:\t  99 kB\nVmHWM:\t   12 kB\n"), Some(12 * 1024));
        assert_eq!(peak("Name:\tx\n"), None);
        assert_eq!(value("map_type:\t2\nmemlock:\t8192\nmap_id:\t7\n", "memlock:"), Some(8192));
    }

    #[test]
    fn the_time_of_this_process_grows_while_it_works() {
        let before = processor_ns().unwrap();
        while processor_ns().unwrap() == before {}
        assert!(peak_memory().unwrap().unwrap() > 4096);
    }
}
