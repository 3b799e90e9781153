//! File capabilities of a program, read from the container's own file system while the program runs.
//!
//! The kernel asks nothing when it grants them, and refuses to execute a file of which the bounding set lacks one.

#![expect(unsafe_code, reason = "one call of getxattr; see the SAFETY comment")]

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

/// `struct vfs_ns_cap_data`: a word with version and flags, permitted and inheritable low, both high, root's id.
const LARGEST: usize = 24;
/// Flag in the first word: what is permitted is effective at once.
const EFFECTIVE: u32 = 1;
/// Version 1 has no upper halves.
const SMALLEST: usize = 12;

/// `CAP_*` names that a file permits and makes effective, as a JSON array: without the effective bit execve takes what
/// there is, and the program asks for the rest, which is seen; `None` where the file cannot be reached any more.
pub(crate) fn read(pid: u32, path: &str) -> Option<String> {
    let mask = permitted(pid, path).ok()?;
    serde_json::to_string(&names(mask)).ok()
}

/// The path is the container's and hostile: it is resolved inside of the container's root, through no magic link.
fn permitted(pid: u32, path: &str) -> io::Result<u64> {
    let root =
        File::options().read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY).open(format!("/proc/{pid}/root"))?;
    let how =
        OpenHow::new().flags(OFlag::O_PATH).resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let file = openat2(root.as_fd(), path, how)?;
    let link = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let mut value = [0_u8; LARGEST];
    // SAFETY: both names end with a 0, and the kernel writes no more than the length that is given.
    let length = unsafe {
        libc::getxattr(link.as_ptr(), c"security.capability".as_ptr(), value.as_mut_ptr().cast(), value.len())
    };
    match usize::try_from(length) {
        Ok(length) => Ok(parse(&value[..length])),
        Err(_) => match io::Error::last_os_error() {
            error if matches!(error.raw_os_error(), Some(libc::ENODATA | libc::EOPNOTSUPP)) => Ok(0),
            error => Err(error),
        },
    }
}

fn parse(value: &[u8]) -> u64 {
    let word = |at: usize| {
        let bytes = value.get(4 * at..4 * at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_le_bytes)
    };
    let upper = if value.len() > SMALLEST { word(3) } else { 0 };
    if word(0) & EFFECTIVE == 0 { 0 } else { u64::from(upper) << 32 | u64::from(word(1)) }
}

fn names(mask: u64) -> Vec<String> {
    let mut names: Vec<String> = caps::all()
        .into_iter()
        .filter(|capability| mask & capability.bitmask() != 0)
        .map(|capability| capability.to_string())
        .collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_understood() {
        let second = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(names(parse(&second)), ["CAP_NET_RAW", "CAP_PERFMON"]);
        let first = [1, 0, 0, 1, 0, 4, 0, 0, 0, 0, 0, 0];
        assert_eq!(names(parse(&first)), ["CAP_NET_BIND_SERVICE"]);
        let permitted_only = [0, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!((parse(&permitted_only), parse(&[])), (0, 0));
    }

    #[test]
    fn a_program_of_ours_has_none_and_what_is_not_there_is_not_read() {
        assert_eq!(read(std::process::id(), "/proc/self/exe"), None, "no magic link is followed");
        let own = std::env::current_exe().unwrap();
        assert_eq!(read(std::process::id(), own.to_str().unwrap()).as_deref(), Some("[]"));
        assert_eq!(read(std::process::id(), "/no/such/file"), None);
    }
}
