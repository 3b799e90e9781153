//! Calls of the profile against the capability list: neither is of use without the other.
//!
//! Lives here: what of one is missing in the other. Does not: which capabilities are needed (see `capabilities`).

use std::collections::BTreeSet;

use ctrec_recording::Phase;

use super::Allowed;
use crate::behaviour::Behaviour;
use crate::capabilities::{Capabilities, Class, Need, ReasonKind};
use crate::finding::{Finding, Kind, Severity};
use crate::known;
use crate::policy::Policy;
use crate::profile::Reason;

/// Findings about both; none where the recording has no capability checks.
pub(super) fn findings(behaviour: &Behaviour, policy: &Policy, allowed: &Allowed) -> Vec<Finding> {
    let Ok(capabilities) = Capabilities::of(behaviour, policy) else { return Vec::new() };
    let mut findings = Vec::new();
    let calls = useless_calls(&capabilities, allowed);
    if !calls.is_empty() {
        let text = "some calls are allowed that do nothing without a capability that the container does not need";
        let advice = "They fail with or without a rule; if one should not, add its capability to those of ctrec caps.";
        findings.push(note(Kind::UselessCall, text, advice, calls));
    }
    let names = useless_capabilities(&capabilities, allowed);
    if !names.is_empty() {
        let text = "some capabilities of ctrec caps are kept or given on, and no call is allowed that they are for";
        let advice = "If the workload makes such a call at other times, add --include CALL.";
        findings.push(note(Kind::UselessCapability, text, advice, names));
    }
    findings
}

fn note(kind: Kind, text: &str, advice: &str, evidence: Vec<String>) -> Finding {
    Finding::new(Severity::Note, kind, text.to_owned(), advice.to_owned(), evidence)
}

/// A call that the runtime makes has the runtime's capabilities; one in a user namespace of the workload's own has all.
fn useless_calls(capabilities: &Capabilities, allowed: &Allowed) -> Vec<String> {
    let needed: BTreeSet<&str> = capabilities.needs.iter().map(|need| need.capability.as_str()).collect();
    let inside = capabilities.apart.iter().filter(|one| one.class == Class::OwnNamespace && one.granted);
    let inside: BTreeSet<&str> = inside.filter_map(|one| one.call.as_deref()).collect();
    let by_workload =
        |reason: &Reason| matches!(reason, Reason::Observed { phase: Phase::Workload, .. } | Reason::Included);
    let calls = allowed.iter().filter(|(name, reasons)| !inside.contains(*name) && reasons.iter().all(by_workload));
    let useless = calls.filter_map(|(name, _)| {
        let sets = known::useless_without(name);
        let some = sets.iter().any(|set| set.iter().all(|capability| needed.contains(capability)));
        let sets: Vec<String> = sets.iter().map(|set| set.join(" and ")).collect();
        (!sets.is_empty() && !some).then(|| format!("{name}: {}", sets.join(" or ")))
    });
    useless.collect()
}

/// What was asked for in a call is of use in it.
fn useless_capabilities(capabilities: &Capabilities, allowed: &Allowed) -> Vec<String> {
    let silent = |need: &&Need| need.reasons.iter().all(|reason| reason.kind != ReasonKind::Check);
    let useless = capabilities.needs.iter().filter(silent).filter_map(|need| {
        let mut calls = known::calls_of_capability(&need.capability).peekable();
        calls.peek()?;
        let calls: Vec<&str> = calls.collect();
        let none = !calls.iter().any(|call| allowed.contains_key(call));
        none.then(|| format!("{}: {}", need.capability, calls.join(", ")))
    });
    useless.collect()
}

#[cfg(test)]
mod tests {
    use ctrec_recording::{Cause, Namespace, Origin, Phase};

    use super::*;
    use crate::recommend::recommend;
    use crate::testing::{Question, Run, granted, mask};

    fn found(run: &Run, kind: Kind) -> Vec<String> {
        let behaviour = Behaviour::of(&run.recording, 1).unwrap();
        let findings = recommend(&behaviour, &Policy::default()).unwrap().findings;
        findings.into_iter().filter(|finding| finding.kind == kind).flat_map(|finding| finding.evidence).collect()
    }

    fn run() -> Run {
        Run::new("r").counting()
    }

    #[test]
    fn a_call_without_its_capability_is_a_finding() {
        let run = run().failed("mount", 1, 1).failed("swapon", 1, 1).failed("chroot", 1, 1).made("read", 1);
        let lines = ["chroot: CAP_SYS_CHROOT", "mount: CAP_SYS_ADMIN", "swapon: CAP_SYS_ADMIN"];
        assert_eq!(found(&run, Kind::UselessCall), lines);
        let with = run.clone().asked(granted("SYS_ADMIN", "mount"));
        assert_eq!(found(&with, Kind::UselessCall), lines[..1]);
    }

    #[test]
    fn calls_that_are_of_use_to_anybody_are_not() {
        let run = run().failed("unshare", 1, 1).failed("bpf", 1, 1).failed("ptrace", 1, 1).failed("mbind", 1, 1);
        assert!(found(&run, Kind::UselessCall).is_empty());
    }

    #[test]
    fn a_user_namespace_of_its_own_gives_a_call_its_use() {
        let inside = Question { target: Namespace::Inside, ..granted("SYS_ADMIN", "mount") };
        assert!(found(&run().made("mount", 1).asked(inside), Kind::UselessCall).is_empty());
    }

    #[test]
    fn what_the_runtime_calls_has_the_runtimes_capabilities() {
        let run = run().phase(Origin::Init, Phase::Runtime).made("chroot", 1);
        assert!(found(&run, Kind::UselessCall).is_empty());
    }

    #[test]
    fn a_capability_without_any_of_its_calls_is_a_finding() {
        let run = run().ran(Cause::Capset, |it| {
            (it.before, it.permitted) =
                (mask(&["SYS_TIME", "SYS_CHROOT", "CHOWN", "KILL", "SETUID"]), mask(&["SYS_CHROOT"]));
        });
        assert_eq!(found(&run, Kind::UselessCapability), ["CAP_SYS_CHROOT: chroot, setns"]);
        assert!(found(&run.clone().made("chroot", 1), Kind::UselessCapability).is_empty());
        assert!(found(&run.asked(granted("SYS_CHROOT", "setns")), Kind::UselessCapability).is_empty());
    }

    #[test]
    fn a_recording_without_checks_says_nothing_of_them() {
        assert!(found(&Run::new("r").failed("mount", 1, 1), Kind::UselessCall).is_empty());
    }
}
