//! The system calls that no safe library offers. The only unsafe code of this crate.
//!
//! Lives here: loading a filter, reading one by ptrace, the child that becomes the command, and the one that tries what is
//! for good. Does not: any decision; callers have checked everything before.

#![expect(
    unsafe_code,
    reason = "seccomp(2), PTRACE_SECCOMP_GET_FILTER, fork, capset, pidfd_open, waitpid and a shared page"
)]

use std::{
    ffi::{CString, c_char},
    io,
    os::{
        fd::{FromRawFd, OwnedFd},
        unix::process::ExitStatusExt,
    },
    process::ExitStatus,
    ptr::{self, NonNull},
    sync::atomic::{AtomicU64, Ordering},
};

use nix::{
    errno::Errno,
    sys::{
        prctl,
        signal::{SigHandler, SigSet, Signal, signal},
    },
    unistd::{ForkResult, Pid, fork},
};

use crate::{capabilities::CapabilityList, filter::Filter, instruction::Instruction};

/// Missing from the C library's bindings.
const PTRACE_SECCOMP_GET_FILTER: u16 = 0x420c;

/// A filter in the kernel's own form, with the flags to load it with.
#[derive(Debug)]
pub(crate) struct Program {
    instructions: Vec<libc::sock_filter>,
    length: u16,
    flags: u64,
}

impl Program {
    pub(crate) fn new(filter: &Filter, flags: u64) -> Self {
        Self::of(filter.instructions(), flags)
    }

    /// A program that may be no filter, to see what the kernel says to it.
    #[cfg(test)]
    pub(crate) fn unchecked(instructions: &[Instruction]) -> Self {
        Self::of(instructions, 0)
    }

    fn of(instructions: &[Instruction], flags: u64) -> Self {
        let instructions: Vec<_> = instructions
            .iter()
            .map(|&Instruction { code, jump_true, jump_false, operand }| libc::sock_filter {
                code,
                jt: jump_true,
                jf: jump_false,
                k: operand,
            })
            .collect();
        // A filter has at most 4096 instructions: its constructor saw to it.
        let length = u16::try_from(instructions.len()).unwrap_or(u16::MAX);
        Self { instructions, length, flags }
    }

    /// Puts the filter in force for the calling thread, for good. Allocates nothing.
    pub(crate) fn load(&self) -> Result<(), Errno> {
        let program = libc::sock_fprog { len: self.length, filter: self.instructions.as_ptr().cast_mut() };
        // SAFETY: the kernel reads `len` instructions behind `filter`, which live as long as `self`, and keeps a copy.
        let result =
            unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, self.flags, &raw const program) };
        Errno::result(result).map(drop)
    }
}

/// The `index`-th filter of a task that the calling thread traces and has stopped; 0 is the one installed first.
pub(crate) fn traced_filter(pid: Pid, index: usize) -> Result<Vec<u8>, Errno> {
    let count = get_filter(pid, index, ptr::null_mut())?;
    let mut bytes = vec![0_u8; count * Instruction::BYTES];
    // A filter never changes, so its length is still the same.
    get_filter(pid, index, bytes.as_mut_ptr())?;
    Ok(bytes)
}

fn get_filter(pid: Pid, index: usize, buffer: *mut u8) -> Result<usize, Errno> {
    // SAFETY: `buffer` is null (then the kernel only counts), or has room for the instructions counted before.
    let result = unsafe { libc::ptrace(PTRACE_SECCOMP_GET_FILTER.into(), pid.as_raw(), index, buffer) };
    let count = Errno::result(result)?;
    usize::try_from(count).map_err(|_| Errno::EIO)
}

/// A descriptor that becomes readable when a process ends.
pub(crate) fn process_descriptor(pid: Pid) -> Result<OwnedFd, Errno> {
    // SAFETY: takes numbers only.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    let descriptor = i32::try_from(Errno::result(result)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just made this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// What the child does, in this order, before it becomes the command.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) path: CString,
    pub(crate) arguments: Vec<CString>,
    pub(crate) environment: Vec<CString>,
    /// Signals that the command starts with blocked.
    pub(crate) blocked: SigSet,
    pub(crate) capabilities: Option<CapabilityChange>,
    pub(crate) no_new_privs: bool,
    pub(crate) program: Option<Program>,
}

