//! Bad input and a bad environment: one clear error, the documented exit code, no panic. One test a case; what needs
//! root to be broken is in `engines/broken.rs`.

#![expect(clippy::unwrap_used, reason = "a test whose case cannot be prepared has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ctrec_recording::{
    Abi, Call, CgroupLayout, Container, End, Format, Header, Origin, Phase, Program, RunWriter, SchemaVersion, Segment,
    Settings, Window,
};
use tempfile::TempDir;

/// A command that cannot do what it is asked for.
const ENVIRONMENT: i32 = 3;

/// Input that is not what it should be.
const BAD_INPUT: i32 = 4;

/// ctrec's own failure where the exit code is otherwise the command's.
const OWN_FAILURE: i32 = 125;

fn ctrec(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ctrec")).args(words).output().unwrap()
}

/// ctrec ends with `code`, says why in words that hold each of `needles`, and prints no data.
#[track_caller]
fn assert_refused(words: &[&str], code: i32, needles: &[&str]) {
    assert_refusal(&ctrec(words), code, needles);
}

#[track_caller]
fn assert_refusal(output: &Output, code: i32, needles: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "stderr: {stderr}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "nothing on stdout");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert_eq!(stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "one error: {stderr}");
    for needle in needles {
        assert!(stderr.contains(needle), "{needle:?} is not in: {stderr}");
    }
}

/// A store with one run of one container, `web`.
fn store() -> TempDir {
    let folder = TempDir::new().unwrap();
    let header = header();
    let mut writer = RunWriter::create(folder.path(), &header, Format::Parquet).unwrap();
    let program = Program {
        container: 1,
        program: 1,
        path: "/bin/server".to_owned(),
        path_truncated: false,
        device: 1,
        inode: 2,
    };
    writer.write_snapshot(&[container()], &[program]).unwrap();
    writer.seal(&segment()).unwrap();
    writer.finish(&header).unwrap();
    folder
}

fn header() -> Header {
    Header {
        schema: SchemaVersion::CURRENT,
        run: "20260101T000000Z-1".to_owned(),
        ctrec_version: "0.1.0".to_owned(),
        host: "host".to_owned(),
        kernel: "6.1.0".to_owned(),
        arch: "x86_64".to_owned(),
        cgroups: CgroupLayout::V2,
        hooks: Vec::new(),
        sysctls: [].into(),
        settings: Settings { window_ns: 10_000_000_000, containers: Vec::new(), command: None },
        started_ns: 1_000,
        ended_ns: Some(2_000),
        end: Some(End::Duration),
    }
}

fn container() -> Container {
    Container {
        container: 1,
        id: "f".repeat(64),
        name: "web".to_owned(),
        image: Some("web:1".to_owned()),
        engine: "docker".to_owned(),
        runtime: Some("runc".to_owned()),
        pod: None,
        labels_json: "{}".to_owned(),
        entrypoint_json: Some("[\"/bin/server\"]".to_owned()),
        no_new_privs: Some(false),
        capabilities_json: Some("[]".to_owned()),
        seccomp_json: Some("null".to_owned()),
        sysctls_json: "{}".to_owned(),
        limits_json: "{}".to_owned(),
        cgroup_path: format!("/docker/{}", "f".repeat(64)),
        started_ns: 1_000,
        ended_ns: None,
        already_running: false,
        resolved: true,
    }
}

fn segment() -> Segment {
    let read = Call {
        window: 1,
        container: 1,
        program: 1,
        origin: Origin::Init,
        phase: Phase::Workload,
        abi: Abi::X86_64,
        number: 0,
        succeeded: 5,
        failed: 0,
        interrupted: 0,
        unfinished: 0,
        first_ns: 1_000,
        last_ns: 2_000,
    };
    Segment {
        window: Window { window: 1, start_ns: 1_000, end_ns: 2_000 },
        calls: vec![read],
        errnos: Vec::new(),
        arguments: Vec::new(),
        starts: Vec::new(),
        losses: Vec::new(),
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The only Parquet file below a folder whose path holds `word`.
fn parquet_file(folder: &Path, word: &str) -> PathBuf {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "parquet") && text(&path).contains(word) {
                found.push(path);
            }
        }
    }
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn write(folder: &TempDir, name: &str, content: &str) -> String {
    let file = folder.path().join(name);
    fs::write(&file, content).unwrap();
    text(&file).to_owned()
}

