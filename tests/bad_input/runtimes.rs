//! Profiles that start under one runtime and not under another: what `verify` says of them.

use crate::ctrec::ctrec;
use crate::sample::{store, text, write};

/// A profile that allows what the container of `store` did, and nothing that a runtime needs beside execve and write.
const WITHOUT_A_RUNTIME: &str = r#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"],
    "syscalls": [{"names": ["read", "execve", "write"], "action": "SCMP_ACT_ALLOW"}]}"#;

#[test]
fn verify_names_what_a_runtime_cannot_start_the_container_without() {
    let store = store();
    let file = write(&store, "profile.json", WITHOUT_A_RUNTIME);
    let verify = |options: &[&str]| {
        let words = ["verify", "--profile", &file, "--container", "web", text(store.path())];
        let output = ctrec(&[&words, options].concat());
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, both) = verify(&[]);
    assert_eq!(code, Some(1), "{both}");
    let rows: Vec<Vec<&str>> = both.lines().map(|line| line.split('\t').collect()).collect();
    let of = |name: &str, runtime: &str| rows.iter().any(|row| row[0] == name && row[3].contains(runtime));
    assert!(of("fstatfs", "runc") && !of("fstatfs", "crun"), "{both}");
    assert!(of("setresuid", "crun") && !of("setresuid", "runc"), "{both}");
    assert!(!of("read", "") && !of("execve", "") && both.contains("crun 1.8, run, no_new_privs=false"), "{both}");
    assert!(!both.contains("no_new_privs=true"), "the container's own setting is known: {both}");
    assert!(both.contains(", exec, ") && !verify(&["--without-exec"]).1.contains(", exec, "));
    for (runtime, other) in [("runc", "setresuid"), ("crun", "fstatfs")] {
        let (code, one) = verify(&["--runtime", runtime]);
        assert!(code == Some(1) && !one.contains(other), "{one}");
    }
}

#[test]
fn a_profile_for_one_runtime_passes_for_that_one() {
    let store = store();
    for (made_for, passes) in
        [("any", ["0", "0"]), ("recorded", ["0", "1"]), ("runc", ["0", "1"]), ("crun", ["1", "0"])]
    {
        let recommend = ["recommend", "--runtime", made_for, "--container", "web", text(store.path())];
        let profile = ctrec(&recommend);
        let file = write(&store, "profile.json", &String::from_utf8_lossy(&profile.stdout));
        let verdicts = ["runc", "crun"].map(|runtime| {
            let words = ["verify", "--runtime", runtime, "--profile", &file, "--container", "web", text(store.path())];
            ctrec(&words).status.code().unwrap().to_string()
        });
        assert_eq!(verdicts, passes, "runc and crun, with a profile made for {made_for}");
        let screen = String::from_utf8_lossy(&profile.stderr).into_owned();
        assert_eq!(screen.contains("Starts under runc and crun, with and without no_new_privs"), made_for == "any");
        assert_eq!(screen.contains("elsewhere perhaps not"), made_for == "recorded", "{screen}");
    }
}
