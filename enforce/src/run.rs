//! A command under a profile and a capability list.
//!
//! Lives here: what is checked before, the wait for the command, and its signals. Does not: the child itself (see
//! `sys`).
//!
//! The order is the one that needs least from the profile: capabilities first, then the filter while
//! `CAP_SYS_ADMIN` is still held, then the exec, which takes away what the bounding set no longer has. After the
//! filter nothing but execve is called.

use std::{
    ffi::{CString, NulError, OsStr, OsString},
    io,
    os::{
        fd::AsFd,
        unix::{
            ffi::{OsStrExt, OsStringExt},
            process::ExitStatusExt,
        },
    },
    path::PathBuf,
    process::ExitStatus,
};

use ctrec_analyze::profile::{Abi, Action, Architecture};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, SigmaskHow, Signal, kill},
        signalfd::{SfdFlags, SignalFd},
    },
    unistd::Pid,
};
use thiserror::Error;

use crate::{
    action::RawAction,
    capabilities::CapabilityList,
    compile::{Compiled, native_architecture},
    instruction::Operation,
    lookup::{self, NoFile},
    simulate::{Query, Verdict},
    status::{Status, StatusError},
    sys::{self, CapabilityChange, Launch, Launched, Program, Step},
};

/// What shells search when there is no `PATH`.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Passed on to the command. Ctrl-C and its like reach it from the terminal without us.
const PASSED_ON: [Signal; 6] =
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2];

/// Why a command was not run.
#[derive(Debug, Error)]
pub enum RunError {
    /// Nothing to run.
    #[error("there is no command to run")]
    NoCommand,
    /// No file of that name.
    #[error("command {command:?} not found; check its name, or give its path")]
    NotFound {
        /// The command as given.
        command: OsString,
    },
    /// A file that cannot be executed.
    #[error("command {command:?} is not a program; name one, or make it executable: chmod +x")]
    NotExecutable {
        /// The command as given.
        command: OsString,
    },
    /// The kernel refused the file.
    #[error("cannot run {path:?}; a script needs a first line that names its interpreter")]
    Execute {
        /// The file.
        path: PathBuf,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
    /// An argument or a variable that a C program cannot take.
    #[error("an argument or environment variable holds a zero byte")]
    ZeroByte {
        /// Where.
        #[from]
        source: NulError,
    },
    /// The profile was compiled for another machine.
    #[error("the profile was compiled for {compiled:?}, and this machine is another")]
    OtherArchitecture {
        /// The profile's.
        compiled: Architecture,
    },
    /// The filter would turn the exec away.
    #[error("the profile refuses execve ({action}), so no command can start under it; allow execve")]
    RefusesExecve {
        /// What it does to it.
        action: RawAction,
    },
    /// There is nobody to ask.
    #[error("the profile hands calls to a listener (action NOTIFY), and `run` has none; use ERRNO or ALLOW instead")]
    Notify,
    /// The kernel lets unprivileged processes have a filter only if they can gain no privileges.
    #[error(
        "loading a filter needs root (CAP_SYS_ADMIN), or no_new_privs, which keeps the command from gaining privileges: \
         run it again with --no-new-privs, or with sudo"
    )]
    NeedsNoNewPrivs,
    /// The kernel lets privileged processes drop capabilities only.
    #[error("dropping capabilities needs root (CAP_SETPCAP): run it again with sudo")]
    NeedsSetpcap,
    /// What this process may do could not be read.
    #[error("cannot read this process's own privileges")]
    Status {
        /// Why.
        #[from]
        source: StatusError,
    },
    /// A step in the child failed.
    #[error("cannot {step} for the command")]
    Prepare {
        /// What was being done.
        step: &'static str,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
    /// Starting or awaiting the command failed.
    #[error("cannot {step} the command")]
    System {
        /// What was being done.
        step: &'static str,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
}

impl RunError {
    /// The exit code that a shell, and Docker, would give: 127 not found, 126 not executable, 125 anything else.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::NotFound { .. } => 127,
            Self::Execute { source, .. } if source.kind() == io::ErrorKind::NotFound => 127,
            Self::NotExecutable { .. } | Self::Execute { .. } => 126,
            _ => 125,
        }
    }
}

/// Runs a command and waits for its end. Returns its exit code, or 128 + n if signal n ended it.
///
/// `capabilities` becomes the bounding set; for root, the exec makes the other sets from it. Without a profile, list or
/// flag, that part of the command's confinement stays as ours is. To be called while the process has one thread: signals that
/// another thread takes do not reach the command.
pub fn run(
    command: &[OsString],
    profile: Option<&Compiled>,
    capabilities: Option<CapabilityList>,
    no_new_privs: bool,
) -> Result<i32, RunError> {
    let name = command.first().ok_or(RunError::NoCommand)?;
    let path = find(name)?;
    let own = Status::of(Pid::this().as_raw())?;
    if let Some(profile) = profile {
        check_profile(profile)?;
        if !no_new_privs && !own.no_new_privs && !holds(own.effective, caps::Capability::CAP_SYS_ADMIN) {
            return Err(RunError::NeedsNoNewPrivs);
        }
    }
    let signals = Signals::hold()?;
    let launch = Launch {
        path: CString::new(path.as_os_str().as_bytes())?,
        arguments: command.iter().map(|argument| CString::new(argument.as_bytes())).collect::<Result<_, _>>()?,
        environment: environment()?,
        blocked: signals.before,
        capabilities: capabilities.map(|list| capability_change(&own, list)).transpose()?,
        no_new_privs,
        program: profile.map(|profile| Program::new(&profile.filter, profile.flags)),
    };
    let launched = sys::launch(&launch).map_err(system("start"))?;
    let ended = supervise(launched.pid, &signals)?;
    outcome(&launched, path, ended)
}

