//! ctrec as a user runs it. Lives here: running it, and what an error must be.

use std::process::{Command, Output};

/// Words that are no command line.
pub(crate) const USAGE: i32 = 2;

/// A command that cannot do what it is asked for.
pub(crate) const ENVIRONMENT: i32 = 3;

/// Input that is not what it should be.
pub(crate) const BAD_INPUT: i32 = 4;

/// ctrec's own failure where the exit code is otherwise the command's.
pub(crate) const OWN_FAILURE: i32 = 125;

pub(crate) fn ctrec(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ctrec")).args(words).output().unwrap()
}

/// ctrec of a user who is not root. setpriv needs root to drop it; without root there is nothing to drop.
pub(crate) fn ctrec_without_root(words: &[&str]) -> Output {
    let mut command = Command::new("setpriv");
    if nix::unistd::geteuid().is_root() {
        command.args(["--inh-caps=-all", "--bounding-set=-all"]);
    }
    command.arg(env!("CARGO_BIN_EXE_ctrec")).args(words).output().unwrap()
}

/// ctrec ends with `code`, says why in words that hold each of `needles` and nothing that a terminal would obey, and
/// prints no data.
#[track_caller]
pub(crate) fn assert_refused(words: &[&str], code: i32, needles: &[&str]) {
    assert_refusal(&ctrec(words), code, needles);
}

#[track_caller]
pub(crate) fn assert_refusal(output: &Output, code: i32, needles: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "stderr: {stderr}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "nothing on stdout");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert_eq!(stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "one error: {stderr}");
    assert!(!stderr.contains(|character: char| character.is_control() && character != '\n'), "{stderr:?}");
    for needle in needles {
        assert!(stderr.contains(needle), "{needle:?} is not in: {stderr}");
    }
}
