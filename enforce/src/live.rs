//! The filters that a running process is under.
//!
//! Lives here: fetching them by ptrace. Does not: what they decide (see [`crate::simulate`]).
//!
//! The kernel shows a filter to a tracer of a stopped task only, so the task is stopped for less than a millisecond. A few calls
//! that it was blocked in may see that as an interruption (`epoll_wait` returns EINTR), as they do when a shell
//! suspends it. See `restart` for the one that needs help.

use std::{io, sync::mpsc, thread, time::Duration};

use nix::{
    errno::Errno,
    sys::{
        ptrace::{self, Options},
        signal::Signal,
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use thiserror::Error;

use crate::{
    filter::{Filter, FilterError},
    restart,
    status::{SeccompMode, Status, StatusError},
    sys,
};

/// How long a task may take to stop. One that waits for a disk or for a vfork stops when that is over.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why filters cannot be read.
#[derive(Debug, Error)]
pub enum LiveError {
    /// Nothing has this id, or no longer.
    #[error("there is no running process or thread {pid}")]
    NoSuchProcess {
        /// The id.
        pid: i32,
    },
    /// The status could not be read.
    #[error("cannot read what confines process {pid}")]
    Status {
        /// The id.
        pid: i32,
        /// Why.
        #[source]
        source: StatusError,
    },
    /// Strict mode has no filter to read.
    #[error("process {pid} is in seccomp's strict mode: it may read, write and exit, and has no filter to show")]
    Strict {
        /// The id.
        pid: i32,
    },
    /// Something else traces the task, and only one can.
    #[error("process {pid} is traced by thread {tracer} already; end that debugger or tracer first")]
    AlreadyTraced {
        /// The id.
        pid: i32,
        /// Its tracer, by thread.
        tracer: i32,
    },
    /// The kernel does not let us trace the task.
    #[error("not permitted to trace process {pid}: run as root, and see /proc/sys/kernel/yama/ptrace_scope")]
    NotPermitted {
        /// The id.
        pid: i32,
    },
    /// The kernel does not let us see filters.
    #[error(
        "not permitted to read the filters of process {pid}: that needs CAP_SYS_ADMIN, and a ctrec that is under no seccomp filter itself"
    )]
    Hidden {
        /// The id.
        pid: i32,
    },
    /// The kernel cannot show filters.
    #[error("this kernel cannot show filters: it was built without CONFIG_CHECKPOINT_RESTORE")]
    NoCheckpointRestore,
    /// The task did not stop in time.
    #[error("process {pid} did not stop within {} s: it is in a wait that cannot be interrupted; try again", PATIENCE.as_secs())]
    DidNotStop {
        /// The id.
        pid: i32,
    },
    /// The kernel showed something that is no filter.
    #[error("filter {index} of process {pid} cannot be read")]
    Program {
        /// The id.
        pid: i32,
        /// Which filter; 0 was installed first.
        index: usize,
        /// What is wrong with it.
        #[source]
        source: FilterError,
    },
    /// Anything else.
    #[error("cannot {step} process {pid}")]
    System {
        /// The id.
        pid: i32,
        /// What was being done.
        step: &'static str,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

/// The filters that a process or thread is under, the one installed last first; none where it is not confined. It is
/// stopped for the time of the reading and goes on as it was, whatever comes of the reading.
pub fn filters_of(pid: i32) -> Result<Vec<Filter>, LiveError> {
    let status = status(pid)?;
    match status.mode {
        SeccompMode::Disabled => return Ok(Vec::new()),
        SeccompMode::Strict => return Err(LiveError::Strict { pid }),
        SeccompMode::Filter => {}
    }
    // A tracer is a thread, and the kernel lets go of what it traces when the thread ends. So a thread of its own
    // leaves nothing stopped, also when it fails, or when the task stops only after we gave up.
    let (send, receive) = mpsc::channel();
    thread::Builder::new()
        .name("trace".to_owned())
        // That nobody listens any more is no failure: the task is let go all the same.
        .spawn(move || drop(send.send(trace(Pid::from_raw(pid)))))
        .map_err(|source| LiveError::System { pid, step: "start a thread to trace", source })?;
    receive.recv_timeout(PATIENCE).map_err(|_| LiveError::DidNotStop { pid })?
}

fn status(pid: i32) -> Result<Status, LiveError> {
    match Status::of(pid) {
        Ok(status) if status.ended => Err(LiveError::NoSuchProcess { pid }),
        Ok(status) => Ok(status),
        Err(StatusError::NoSuchProcess { pid }) => Err(LiveError::NoSuchProcess { pid }),
        Err(source) => Err(LiveError::Status { pid, source }),
    }
}

/// Stops the task, reads its filters, lets it go.
fn trace(pid: Pid) -> Result<Vec<Filter>, LiveError> {
    ptrace::seize(pid, Options::empty()).map_err(|errno| cannot_seize(pid, errno))?;
    let pending = stop(pid)?;
    let filters = filters(pid);
    let spared = filters.as_deref().map_or(Ok(()), |filters| restart::spare(pid, filters));
    for result in [spared, ptrace::detach(pid, pending)] {
        match result {
            // It may be killed while it is stopped.
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => return Err(system(pid, "let go of", errno)),
        }
    }
    filters
}

fn cannot_seize(pid: Pid, errno: Errno) -> LiveError {
    let raw = pid.as_raw();
    match (errno, status(raw)) {
        (Errno::ESRCH, _) => LiveError::NoSuchProcess { pid: raw },
        (Errno::EPERM, Err(error)) => error,
        (Errno::EPERM, Ok(Status { tracer: Some(tracer), .. })) => LiveError::AlreadyTraced { pid: raw, tracer },
        (Errno::EPERM, Ok(_)) => LiveError::NotPermitted { pid: raw },
        _ => system(pid, "trace", errno),
    }
}

/// Stops a seized task. Returns the signal that the stop held back and that is due when it goes on.
fn stop(pid: Pid) -> Result<Option<Signal>, LiveError> {
    ptrace::interrupt(pid).map_err(|errno| system(pid, "stop", errno))?;
    loop {
        match waitpid(pid, Some(WaitPidFlag::__WALL)) {
            // It was about to take a signal. That is a stop as good as ours.
            Ok(WaitStatus::Stopped(_, signal)) => return Ok(Some(signal)),
            Ok(WaitStatus::PtraceEvent(..) | WaitStatus::PtraceSyscall(_)) => return Ok(None),
            Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) | Err(Errno::ECHILD | Errno::ESRCH) => {
                return Err(LiveError::NoSuchProcess { pid: pid.as_raw() });
            }
            Ok(WaitStatus::Continued(_) | WaitStatus::StillAlive) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(system(pid, "wait for", errno)),
        }
    }
}

/// The filters of a stopped, traced task, the one installed last first.
fn filters(pid: Pid) -> Result<Vec<Filter>, LiveError> {
    let mut filters = Vec::new();
    loop {
        let index = filters.len();
        match sys::traced_filter(pid, index) {
            Ok(bytes) => filters.push(program(pid, index, &bytes)?),
            Err(Errno::ENOENT) => break,
            Err(Errno::ESRCH) => return Err(LiveError::NoSuchProcess { pid: pid.as_raw() }),
            Err(Errno::EACCES) => return Err(LiveError::Hidden { pid: pid.as_raw() }),
            // The task has a filter: its status says so. EIO is the answer of kernels before 4.4.
            Err(Errno::EINVAL | Errno::EIO) => return Err(LiveError::NoCheckpointRestore),
            Err(errno) => return Err(system(pid, "read the filters of", errno)),
        }
    }
    // The kernel counts from the one installed first.
    filters.reverse();
    Ok(filters)
}

fn program(pid: Pid, index: usize, bytes: &[u8]) -> Result<Filter, LiveError> {
    Filter::from_bytes(bytes).map_err(|source| LiveError::Program { pid: pid.as_raw(), index, source })
}

fn system(pid: Pid, step: &'static str, errno: Errno) -> LiveError {
    LiveError::System { pid: pid.as_raw(), step, source: errno.into() }
}
