//! `ctrec doctor` of a user who may not record: what is missing is said, and what takes root is not guessed.

use nix::unistd::geteuid;
use serde_json::Value;

use crate::ctrec::{ENVIRONMENT, ctrec_without_root};

#[test]
fn without_root_it_says_what_root_is_needed_for_and_ends_with_3() {
    let output = ctrec_without_root(&["doctor"]);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(ENVIRONMENT), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "the answers are data");
    let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let begins = |state: &str, subject: &str| {
        let mut lines = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        lines.any(|line| line.starts_with(&format!("{state} {subject} ")))
    };
    // Who is root already is told what root lacks.
    let advice = if geteuid().is_root() { "needs CAP_BPF and CAP_PERFMON," } else { "run it again with sudo" };
    assert!(begins("missing", "permission") && words.contains(advice), "{shown}");
    assert!(begins("not tried", "capability checks") && begins("not tried", "recording programs"), "{shown}");
    assert!(shown.contains("libseccomp"), "{shown}");
}

#[test]
fn programs_get_the_same_answers() {
    let output = ctrec_without_root(&["doctor", "--format", "json"]);
    assert_eq!(output.status.code(), Some(ENVIRONMENT), "{output:?}");
    let answers: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers["can_record"], false);
    let state = |subject: &str| {
        let mut all = answers["answers"].as_array().unwrap().iter();
        all.find(|answer| answer["subject"] == subject).unwrap()["state"].clone()
    };
    assert_eq!((state("permission"), state("kernel symbols")), ("missing".into(), "not_tried".into()));
}
