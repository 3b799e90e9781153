//! Whether a test can run here. Lives here: the question and its loud answer. Does not: installing anything.

use std::env;
use std::io::Write;

use nix::unistd::geteuid;

/// Whether the test can run: as root, with every one of `commands` on the path. Says so loudly where it cannot, and
/// fails the test where everything is required.
pub(crate) fn open(test: &str, commands: &[&str]) -> bool {
    let mut missing: Vec<&str> = commands.iter().copied().filter(|command| !on_path(command)).collect();
    if !geteuid().is_root() {
        missing.insert(0, "root");
    }
    missing.is_empty() || refuse(test, &missing.join(", "))
}

/// Says loudly that the test cannot run for want of something, and fails it where everything is required.
pub(crate) fn refuse(test: &str, missing: &str) -> bool {
    let required = env::var_os("CTREC_REQUIRE").is_some_and(|value| !value.is_empty());
    assert!(!required, "{test} cannot run here: it needs {missing}");
    tell(&format!("SKIPPED {test}: it needs {missing}"));
    false
}

/// Says that the test tries nothing, since this kernel has not what it is about; `why` says what it has. No kernel has all
/// of it, so that it is nowhere a failure: other kernels are tried by scripts/kernels.sh.
pub(crate) fn tell_elsewhere(test: &str, why: &str) {
    tell(&format!("{test}: {why}; scripts/kernels.sh has kernels where it is tried"));
}

/// Writes a line that the test runner does not keep for itself, in one piece, since other tests write too.
pub(crate) fn tell(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).expect("stderr is open");
}

fn on_path(command: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(command).is_file())
}
