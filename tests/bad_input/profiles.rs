//! Profiles that are broken, or no file to read.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::ctrec::{BAD_INPUT, ENVIRONMENT, OWN_FAILURE, assert_refusal, assert_refused, ctrec, ctrec_without_root};
use crate::sample::{store, text, with_a_loss, write};

/// Every way in which a profile can be wrong, and what the error must name.
const BROKEN_PROFILES: [(&str, &str); 8] = [
    ("{", "line 1"),
    ("[]", "object"),
    (r#"{"syscalls": []}"#, "defaultAction"),
    (r#"{"defaultAction": "SCMP_ACT_ALLOW", "defaultAction": "SCMP_ACT_ERRNO"}"#, r#""defaultAction" again"#),
    (r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["a"], "names": []}]}"#, "twice"),
    (r#"{"defaultAction": "SCMP_ACT_NICE"}"#, "SCMP_ACT_NICE"),
    (r#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_Z80"]}"#, "SCMP_ARCH_Z80"),
    (r#"{"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []}}"#, "seccomp"),
];

#[test]
fn a_broken_profile_is_refused_with_its_place() {
    let store = store();
    for (profile, needle) in BROKEN_PROFILES {
        let file = write(&store, "profile.json", profile);
        let words = ["verify", "--profile", &file, "--container", "web", text(store.path())];
        assert_refused(&words, BAD_INPUT, &[&file, needle]);
        assert_refused(&["run", "--profile", &file, "--", "/bin/true"], OWN_FAILURE, &[&file, needle]);
    }
}

#[test]
fn a_profile_that_is_not_there_is_named() {
    let store = store();
    let words = ["verify", "--profile", "/no/such/profile", "--container", "web", text(store.path())];
    assert_refused(&words, BAD_INPUT, &["/no/such/profile", "check its name"]);
}

/// Reading one of them to its end would take for ever, or all memory; waiting for a writer too.
#[test]
fn what_is_no_file_of_a_profile_is_refused_at_once() {
    let folder = store();
    let at = |name: &str| folder.path().join(name);
    fs::File::create(at("huge")).unwrap().set_len(10 << 30).unwrap();
    fs::write(at("empty"), "").unwrap();
    fs::write(at("binary"), b"\xff\xfe").unwrap();
    mkfifo(&at("pipe"), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    let _listener = UnixListener::bind(at("socket")).unwrap();
    for (file, reason) in [
        (at("huge"), "longer than 1 MiB"),
        (at("empty"), "empty"),
        (at("binary"), "not text"),
        (at("pipe"), "empty"),
        (at("socket"), "socket"),
        (folder.path().to_owned(), "folder"),
        ("/dev/zero".into(), "device"),
        ("/dev/null".into(), "device"),
    ] {
        let words = ["verify", "--profile", text(&file), "--container", "web", text(folder.path())];
        assert_refused(&words, BAD_INPUT, &[&format!("{file:?}"), reason]);
        assert_refused(&["run", "--profile", text(&file), "--", "true"], OWN_FAILURE, &[&format!("{file:?}"), reason]);
    }
}

#[test]
fn a_profile_may_come_through_a_pipe() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ctrec"))
        .args(["run", "--no-new-privs", "--profile", "/dev/stdin", "--", "sh", "-c", "exit 7"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(br#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}"#).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

#[test]
fn a_profile_that_this_user_may_not_read_is_no_bad_profile() {
    let folder = store();
    let file = write(&folder, "profile.json", "{}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    let words = ["verify", "--profile", &file, "--container", "web", text(folder.path())];
    assert_refusal(&ctrec_without_root(&words), ENVIRONMENT, &[&file, "sudo"]);
}

#[test]
fn verify_says_what_the_recording_misses() {
    let store = with_a_loss();
    let file = write(&store, "profile.json", r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}"#);
    let words = ["verify", "--profile", &file, "--container", "web", text(store.path())];
    let output = ctrec(&words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "a loss is shown, not failed on: {said}");
    let joined = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for needle in
        ["incomplete: the ring buffer was full", "(3). Programs", "events: 3", "1 window in 1 run: too little"]
    {
        assert!(joined.contains(needle), "{needle:?} is not in: {said}");
    }
    assert!(!String::from_utf8_lossy(&output.stdout).contains("incomplete"), "the table is of calls alone");
}

#[test]
fn verify_ends_with_1_where_something_would_be_refused() {
    let store = store();
    let file = write(&store, "profile.json", r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []}"#);
    let output = ctrec(&["verify", "--profile", &file, "--container", "web", text(store.path())]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("read"), "the refused call is named");
}
