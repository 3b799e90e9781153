//! Words that are wrong, and users who may not.

use tempfile::TempDir;

use crate::ctrec::{
    BAD_INPUT, ENVIRONMENT, OWN_FAILURE, USAGE, assert_refusal, assert_refused, ctrec, ctrec_without_root,
};
use crate::sample::{text, write};

#[test]
fn a_command_line_that_is_wrong_ends_with_2() {
    for words in [
        &["record", "--duration", "soon"][..],
        &["record", "--duration", "0s"],
        &["record", "--window", "1h"],
        &["record", "--container", "web", "--", "true"],
        &["record", "--"],
        &["recommend", "--dialect", "latin"],
        &["recommend"],
        &["recommend", "store"],
        &["recommend", "--learn", "--container", "web"],
        &["recommend", "--learn", "store"],
        &["recommend", "--learn", "--include", "mount"],
        &["recommend", "--learn", "--runtime", "runc"],
        &["recommend", "--learn", "--without-exec"],
        &["recommend", "--container", "web", "--include", ""],
        &["recommend", "--container", "web", "--include", "mount,"],
        &["recommend", "--container", "web", "--runtime", "youki"],
        &["run", "--profile", "profile.json"],
        &["inspect"],
        &["inspect", "--pid", "0"],
        &["inspect", "--pid", "1", "--container", "web"],
        &["report", "--quiet", "--verbose"],
        &["doctor", "--format", "markdown"],
        &["doctor", "now"],
        &["fly"],
        &[],
    ] {
        let output = ctrec(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    }
}

#[test]
fn a_size_that_is_none_is_told_how_to_write_one() {
    for words in
        [&["--max-size=-5"][..], &["--max-size", "-5"], &["--max-size=0"], &["--max-size=1MB"], &["--max-size=x"]]
    {
        let output = ctrec(&[&["record"], words].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
        assert!(said.contains("write it like 500MB or 2GiB") && !said.contains("parse"), "{words:?}: {said}");
    }
}

#[test]
fn what_is_no_pattern_is_told_which_there_are() {
    for pattern in ["", "[", "label=a", "pod=x", "image=", "name=web"] {
        for words in [&["record", "--container"][..], &["recommend", "--container"], &["report", "--container"]] {
            let needles = [&*format!("\"{pattern}\" is no pattern"), "image=IMAGE"];
            assert_refused(&[words, &[pattern]].concat(), USAGE, &needles);
        }
    }
}

#[test]
fn inspect_of_a_process_that_is_not_there_names_it() {
    assert_refused(&["inspect", "--pid", "2147483647"], BAD_INPUT, &["2147483647"]);
}

#[test]
fn recording_without_root_says_so() {
    let folder = TempDir::new().unwrap();
    let store = folder.path().join("store");
    assert_refusal(&ctrec_without_root(&["record", "--output", text(&store)]), ENVIRONMENT, &["root"]);
    let with_command = ["record", "--output", text(&store), "--", "true"];
    assert_refusal(&ctrec_without_root(&with_command), OWN_FAILURE, &["root"]);
    assert!(!store.exists(), "nothing is left behind");
}

#[test]
fn root_without_capabilities_is_told_what_gives_them() {
    if !nix::unistd::geteuid().is_root() {
        return; /* nobody else is taken for root */
    }
    let refused = ctrec_without_root(&["record", "--duration", "1s"]);
    assert_refusal(&refused, ENVIRONMENT, &["CAP_BPF and CAP_PERFMON", "--privileged", "--cap-add"]);
    assert!(!String::from_utf8_lossy(&refused.stderr).contains("sudo"), "{refused:?}");
}

#[test]
fn a_filter_without_root_needs_an_option_that_is_named() {
    let folder = TempDir::new().unwrap();
    let profile = write(&folder, "profile.json", r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}"#);
    let refused = ctrec_without_root(&["run", "--profile", &profile, "--", "true"]);
    assert_refusal(&refused, OWN_FAILURE, &["run it again with --no-new-privs"]);
    let confined = ctrec_without_root(&["run", "--profile", &profile, "--no-new-privs", "--", "sh", "-c", "exit 7"]);
    assert_eq!(confined.status.code(), Some(7), "{confined:?}");
}

#[test]
fn a_command_that_nothing_limits_is_run_with_a_warning() {
    let output = ctrec(&["run", "--", "sh", "-c", "exit 7"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{stderr}");
    assert!(stderr.starts_with("warning: no --profile"), "{stderr}");
}