/// How the child's capability sets change. The exec makes permitted and effective from what remains.
#[derive(Debug)]
pub(crate) struct CapabilityChange {
    /// To drop from the bounding set.
    pub(crate) drop: CapabilityList,
    /// To keep until the exec: loading a filter needs them.
    pub(crate) permitted: CapabilityList,
    /// As `permitted`.
    pub(crate) effective: CapabilityList,
}

/// What a process was doing when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Signals,
    Capabilities,
    NoNewPrivs,
    Filter,
    Execute,
}

impl Step {
    /// What it does, after «cannot».
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Signals => "restore signals",
            Self::Capabilities => "drop capabilities",
            Self::NoNewPrivs => "set no_new_privs",
            Self::Filter => "load the filter",
            Self::Execute => "execute",
        }
    }
}

/// A child on its way to become the command.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) pid: Pid,
    report: Report,
}

impl Launched {
    /// Why the child did not become the command. To be asked when it has ended.
    pub(crate) fn failure(&self) -> Option<(Step, io::Error)> {
        self.report.read()
    }
}

/// Starts the child.
pub(crate) fn launch(launch: &Launch) -> Result<Launched, Errno> {
    let report = Report::new()?;
    let arguments = pointers(&launch.arguments);
    let environment = pointers(&launch.environment);
    // SAFETY: the child calls `become_command` only, which neither allocates nor takes a lock.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(Launched { pid: child, report }),
        ForkResult::Child => become_command(launch, &arguments, &environment, &report),
    }
}

/// What execve takes: pointers, and a null at the end.
fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}

fn become_command(launch: &Launch, arguments: &[*const c_char], environment: &[*const c_char], report: &Report) -> ! {
    let failure = prepare(launch).err().unwrap_or_else(|| {
        // SAFETY: path, arguments and environment are C strings that outlive the call; both lists end in null.
        unsafe { libc::execve(launch.path.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
        (Step::Execute, Errno::last())
    });
    report.write(failure.0, failure.1);
    // SAFETY: ends this process. Where the filter refuses exit_group, the C library ends it by a fault.
    unsafe { libc::_exit(125) }
}

/// Everything before the exec. Once the filter is in force, nothing but execve is called: the profile owes us no other.
fn prepare(launch: &Launch) -> Result<(), (Step, Errno)> {
    let during = |step| move |errno| (step, errno);
    restore_signals(launch.blocked).map_err(during(Step::Signals))?;
    if let Some(change) = &launch.capabilities {
        change.apply().map_err(during(Step::Capabilities))?;
    }
    if launch.no_new_privs {
        prctl::set_no_new_privs().map_err(during(Step::NoNewPrivs))?;
    }
    launch.program.as_ref().map_or(Ok(()), Program::load).map_err(during(Step::Filter))
}

/// Takes from this process what a change takes, and puts it under a filter, for good. Capabilities go first: dropping from
/// the bounding set takes one itself, and a filter may let nobody give up any.
pub(crate) fn limit(change: Option<&CapabilityChange>, program: &Program) -> Result<(), (Step, Errno)> {
    let during = |step| move |errno| (step, errno);
    change.map_or(Ok(()), CapabilityChange::apply).map_err(during(Step::Capabilities))?;
    prctl::set_no_new_privs().map_err(during(Step::NoNewPrivs))?;
    program.load().map_err(during(Step::Filter))
}

/// Has a child do [`limit`], and end; gives what it failed at. To be called while there is one thread. The filter must let
/// a process exit.
pub(crate) fn rehearse(
    change: Option<&CapabilityChange>,
    program: &Program,
) -> Result<Option<(Step, io::Error)>, Errno> {
    let report = Report::new()?;
    // SAFETY: there is no other thread that could hold a lock which the child waits for; it never returns from here.
    match unsafe { fork() }? {
        // One that was killed has shown nothing.
        ForkResult::Parent { child } => wait(child)?.code().map(|_| report.read()).ok_or(Errno::ECANCELED),
        ForkResult::Child => {
            if let Err((step, errno)) = limit(change, program) {
                report.write(step, errno);
            }
            // SAFETY: ends this process, without what its parent has registered for its own end.
            unsafe { libc::_exit(0) }
        }
    }
}

/// Waits for a child's end, and says how it ended. nix knows no real-time signal, and leaves such an end out.
pub(crate) fn wait(child: Pid) -> Result<ExitStatus, Errno> {
    let mut status = 0;
    loop {
        // SAFETY: writes a number to a place that lives through the call.
        match Errno::result(unsafe { libc::waitpid(child.as_raw(), &raw mut status, 0) }) {
            Ok(_) => return Ok(ExitStatus::from_raw(status)),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

fn restore_signals(blocked: SigSet) -> Result<(), Errno> {
    // SAFETY: sets a default, no handler. Rust programs ignore SIGPIPE, and an exec would pass that on.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) }?;
    blocked.thread_set_mask()
}

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct CapabilityData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

impl CapabilityChange {
    pub(crate) fn apply(&self) -> Result<(), Errno> {
        for capability in (0..u64::BITS).filter(|bit| self.drop.mask() >> bit & 1 == 1) {
            // SAFETY: takes numbers only.
            Errno::result(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(capability), 0, 0, 0) })?;
        }
        // SAFETY: takes numbers only.
        Errno::result(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) })?;
        let header = CapabilityHeader { version: 0x2008_0522, pid: 0 };
        let half = |shift: u32| {
            let low = |list: CapabilityList| u32::try_from(list.mask() >> shift & u64::from(u32::MAX)).unwrap_or(0);
            CapabilityData { effective: low(self.effective), permitted: low(self.permitted), inheritable: 0 }
        };
        let data = [half(0), half(32)];
        // SAFETY: version 3 of the call reads the header and two data structs, both laid out as in linux/capability.h.
        let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) };
        Errno::result(result).map(drop)
    }
}

