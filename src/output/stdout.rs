//! Whether there is a stdout at all.
//!
//! Before `main`, Rust opens `/dev/null` in place of each of the first three descriptors that is closed, so that no file
//! takes its number; from then on a stdout that was closed (`>&-`) cannot be told from one that was sent to `/dev/null`,
//! and whatever is written to it is gone without an error. So it is looked at earlier: the C library calls what is listed
//! in `.init_array` before it calls `main`.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

static CLOSED: AtomicBool = AtomicBool::new(false);

#[used]
#[expect(unsafe_code, reason = "a section that the C library reads has to be named")]
// SAFETY: the section holds pointers to functions of this type, and the function asks for nothing that is not there yet.
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

extern "C" fn look() {
    #[expect(unsafe_code, reason = "fcntl(2) on a number that may be no descriptor, which safe wrappers exclude")]
    // SAFETY: F_GETFD reads flags, takes no argument, and fails with EBADF on a number that is no descriptor.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
    CLOSED.store(flags == -1, Ordering::Relaxed);
}

/// An error, as writing to it would have given, where stdout was closed when ctrec was started.
pub(crate) fn check() -> io::Result<()> {
    if CLOSED.load(Ordering::Relaxed) { Err(io::Error::from_raw_os_error(libc::EBADF)) } else { Ok(()) }
}
