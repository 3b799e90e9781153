//! Why recording failed, and what to do about it.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use ctrec_recording::StoreError;

use crate::wire::WireError;

/// Why recording failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Not root.
    #[error("recording needs root: it loads programs into the kernel; run it again with sudo")]
    NotRoot,
    /// Root, less the capabilities that this takes.
    #[error(
        "recording needs {}, which root has not here: in a container, start it with --privileged, or with --cap-add SYS_ADMIN \
         (or BPF and PERFMON) --cap-add SYS_PTRACE --cap-add DAC_READ_SEARCH --cap-add SYSLOG; elsewhere, whoever started \
         this shell has dropped them",
        .missing.join(" and ")
    )]
    NoCapabilities {
        /// Those that are missing.
        missing: Vec<&'static str>,
    },
    /// Root of a user namespace.
    #[error(
        "recording needs the host's root: this is another user namespace, as in a rootless container, and the kernel loads \
         no programs for anybody in one, whatever capabilities they have there; run it outside, with sudo"
    )]
    OtherUsers,
    /// Too few files may be open.
    #[error(
        "this process may have {limit} files open, and a recording takes {least} and more; raise the limit: \
         ulimit -n 4096, as root (systemd: LimitNOFILE=4096, docker run: --ulimit nofile=4096)"
    )]
    FewFiles {
        /// The limit.
        limit: u64,
        /// The least that is enough.
        least: u64,
    },
    /// No more files may be opened.
    #[error(
        "the {limit} files that this process may have open are all in use; raise the limit: ulimit -n 65536, as root \
         (systemd: LimitNOFILE=65536, docker run: --ulimit nofile=65536)"
    )]
    FilesUsedUp {
        /// The limit.
        limit: u64,
        /// What failed.
        #[source]
        source: Box<RecordError>,
    },
    /// No procfs.
    #[error("/proc is not mounted, and processes and permissions are read there; mount it: mount -t proc proc /proc")]
    NoProc,
    /// No sysfs.
    #[error("/sys is not mounted, and the kernel describes its types there; mount it: mount -t sysfs sysfs /sys")]
    NoSysfs,
    /// No BTF.
    #[error(
        "this kernel does not describe its types (no /sys/kernel/btf/vmlinux); boot a kernel built with \
         CONFIG_DEBUG_INFO_BTF=y, as the distributions' kernels are since about Linux 5.8"
    )]
    NoBtf,
    /// BTF that cannot be read.
    #[error(
        "the kernel's types in /sys/kernel/btf/vmlinux cannot be read, and nothing can be recorded without; boot \
         another kernel, such as the distribution's own"
    )]
    Btf {
        /// Cause.
        #[source]
        source: libbpf_rs::Error,
    },
    /// A tracepoint that is not there.
    #[error(
        "this kernel has no tracepoint {hook}, without which calls cannot be told apart; Linux 5.10 or newer has it"
    )]
    NoHook {
        /// Name of the tracepoint.
        hook: &'static str,
    },
    /// The hook on capability checks that was asked for.
    #[error(
        "no program at {hook} is run on this kernel ({why}); leave out --check-hook, and the first hook that is heard is taken"
    )]
    NoCheckHook {
        /// Name of the hook.
        hook: &'static str,
        /// What the kernel said.
        why: String,
    },
    /// No cgroup hierarchy.
    #[error(
        "no cgroup hierarchy is mounted, and containers are told apart by theirs; mount one: mount -t cgroup2 none /sys/fs/cgroup"
    )]
    NoCgroups,
    /// The programs do not load.
    #[error("the kernel refused to load the recording programs")]
    Load {
        /// Cause.
        #[source]
        source: libbpf_rs::Error,
    },
    /// A program does not attach.
    #[error("the kernel refused to attach to {hook}")]
    Attach {
        /// Hook.
        hook: &'static str,
        /// Cause.
        #[source]
        source: libbpf_rs::Error,
    },
    /// A map operation failed.
    #[error("the kernel map {map} cannot be used")]
    Map {
        /// Map.
        map: &'static str,
        /// Cause.
        #[source]
        source: libbpf_rs::Error,
    },
    /// Program information cannot be read.
    #[error("the kernel does not say how its programs fare")]
    Programs {
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// Counters cannot be mapped.
    #[error("the kernel's counters cannot be read")]
    Cells {
        /// Cause.
        #[source]
        source: nix::Error,
    },
    /// Tasks cannot be listed.
    #[error("the calls that are still blocked cannot be listed")]
    Unfinished {
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// The kernel side speaks differently.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The skeleton lacks a section that the programs have; a broken build.
    #[error("this build of ctrec does not match its kernel side; build it again")]
    Skeleton,
    /// Reading the host's state failed.
    #[error("cannot read {path:?}")]
    Host {
        /// File or folder.
        path: PathBuf,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// The command's cgroup cannot be made.
    #[error("cannot make a cgroup for the command in {path:?}; inside a container, mount the host's cgroups writable")]
    Cgroup {
        /// Hierarchy.
        path: PathBuf,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// The command cannot be started.
    #[error("cannot run {command:?}; check its name, and that it may be executed")]
    Command {
        /// The command.
        command: String,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// A clock, a signal or a wait failed.
    #[error("cannot {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// What came last could not be written.
    #[error(
        "the last counts could not be written, and are lost; what came before is kept in {path:?}, marked as cut off"
    )]
    Unwritten {
        /// The run's folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<StoreError>,
    },
    /// The run was removed while it was written.
    #[error("{path:?} was removed while it was recorded: its counts are lost, and nothing of it is kept; record again")]
    Removed {
        /// The run's folder.
        path: PathBuf,
    },
    /// Recording failed, and what there was by then could not be written.
    #[error("{second}, and before that, recording failed{}", left(.second))]
    AlsoUnfinished {
        /// Why recording failed.
        #[source]
        source: Box<RecordError>,
        /// Why its end could not be written.
        second: Box<RecordError>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is there all the same, where an error does not say.
fn left(second: &RecordError) -> &'static str {
    match second {
        RecordError::Removed { .. } | RecordError::Unwritten { .. } => "",
        _ => "; the windows sealed before are there",
    }
}

/// An error with its causes, on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The first cause of an error.
pub(crate) fn root(error: &dyn Error) -> String {
    let mut first = error;
    while let Some(cause) = first.source() {
        first = cause;
    }
    first.to_string()
}

impl From<nix::Error> for RecordError {
    fn from(source: nix::Error) -> Self {
        Self::System { what: "read the clock", source: source.into() }
    }
}
