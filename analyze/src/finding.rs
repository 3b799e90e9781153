//! What the user must know, and what to do about it.
//!
//! Lives here: the type, and which findings are worth a warning. Does not: when a finding is made (see `recommend`), or how it looks (see `report`).

use serde::Serialize;

use crate::bounds;

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
    /// Pieces of evidence that are left out, for there were too many.
    #[serde(skip_serializing_if = "is_none")]
    pub left_out: usize,
}

impl Finding {
    /// A finding with as much evidence as somebody reads.
    pub fn new(severity: Severity, kind: Kind, text: String, advice: String, mut evidence: Vec<String>) -> Self {
        let left_out = evidence.len().saturating_sub(bounds::EVIDENCE);
        evidence.truncate(bounds::EVIDENCE);
        Self { severity, kind, text, advice, evidence, left_out }
    }

    /// In one line, where what is made from the recording may lack something; `None` for every other finding. Too short
    /// a time is none: nothing is known to be missing of it.
    pub fn warning(&self) -> Option<String> {
        let lacks = self.severity == Severity::Incomplete && self.kind != Kind::TooShort;
        let word = if self.text.starts_with("incomplete") { "" } else { "incomplete: " };
        lacks.then(|| format!("{word}{}", self.text))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_none(count: &usize) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity, kind: Kind, text: &str, lines: usize) -> Finding {
        let evidence = (0..lines).map(|line| line.to_string()).collect();
        Finding::new(severity, kind, text.to_owned(), String::new(), evidence)
    }

    #[test]
    fn evidence_is_bounded_and_says_what_it_leaves_out() {
        let few = finding(Severity::Note, Kind::Loss, "", 256);
        assert_eq!((few.evidence.len(), few.left_out), (256, 0));
        assert!(!serde_json::to_string(&few).unwrap().contains("left_out"));
        let many = finding(Severity::Note, Kind::Loss, "", 300_000);
        assert_eq!((many.evidence.len(), many.left_out), (256, 299_744));
        assert!(serde_json::to_string(&many).unwrap().contains("\"left_out\":299744"));
    }

    #[test]
    fn what_is_missing_is_worth_a_warning() {
        let warning = |severity, kind, text| finding(severity, kind, text, 0).warning();
        let loss = "incomplete: the ring buffer was full (3)";
        assert_eq!(warning(Severity::Incomplete, Kind::Loss, loss).unwrap(), loss);
        let refused = warning(Severity::Incomplete, Kind::Refused, "1 call was refused").unwrap();
        assert_eq!(refused, "incomplete: 1 call was refused");
        assert_eq!(warning(Severity::Incomplete, Kind::TooShort, "1 window"), None);
        assert_eq!(warning(Severity::Note, Kind::Loss, "a window came later"), None);
        assert_eq!(warning(Severity::Risk, Kind::IoUring, "io_uring is allowed"), None);
    }
}
