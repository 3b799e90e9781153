//! What the findings come to, in one sentence.

use serde::Serialize;

use crate::finding::{Finding, Severity};
use crate::text::counted;

/// What the findings come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The gravest of them; `None` where there is none.
    pub severity: Option<Severity>,
    /// In one sentence.
    pub text: String,
}

impl Verdict {
    pub(super) fn of<'a>(findings: impl Iterator<Item = &'a Finding> + Clone) -> Self {
        let severity = findings.clone().map(|finding| finding.severity).min();
        let count = counted(findings.filter(|finding| Some(finding.severity) == severity).count(), "finding");
        let text = match severity {
            Some(Severity::Incomplete) => {
                format!("Incomplete: what the workload needs may be missing ({count} say why and what to do).")
            }
            Some(Severity::Risk) => {
                format!("Nothing is known to be missing; {count} of risk: what is allowed would serve an attacker too.")
            }
            Some(Severity::Note) | None => "Nothing is known to be missing.".to_owned(),
        };
        Self { severity, text: text.replace("(1 finding say", "(1 finding says") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Kind;

    #[test]
    fn the_gravest_finding_decides() {
        let of = |severities: &[Severity]| {
            let finding =
                |severity: &Severity| Finding::new(*severity, Kind::Loss, String::new(), String::new(), Vec::new());
            let findings: Vec<Finding> = severities.iter().map(finding).collect();
            Verdict::of(findings.iter())
        };
        assert_eq!(of(&[]), Verdict { severity: None, text: "Nothing is known to be missing.".to_owned() });
        assert!(of(&[Severity::Note, Severity::Risk]).text.contains("1 finding of risk"));
        let worst = of(&[Severity::Risk, Severity::Incomplete, Severity::Note]);
        assert!(worst.text.starts_with("Incomplete") && worst.text.contains("1 finding says"), "{worst:?}");
        assert!(of(&[Severity::Incomplete; 2]).text.contains("2 findings say"));
    }
}