/// A page that the child shares with us, for the one thing that it may have to say. A pipe would need `write`, which
/// the profile may refuse.
#[derive(Debug)]
struct Report(NonNull<AtomicU64>);

impl Report {
    const BYTES: usize = size_of::<AtomicU64>();

    fn new() -> Result<Self, Errno> {
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: asks for new memory at a place of the kernel's choice.
        let page = unsafe { libc::mmap(ptr::null_mut(), Self::BYTES, access, kind, -1, 0) };
        if page == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        NonNull::new(page.cast()).map(Self).ok_or(Errno::ENOMEM)
    }

    fn cell(&self) -> &AtomicU64 {
        // SAFETY: the page is ours until drop, is aligned, and starts as zeros, which is a valid value.
        unsafe { self.0.as_ref() }
    }

    fn write(&self, step: Step, errno: Errno) {
        let code = match step {
            Step::Signals => 1,
            Step::Capabilities => 2,
            Step::NoNewPrivs => 3,
            Step::Filter => 4,
            Step::Execute => 5_u64,
        };
        self.cell().store(code << 32 | u64::from((errno as i32).unsigned_abs()), Ordering::Release);
    }

    fn read(&self) -> Option<(Step, io::Error)> {
        let value = self.cell().load(Ordering::Acquire);
        let step = match value >> 32 {
            1 => Step::Signals,
            2 => Step::Capabilities,
            3 => Step::NoNewPrivs,
            4 => Step::Filter,
            5 => Step::Execute,
            _ => return None,
        };
        let errno = i32::try_from(value & u64::from(u32::MAX)).unwrap_or(libc::EIO);
        Some((step, io::Error::from_raw_os_error(errno)))
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        // SAFETY: the page is ours and nothing refers to it any more. Unmapping what was mapped does not fail.
        unsafe { libc::munmap(self.0.as_ptr().cast(), Self::BYTES) };
    }
}
