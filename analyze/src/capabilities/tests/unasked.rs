//! Calls that the filter in force turned away, in which nothing was asked for.

use super::*;
use crate::finding::Severity;
use crate::report::{CapabilityReport, Look, capabilities_json, capabilities_summary, capabilities_text};
use crate::testing::{allowing, granted};

/// Every form of the list, its white space made even.
fn forms(run: &Run) -> [String; 3] {
    let behaviour = Behaviour::of(&run.recording, 1).unwrap();
    let judged = Capabilities::of(&behaviour, &Policy::default()).unwrap();
    let forms = [
        capabilities_summary(&behaviour, &judged, Look::PLAIN),
        capabilities_text(&behaviour, &judged, Look::PLAIN),
        capabilities_json(&behaviour, &judged),
    ];
    forms.map(|form| form.unwrap().split_whitespace().collect::<Vec<_>>().join(" "))
}

#[test]
fn a_refused_call_is_in_every_form_with_the_way_out() {
    let masked = run().filter(&allowing(&["read"])).failed("mount", 1, 2);
    let judged = judge(&masked);
    let finding = found(&judged, Kind::Refused);
    assert_eq!((finding.severity, finding.evidence.len()), (Severity::Incomplete, 1));
    assert!(judged.needs.is_empty(), "a refused mount asks for nothing");
    for form in forms(&masked) {
        for expected in ["1 call was refused by the filter", "mount: 2 times, EPERM", "--learn > learn.json"] {
            assert!(form.contains(expected), "{expected} is missing in {form}");
        }
    }
}

#[test]
fn a_call_that_the_kernel_refused_was_asked_about() {
    let through = run().filter(&allowing(&["read", "mount"])).failed("mount", 1, 2);
    let kinds: Vec<Kind> = judge(&through).findings.iter().map(|finding| finding.kind).collect();
    assert!(!kinds.iter().any(|kind| matches!(kind, Kind::Refused | Kind::RefusedOrFailed | Kind::FilterUnknown)));
}

#[test]
fn what_programs_fall_back_from_is_a_note() {
    let judged = judge(&run().filter(&allowing(&["read"])).failed("clone3", 38, 1).refused(1).counted());
    let finding = found(&judged, Kind::Refused);
    assert!(finding.severity == Severity::Note && finding.text.contains("ENOSYS"), "{finding:?}");
}

#[test]
fn refused_for_some_arguments_is_said_too() {
    let some = run().filter(&allowing(&["read"])).made("socket", 3).window(2).failed("socket", 1, 2).refused(1);
    assert_eq!(found(&judge(&some.counted()), Kind::Refused).severity, Severity::Incomplete);
}

#[test]
fn a_filter_that_nobody_knows_may_have_hidden_anything() {
    let unknown = run().that(|container| container.seccomp_json = None).failed("mount", 1, 2);
    assert_eq!(found(&judge(&unknown), Kind::FilterUnknown).severity, Severity::Note);
}

#[test]
fn a_report_says_it_once() {
    let judged = judge(&run().filter(&allowing(&["read"])).failed("mount", 1, 2).asked(granted("CHOWN", "chown")));
    let alone = CapabilityReport::of(&judged);
    assert!(alone.findings.iter().any(|finding| finding.kind == Kind::Refused));
    assert!(alone.beside_profile().findings.iter().all(|finding| finding.kind != Kind::Refused));
}
