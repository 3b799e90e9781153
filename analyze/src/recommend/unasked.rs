//! What the filter in force hid from a capability list: a call that it turned away asked for no capability.
//!
//! Lives here: the words of these findings. Does not: which calls were turned away (see `fate`), what they are to a
//! profile (see `refusals`).

use super::fate::Filters;
use super::findings::{START_FIRST, finding};
use super::refusals::{Hidden, lines, were, who_is_unknown};
use super::{learn, wanted};
use crate::behaviour::Behaviour;
use crate::finding::{Finding, Kind, Severity};
use crate::policy::Policy;

/// Findings about calls in which nothing was asked for, as a filter answered them first.
pub(crate) fn unasked(behaviour: &Behaviour, policy: &Policy) -> Vec<Finding> {
    let filters = Filters::of(behaviour);
    let calls = wanted(behaviour, policy, &filters);
    let Hidden { mut always, absent, sometimes, perhaps } = Hidden::of(&calls);
    always.extend(sometimes);
    always.sort_by_key(|(call, _)| **call);
    let way_out = learn::way_out(behaviour);

    let refused = format!(
        "{} refused by the filter that the container ran under, before any capability was asked for; what they and \
         what would have come after need is not known",
        were(always.len())
    );
    let reported = format!(
        "{} reported absent (ENOSYS) by the filter in force, before any capability was asked for; programs fall back \
         to older calls",
        were(absent.len())
    );
    let unsure = format!(
        "{} refused by the filter in force, before any capability was asked for, or failed in the kernel",
        were(perhaps.len())
    );
    let findings = [
        (Severity::Incomplete, Kind::Refused, refused, format!("To know it, {way_out}."), lines(always)),
        (
            Severity::Note,
            Kind::Refused,
            reported,
            format!("Nothing to do. To see the workload with them, {way_out}."),
            lines(absent),
        ),
        (
            Severity::Note,
            Kind::RefusedOrFailed,
            unsure,
            format!("To know which, record with --refused exact; or {way_out}."),
            lines(perhaps),
        ),
        (
            Severity::Note,
            Kind::FilterUnknown,
            "the filter that the container ran under is not known, so neither is what it kept from asking".to_owned(),
            format!("{START_FIRST} Recorded with --refused exact, it needs not be known."),
            who_is_unknown(&filters),
        ),
    ];
    let made = findings.into_iter().filter(|(.., evidence)| !evidence.is_empty());
    made.map(|(severity, kind, text, advice, evidence)| finding(severity, kind, text, &advice, evidence)).collect()
}
