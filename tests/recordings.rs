//! Recordings of real containers, and what they must give.
//!
//! A case is a folder of `fixtures/recordings`: `store` as `ctrec record` wrote it, `container` with the pattern to ask
//! for, and `expected` with every output. `UPDATE_FIXTURES=1` writes what they give now.

#![expect(clippy::unwrap_used, reason = "a test whose case cannot be prepared has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Outputs: file in `expected`, and the command that gives it.
const OUTPUTS: [(&str, &[&str]); 6] = [
    ("seccomp.json", &["recommend", "--quiet"]),
    ("seccomp.oci.json", &["recommend", "--quiet", "--dialect", "oci"]),
    ("seccomp.without-exec.json", &["recommend", "--quiet", "--without-exec"]),
    ("report.txt", &["report"]),
    ("report.md", &["report", "--format", "markdown"]),
    ("report.json", &["report", "--format", "json"]),
];

/// The same of recordings that have capability checks.
const OF_CAPABILITIES: [(&str, &[&str]); 3] = [
    ("caps.flags", &["caps", "--quiet"]),
    ("caps.txt", &["caps", "--format", "text"]),
    ("caps.json", &["caps", "--format", "json"]),
];

/// Whether a hook on capability checks recorded a case.
fn has_checks(case: &Path) -> bool {
    let mut runs = fs::read_dir(case.join("store")).unwrap().map(|run| run.unwrap().path()).filter(|run| run.is_dir());
    runs.any(|run| fs::read_to_string(run.join("run.json")).unwrap().contains("/cap_capable"))
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/recordings");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|case| case.is_dir());
    cases.sort();
    cases
}

fn ctrec(case: &Path, words: &[&str]) -> String {
    let container = fs::read_to_string(case.join("container")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ctrec"));
    let output = command.args(words).args(["--container", container.trim()]).arg(case.join("store")).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn real_recordings_give_what_they_must() {
    let update = std::env::var_os("UPDATE_FIXTURES").is_some();
    let cases = cases();
    assert!(cases.len() >= 2, "there are cases");
    assert!(cases.iter().any(|case| has_checks(case)) && !cases.iter().all(|case| has_checks(case)), "of both formats");
    for case in cases {
        let of_capabilities = if has_checks(&case) { &OF_CAPABILITIES[..] } else { &[] };
        for (file, words) in OUTPUTS.iter().chain(of_capabilities) {
            let (given, expected) = (ctrec(&case, words), case.join("expected").join(file));
            if update {
                fs::create_dir_all(expected.parent().unwrap()).unwrap();
                fs::write(&expected, &given).unwrap();
            }
            assert_eq!(given, fs::read_to_string(&expected).unwrap(), "{}", expected.display());
            assert_eq!(given, ctrec(&case, words), "the same recording gives the same bytes");
        }
    }
}

#[test]
fn every_recording_passes_its_own_profile() {
    for case in cases() {
        let profile = case.join("expected/seccomp.json");
        let words = ["verify", "--quiet", "--profile", profile.to_str().unwrap()];
        assert_eq!(ctrec(&case, &words), "", "{}", case.display());
    }
}
