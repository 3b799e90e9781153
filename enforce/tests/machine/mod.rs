//! What a test needs of the machine, and what happens where the machine has it not.
//!
//! A test that cannot run says so loudly, and fails where `CTREC_REQUIRE` asks for all of them.

use std::{env, io::Write};

use ctrec_enforce::Status;

/// Whether a test can run: this process is root's in full, and everything else that it needs is here.
pub(crate) fn open(test: &str, needs: &[(&str, bool)]) -> bool {
    let needs = [("root", privileged())].into_iter().chain(needs.iter().copied());
    let missing: Vec<&str> = needs.filter(|(_, is_here)| !is_here).map(|(need, _)| need).collect();
    if missing.is_empty() {
        return true;
    }
    let missing = missing.join(", ");
    let required = env::var_os("CTREC_REQUIRE").is_some_and(|value| !value.is_empty());
    assert!(!required, "{test} cannot run here: it needs {missing}");
    // Not eprintln!: the test runner would capture it, and nobody would learn of the skip. In one piece, since other
    // tests write too.
    let line = format!("SKIPPED {test}: it needs {missing}\n");
    std::io::stderr().write_all(line.as_bytes()).expect("stderr is open");
    false
}

fn privileged() -> bool {
    let own = i32::try_from(std::process::id()).expect("process ids are positive i32");
    let status = Status::of(own).expect("the test's own status");
    status.effective.names().iter().any(|name| name == "CAP_SYS_ADMIN")
}