#[test]
fn an_unknown_container_is_answered_with_those_there_are() {
    let store = store();
    for command in ["recommend", "report"] {
        assert_refused(&[command, "--container", "wbe", text(store.path())], BAD_INPUT, &["wbe", "web"]);
    }
}

#[test]
fn a_store_that_is_not_there_is_named() {
    let folder = TempDir::new().unwrap();
    let store = folder.path().join("nothing");
    assert_refused(&["recommend", "--container", "web", text(&store)], BAD_INPUT, &[text(&store), "ctrec record"]);
}

#[test]
fn an_empty_store_says_how_to_fill_it() {
    let store = TempDir::new().unwrap();
    for command in ["recommend", "report"] {
        assert_refused(&[command, "--container", "web", text(store.path())], BAD_INPUT, &["ctrec record"]);
    }
}

#[test]
fn a_folder_of_something_else_is_no_store() {
    let folder = TempDir::new().unwrap();
    write(&folder, "holiday.jpg", "not a recording");
    assert_refused(&["recommend", "--container", "web", text(folder.path())], BAD_INPUT, &[text(folder.path())]);
}

#[test]
fn a_truncated_file_is_named() {
    let store = store();
    let file = parquet_file(store.path(), "calls");
    let whole = fs::read(&file).unwrap();
    for length in [0, 3, whole.len() / 2, whole.len() - 1] {
        fs::write(&file, &whole[..length]).unwrap();
        assert_refused(&["recommend", "--container", "web", text(store.path())], BAD_INPUT, &[text(&file)]);
    }
}

#[test]
fn an_alien_file_is_named() {
    let store = store();
    let (calls, programs) = (parquet_file(store.path(), "calls"), parquet_file(store.path(), "programs"));
    for alien in [b"not Parquet at all".to_vec(), fs::read(programs).unwrap()] {
        fs::write(&calls, alien).unwrap();
        assert_refused(&["recommend", "--container", "web", text(store.path())], BAD_INPUT, &[text(&calls)]);
    }
}

#[test]
fn a_newer_store_is_refused_by_its_version() {
    let store = store();
    let file = store.path().join("run=20260101T000000Z-1/run.json");
    let newer = fs::read_to_string(&file)
        .unwrap()
        .replace("\"major\": 1", "\"major\": 2")
        .replace("\"major\":1", "\"major\":2");
    fs::write(&file, newer).unwrap();
    assert_refused(&["recommend", "--container", "web", text(store.path())], BAD_INPUT, &["2.0"]);
}

/// Every way in which a profile can be wrong, and what the error must name.
const BROKEN_PROFILES: [(&str, &str); 6] = [
    ("{", "line 1"),
    ("[]", "object"),
    (r#"{"syscalls": []}"#, "defaultAction"),
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
    assert_refused(&words, BAD_INPUT, &["/no/such/profile"]);
}

#[test]
fn verify_ends_with_1_where_something_would_be_refused() {
    let store = store();
    let file = write(&store, "profile.json", r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []}"#);
    let output = ctrec(&["verify", "--profile", &file, "--container", "web", text(store.path())]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("read"), "the refused call is named");
}

#[test]
fn a_command_line_that_is_wrong_ends_with_2() {
    for words in [&["record", "--duration", "soon"][..], &["recommend", "--dialect", "latin"], &["fly"]] {
        let output = ctrec(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
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
    // setpriv needs root to drop it. Without root there is nothing to drop.
    let without_root = |words: &[&str]| {
        let mut command = Command::new("setpriv");
        if nix::unistd::geteuid().is_root() {
            command.args(["--inh-caps=-all", "--bounding-set=-all"]);
        }
        command.arg(env!("CARGO_BIN_EXE_ctrec")).args(words).output().unwrap()
    };
    assert_refusal(&without_root(&["record", "--output", text(&store)]), ENVIRONMENT, &["root"]);
    let with_command = ["record", "--output", text(&store), "--", "true"];
    assert_refusal(&without_root(&with_command), OWN_FAILURE, &["root"]);
    assert!(!store.exists(), "nothing is left behind");
}
