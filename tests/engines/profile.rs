//! What every profile must be. Lives here: questions about a profile that the kernel or the text answers, not ctrec.

use std::fs;
use std::path::Path;

use ctrec_analyze::dialect::{ParseContext, parse};
use ctrec_enforce::{Query, Runtime, compile, filters_of, native_architecture};
use ctrec_recording::Abi;
use serde_json::Value;

/// Calls that set a container up. A profile that has one was made from the runtime's set-up by mistake.
const SET_UP: [&str; 4] = ["mount", "pivot_root", "setns", "unshare"];

/// No rule of the profile allows a call of the set-up.
pub(crate) fn assert_no_set_up(profile: &Value) {
    let rules = profile["syscalls"].as_array().expect("a profile has rules");
    let allowed = rules.iter().filter(|rule| rule["action"] == "SCMP_ACT_ALLOW");
    let names: Vec<&str> =
        allowed.filter_map(|rule| rule["names"].as_array()).flatten().filter_map(Value::as_str).collect();
    assert!(names.contains(&"execve"), "a profile without execve starts nothing: {names:?}");
    let found: Vec<&str> = SET_UP.into_iter().filter(|name| names.contains(name)).collect();
    assert_eq!(found, [""; 0], "calls of the set-up are allowed");
}

/// The process is under the profile as `runtime` compiles it, and under nothing else: libseccomp's program instruction
/// by instruction, and every number of every architecture with the same outcome. runc's stub before that program may
/// differ in form: its parts are in no fixed order.
pub(crate) fn assert_filter_is(profile: &Path, runtime: Runtime, pid: &str) {
    let native = native_architecture().expect("this machine has an architecture that profiles know");
    let text = fs::read_to_string(profile).expect("a profile can be read");
    let profile = parse(&text, &ParseContext::of(native)).expect("a profile can be parsed").profile;
    let in_force = filters_of(pid.parse().expect("a process id is a number")).expect("filters can be read");
    assert_eq!(in_force.len(), 1, "filters in force");
    let of_libseccomp = compile(&profile, Runtime::Crun, native).expect("a profile can be compiled").filter;
    assert!(in_force[0].instructions().ends_with(of_libseccomp.instructions()), "libseccomp made another program");
    if runtime == Runtime::Crun {
        assert_eq!(in_force[0], of_libseccomp, "crun puts nothing before it");
    }
    let compiled = compile(&profile, runtime, native).expect("a profile can be compiled").filter;
    for query in every_call() {
        assert_eq!(in_force[0].decide(&query), compiled.decide(&query), "{query:?}");
    }
}

/// Every number that an architecture might ever know, with and without the bit of x32.
fn every_call() -> impl Iterator<Item = Query> {
    const X32: u32 = 1 << 30;
    let numbers = (0..1024).flat_map(|number| [number, number | X32]).chain([u32::MAX]);
    numbers
        .flat_map(|number| [Abi::X86_64, Abi::I386, Abi::Aarch64, Abi::Arm].map(|abi| Query::raw(abi.into(), number)))
}
