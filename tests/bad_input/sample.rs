//! A small store, and files beside it. Lives here: making them.

use std::fs;
use std::path::Path;

use ctrec_recording::{
    Abi, Audit, Call, CgroupLayout, Check, Container, End, Ended, Format, Header, Hook, Loss, LossKind, Namespace,
    Origin, Phase, Program, RunWriter, SchemaVersion, Segment, Settings, Start, Whose, Window,
};
use tempfile::TempDir;

/// A store with one run of one container, `web`.
pub(crate) fn store() -> TempDir {
    recorded(&header())
}

/// The same, recorded by a ctrec that did not count capability checks.
pub(crate) fn without_checks() -> TempDir {
    recorded(&Header { hooks: Vec::new(), ..header() })
}

/// The same, and the recorder missed something.
pub(crate) fn with_a_loss() -> TempDir {
    let detail = "events".to_owned();
    let loss = Loss { window: 1, container: None, kind: LossKind::RingFull, count: 3, detail };
    recorded_with(&header(), &Segment { losses: vec![loss], ..segment() })
}

/// The same, with these programs, each of which read something.
pub(crate) fn with_programs(paths: &[&str]) -> TempDir {
    let calls = (1..).zip(paths).map(|(program, _)| Call { program, ..segment().calls.remove(0) });
    let segment = Segment { calls: calls.collect(), ..segment() };
    stored(&header(), &segment, container(), paths)
}

/// The same, with this text wherever a container or a host chooses one.
pub(crate) fn named(text: &str) -> TempDir {
    let header = Header {
        host: text.to_owned(),
        kernel: text.to_owned(),
        settings: Settings { containers: vec![text.to_owned()], ..header().settings },
        ..header()
    };
    let loss = Loss { window: 1, container: None, kind: LossKind::RingFull, count: 3, detail: text.to_owned() };
    let read = Call { number: 0, failed: 2, ..segment().calls.remove(0) };
    let start = Start {
        window: 1,
        container: 1,
        parent: 1,
        program: 1,
        origin: Origin::Init,
        phase: Phase::Workload,
        count: 1,
    };
    let segment = Segment { losses: vec![loss], calls: vec![read], starts: vec![start], ..segment() };
    let container = Container {
        name: text.to_owned(),
        image: Some(text.to_owned()),
        engine: text.to_owned(),
        runtime: Some(text.to_owned()),
        pod: Some(format!("{text}/{text}")),
        labels_json: serde_json::json!({ text: text }).to_string(),
        entrypoint_json: Some(serde_json::json!([text, text]).to_string()),
        already_running: true,
        ..container()
    };
    stored(&header, &segment, container, &[text])
}

fn recorded(header: &Header) -> TempDir {
    recorded_with(header, &segment())
}

fn recorded_with(header: &Header, segment: &Segment) -> TempDir {
    stored(header, segment, container(), &["/bin/server"])
}

fn stored(header: &Header, segment: &Segment, container: Container, programs: &[&str]) -> TempDir {
    let folder = TempDir::new().unwrap();
    add(folder.path(), header, segment, container, programs);
    folder
}

/// Adds a run to a store: the usual one, less what is changed. It may go on from another, in which its container ran.
pub(crate) fn add_run(store: &Path, change: impl FnOnce(&mut Header)) {
    let mut header = header();
    change(&mut header);
    let container = Container { already_running: header.continues.is_some(), ..container() };
    add(store, &header, &segment(), container, &["/bin/server"]);
}

fn add(store: &Path, header: &Header, segment: &Segment, container: Container, programs: &[&str]) {
    let mut writer = RunWriter::create(store, header, Format::Parquet).unwrap();
    let program = |(number, path): (u32, &&str)| Program {
        container: 1,
        program: number,
        path: (*path).to_owned(),
        path_truncated: false,
        device: 1,
        inode: 1 + u64::from(number),
        file_capabilities_json: Some("[]".to_owned()),
    };
    let programs: Vec<Program> = (1..).zip(programs).map(program).collect();
    writer.write_snapshot(&[container], &programs).unwrap();
    writer.seal(segment).unwrap();
    writer.finish(header).unwrap();
}

/// A store with one run that was killed before its first window was written.
pub(crate) fn lost() -> TempDir {
    let folder = TempDir::new().unwrap();
    add_lost_run(folder.path());
    folder
}

/// Adds such a run to a store.
pub(crate) fn add_lost_run(store: &Path) {
    let header = Header { run: "killed".to_owned(), ended_ns: None, end: None, ..header() };
    drop(RunWriter::create(store, &header, Format::Parquet).unwrap());
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
        hooks: vec![Hook { name: "fexit/cap_capable".to_owned(), blind_to: Vec::new() }],
        sysctls: [].into(),
        settings: Settings { window_ns: 10_000_000_000, containers: Vec::new(), command: None },
        started_ns: 1_000,
        ended_ns: Some(2_000),
        end: Some(End::Duration),
        continues: None,
        cost: None,
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
        network_json: None,
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
        refused: None,
        first_ns: 1_000,
        last_ns: 2_000,
    };
    Segment {
        window: Window { window: 1, start_ns: 1_000, end_ns: 2_000 },
        calls: vec![read],
        errnos: Vec::new(),
        arguments: Vec::new(),
        values: Vec::new(),
        starts: Vec::new(),
        checks: vec![bound()],
        askers: Vec::new(),
        identities: Vec::new(),
        losses: Vec::new(),
    }
}

/// A port below 1024 was bound, for which the kernel asked.
fn bound() -> Check {
    Check {
        window: 1,
        container: 1,
        program: 1,
        origin: Origin::Init,
        phase: Phase::Workload,
        abi: Abi::X86_64,
        number: 49,
        check: 1,
        capability: 10,
        granted: true,
        audit: Audit::Audited,
        credentials: Whose::Own,
        target: Namespace::Container,
        holder: Namespace::Container,
        bounded: true,
        root: true,
        needless: false,
        ended: Ended::Succeeded,
        errno: 0,
        count: 2,
        first_ns: 1_000,
        last_ns: 2_000,
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(crate) fn write(folder: &TempDir, name: &str, content: &str) -> String {
    let file = folder.path().join(name);
    fs::write(&file, content).unwrap();
    text(&file).to_owned()
}
