//! A test that needs another machine than this one, or another user, runs itself there.
//!
//! Lives here: doing that, and saying loudly where it cannot be done. Does not: what the tests look at.

use std::env;
use std::io::Write;
use std::process::Command;

const ELSEWHERE: &str = "CTREC_TEST_ELSEWHERE";

/// Whether this is the test already where it wanted to be.
pub(crate) fn is_here() -> bool {
    env::var_os(ELSEWHERE).is_some()
}

/// Runs a test once more, by words that end in what is to be run.
pub(crate) fn run_again(test: &str, words: &[&str]) {
    let own = env::current_exe().unwrap();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).arg(own).args(["--exact", test, "--nocapture"]).env(ELSEWHERE, "1");
    let output = command.output();
    // A test that fails ends with 101; anything else is one of the words saying no.
    match output.as_ref().map(|output| output.status.code()) {
        Ok(Some(0)) => {}
        Ok(Some(101)) => panic!("{test} failed: {output:?}"),
        _ => skip(test, &format!("{}, which gave {output:?}", words.join(" "))),
    }
}

fn skip(test: &str, needs: &str) {
    let required = env::var_os("CTREC_REQUIRE").is_some_and(|value| !value.is_empty());
    assert!(!required, "{test} cannot run here: it needs {needs}");
    // Not eprintln!: the test runner would capture it, and nobody would learn of the skip.
    std::io::stderr().write_all(format!("SKIPPED {test}: it needs {needs}\n").as_bytes()).unwrap();
}