/// The file that a command means, as a shell finds it.
pub fn find(command: &OsStr) -> Result<PathBuf, RunError> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| USUAL_PATH.into());
    lookup::find(command, &path).map_err(|reason| match reason {
        NoFile::Missing => RunError::NotFound { command: command.to_owned() },
        NoFile::NotExecutable => RunError::NotExecutable { command: command.to_owned() },
    })
}

fn check_profile(profile: &Compiled) -> Result<(), RunError> {
    if native_architecture() != Some(profile.native) {
        return Err(RunError::OtherArchitecture { compiled: profile.native });
    }
    let notifies = |operation: &Operation| match operation {
        Operation::ReturnConstant(value) => RawAction(*value).action() == Action::Notify,
        _ => false,
    };
    if profile.filter.operations().iter().any(notifies) {
        return Err(RunError::Notify);
    }
    let decision = profile.filter.decide(&Query::new(abi(profile.native), libc::SYS_execve));
    match decision.actions().first() {
        Some(action) if decision.verdict() == Verdict::Refused => Err(RunError::RefusesExecve { action: *action }),
        _ => Ok(()),
    }
}

fn abi(architecture: Architecture) -> Abi {
    match architecture {
        Architecture::X86_64 => Abi::X86_64,
        Architecture::X86 => Abi::I386,
        Architecture::X32 => Abi::X32,
        Architecture::Aarch64 => Abi::Aarch64,
        Architecture::Arm => Abi::Arm,
    }
}

fn environment() -> Result<Vec<CString>, RunError> {
    let variable = |(name, value): (OsString, OsString)| {
        let bytes = [name.into_vec(), value.into_vec()].join(&b'=');
        CString::new(bytes).map_err(RunError::from)
    };
    std::env::vars_os().map(variable).collect()
}

fn capability_change(own: &Status, list: CapabilityList) -> Result<CapabilityChange, RunError> {
    let drop = CapabilityList::from_mask(own.bounding.mask() & !list.mask());
    if drop.mask() != 0 && !holds(own.effective, caps::Capability::CAP_SETPCAP) {
        return Err(RunError::NeedsSetpcap);
    }
    Ok(CapabilityChange { drop, permitted: own.permitted, effective: own.effective })
}

fn holds(list: CapabilityList, capability: caps::Capability) -> bool {
    list.mask() & capability.bitmask() != 0
}

fn system(step: &'static str) -> impl Fn(Errno) -> RunError {
    move |errno| RunError::System { step, source: errno.into() }
}

/// Signals held back from us, to be passed on. Dropping it lets them through again.
struct Signals {
    before: SigSet,
    arriving: SignalFd,
}

impl Signals {
    fn hold() -> Result<Self, RunError> {
        let held: SigSet = PASSED_ON.into_iter().collect();
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let arriving = SignalFd::with_flags(&held, flags).map_err(system("take signals for"))?;
        let before = held.thread_swap_mask(SigmaskHow::SIG_BLOCK).map_err(system("hold signals for"))?;
        Ok(Self { before, arriving })
    }

    /// Passes on what processes have sent. What the terminal sends goes to its whole foreground group: the command has
    /// it already.
    fn pass_on(&self, pid: Pid) -> Result<(), Errno> {
        while let Some(info) = self.arriving.read_signal()? {
            let sent_by_a_process = info.ssi_code <= 0;
            let signal = i32::try_from(info.ssi_signo).map_err(|_| Errno::EINVAL).and_then(Signal::try_from)?;
            if sent_by_a_process {
                kill(pid, signal)?;
            }
        }
        Ok(())
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // The mask was in force before, so the kernel takes it back.
        let _restored = self.before.thread_set_mask();
    }
}

/// Waits for the command's end and passes signals on meanwhile. Leaves no child behind.
fn supervise(pid: Pid, signals: &Signals) -> Result<ExitStatus, RunError> {
    if let Err(errno) = wait_for_end(pid, signals) {
        // Both fail only where the child is gone already.
        let _killed = kill(pid, Signal::SIGKILL);
        let _reaped = sys::wait(pid);
        return Err(system("wait for")(errno));
    }
    sys::wait(pid).map_err(system("wait for"))
}

fn wait_for_end(pid: Pid, signals: &Signals) -> Result<(), Errno> {
    let end = sys::process_descriptor(pid)?;
    loop {
        let mut ready =
            [PollFd::new(end.as_fd(), PollFlags::POLLIN), PollFd::new(signals.arriving.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
        if ready[0].any() == Some(true) {
            return Ok(());
        }
        signals.pass_on(pid)?;
    }
}

fn outcome(launched: &Launched, path: PathBuf, ended: ExitStatus) -> Result<i32, RunError> {
    if let Some((step, source)) = launched.failure() {
        return Err(match step {
            Step::Execute => RunError::Execute { path, source },
            before => RunError::Prepare { step: before.words(), source },
        });
    }
    let code = ended.code().or_else(|| Some(128 + ended.signal()?));
    code.ok_or_else(|| system("understand the end of")(Errno::EINVAL))
}
