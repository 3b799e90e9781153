//! What the user must know, and what to do about it.
//!
//! Lives here: the type. Does not: when a finding is made (see `recommend`), or how it looks (see `report`).

use serde::Serialize;

/// How much a finding matters. Ordered: the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The profile may refuse what the workload needs.
    Incomplete,
    /// The profile allows something that an attacker would like to have.
    Risk,
    /// Good to know.
    Note,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// No call of the recommended phases was seen.
    NothingSeen,
    /// The recorder missed something and counted it.
    Loss,
    /// A run ended without its last window.
    CutOff,
    /// A hook of the recorder could not see all that is asked of it.
    BlindHook,
    /// The container ran before recording began.
    AlreadyRunning,
    /// Runs were removed to keep a store within its size.
    RunsRemoved,
    /// A run that another goes on from, or that goes on from another, is not here.
    RunMissing,
    /// A run that is not here may have seen how a container starts.
    StartGone,
    /// The filter in force refused a call: what the workload would have done next was not recorded.
    Refused,
    /// A filter in force may have refused a call: its arguments decide.
    RefusedOrFailed,
    /// A call is allowed that does nothing without a capability that is not in the list.
    UselessCall,
    /// A capability is in the list, and no call is allowed that it is for.
    UselessCapability,
    /// A capability was denied, and the call failed.
    CapabilityRefused,
    /// A capability was denied where the call's outcome tells nothing.
    CapabilityElsewhere,
    /// `execve` failed as it does for a file with capabilities that the container has not.
    ExecveRefused,
    /// Without a capability, calls that fail anyway fail with another errno.
    OtherErrno,
    /// A need that leaves no check may be there.
    Unasked,
    /// A run did not count capability checks.
    NoCapabilities,
    /// A capability without a name.
    UnknownCapability,
    /// File capabilities were not read.
    FilesUnread,
    /// No added capability reaches the container's user.
    NotRoot,
    /// Set-user-id programs ran.
    SetUserId,
    /// Settings of the network decide whether a capability is asked for.
    NetworkSettings,
    /// Another filter than the container's own answered a call: the workload loads one itself, for instance.
    AnotherFilter,
    /// The filter in force is not known, so neither is what it refused.
    FilterUnknown,
    /// A call number without a name.
    UnknownNumber,
    /// `io_uring` was used.
    IoUring,
    /// New namespaces were made with `clone`.
    NamespaceFlags,
    /// `clone3` was used, whose flags no filter can see.
    Clone3,
    /// Arguments of a call are a risk.
    RiskyValues,
    /// A call had more different arguments than are kept.
    ManyValues,
    /// A call that a consumer's libseccomp, or a capability that an engine may not know.
    NewName,
    /// The runtime or its settings are not known, so every known one is allowed for.
    BaselineUnion,
    /// Too few windows to say anything about completeness.
    TooShort,
    /// Several runs recorded one container at the same time.
    RecordedTwice,
    /// Recorded by one run only.
    OneRun,
    /// A run is being recorded right now.
    StillRecording,
}

/// Something the user must know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub kind: Kind,
    /// What was found, in one sentence.
    pub text: String,
    /// What to do about it.
    pub advice: String,
    /// Calls, programs, containers that show it. Hostile text.
    pub evidence: Vec<String>,
}
