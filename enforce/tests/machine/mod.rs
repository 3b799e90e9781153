//! What a test needs of the machine, and what happens where the machine has it not.
//!
//! A test that cannot run says so, and fails where `CTREC_REQUIRE=1` asks for all of them.

use std::{env, path::Path};

use ctrec_enforce::Status;

/// Whether this process is root's in full and the tools are there. Where not, says what is missing.
#[expect(clippy::print_stderr, reason = "what did not run must be seen")]
pub(crate) fn has(tools: &[&str]) -> bool {
    let mut missing: Vec<String> = tools.iter().filter(|tool| !installed(tool)).map(ToString::to_string).collect();
    if !privileged() {
        missing.push("CAP_SYS_ADMIN".to_owned());
    }
    if missing.is_empty() {
        return true;
    }
    let message = format!("NOT RUN: this machine lacks {}", missing.join(", "));
    assert!(env::var_os("CTREC_REQUIRE").is_none_or(|value| value != "1"), "{message}");
    eprintln!("{message}");
    false
}

fn installed(tool: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).any(|folder| folder.join(tool).is_file())
}

fn privileged() -> bool {
    let own = i32::try_from(std::process::id()).expect("process ids are positive i32");
    let status = Status::of(own).expect("the test's own status");
    status.effective.names().iter().any(|name| name == "CAP_SYS_ADMIN") && Path::new("/proc/self/ns").exists()
}
