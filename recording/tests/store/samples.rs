//! Headers, rows and folders for the other tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ctrec_recording::{
    Abi, Argument, Asker, Audit, Call, Cause, CgroupLayout, Check, Container, End, Ended, Errno, Format, Header, Hook,
    Identity, Loss, LossKind, Namespace, Origin, Phase, Program, Recording, RunWriter, SchemaVersion, Segment,
    Settings, Start, Store, Values, Whose, Window,
};

/// Folders of a run, in the order in which a window's files become visible.
pub(crate) const FOLDERS: [&str; 10] =
    ["calls", "errnos", "arguments", "values", "starts", "checks", "askers", "identities", "losses", "windows"];

/// What a container may put into a name or a path.
pub(crate) const HOSTILE: [&str; 9] = [
    "",
    "\0",
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "two\nlines\r\n{\"window\":9}",
    "<script>alert(1)</script> | `x` ** [y](z)",
    "../../etc/passwd",
    "\u{202e}gnp.exe\u{2028}\u{fffd}",
    "\"quoted\\\" 'and' \\u0000",
    "null",
];

pub(crate) fn header(run: &str) -> Header {
    Header {
        schema: SchemaVersion::CURRENT,
        run: run.to_owned(),
        ctrec_version: "0.1.0".to_owned(),
        host: "node-1".to_owned(),
        kernel: "6.1.0".to_owned(),
        arch: "x86_64".to_owned(),
        cgroups: CgroupLayout::V2,
        hooks: vec![Hook { name: "tp_btf/sys_exit".to_owned(), blind_to: Vec::new() }],
        sysctls: BTreeMap::from([("net.ipv4.ip_unprivileged_port_start".to_owned(), "1024".to_owned())]),
        settings: Settings { window_ns: 10_000_000_000, containers: Vec::new(), command: None },
        started_ns: 1_700_000_000_000_000_000,
        ended_ns: None,
        end: None,
        continues: None,
        cost: None,
    }
}

pub(crate) fn ended(run: &str) -> Header {
    Header { ended_ns: Some(1_700_000_600_000_000_000), end: Some(End::Signal), ..header(run) }
}

pub(crate) fn container(container: u32) -> Container {
    Container {
        container,
        id: format!("{container:064x}"),
        name: format!("web-{container}"),
        image: Some("nginx:1.22".to_owned()),
        engine: "docker".to_owned(),
        runtime: Some("runc".to_owned()),
        pod: None,
        labels_json: "{}".to_owned(),
        entrypoint_json: Some("[\"nginx\"]".to_owned()),
        no_new_privs: Some(false),
        capabilities_json: None,
        seccomp_json: None,
        sysctls_json: "{}".to_owned(),
        limits_json: "{}".to_owned(),
        network_json: None,
        cgroup_path: format!("/system.slice/docker-{container}.scope"),
        started_ns: 1,
        ended_ns: None,
        already_running: false,
        resolved: true,
    }
}

pub(crate) fn program(container: u32, program: u32) -> Program {
    let path = format!("/usr/sbin/program-{program}");
    let file_capabilities_json = (program == 2).then(|| r#"["CAP_NET_RAW"]"#.to_owned());
    Program {
        container,
        program,
        path,
        path_truncated: false,
        device: 8 << 20 | 1,
        inode: 1000 + u64::from(program),
        file_capabilities_json,
    }
}

pub(crate) fn call(window: u32, number: i64) -> Call {
    let start = i64::from(window) * 10_000_000_000;
    Call {
        window,
        container: 1,
        program: 1,
        origin: Origin::Init,
        phase: Phase::Workload,
        abi: Abi::X86_64,
        number,
        succeeded: 7 * u64::from(window) + number.unsigned_abs(),
        failed: 1,
        interrupted: 0,
        unfinished: 0,
        refused: (number == 2).then_some(1),
        first_ns: start + number,
        last_ns: start + 9_000_000_000 - number,
    }
}

/// A segment with `calls` rows in its largest table, and something in each other.
pub(crate) fn segment(window: u32, calls: u32) -> Segment {
    let (container, program, origin, phase, abi) = (1, 1, Origin::Init, Phase::Workload, Abi::X86_64);
    let start_ns = i64::from(window) * 10_000_000_000;
    let count = u64::from(window);
    Segment {
        window: Window { window, start_ns, end_ns: start_ns + 10_000_000_000 },
        calls: (0..calls).map(|number| call(window, i64::from(number))).collect(),
        errnos: vec![Errno { window, container, program, origin, phase, abi, number: 2, errno: 2, count }],
        arguments: vec![Argument {
            window,
            container,
            program,
            origin,
            phase,
            abi,
            number: 56,
            index: 0,
            value: 0x1000_0000,
            count,
        }],
        values: vec![Values {
            window,
            container,
            program,
            origin,
            phase,
            abi,
            number: 16,
            many: false,
            succeeded: true,
            argument_0: None,
            argument_1: Some(0x5401),
            argument_2: None,
        }],
        starts: vec![Start { window, container, parent: 1, program: 2, origin, phase, count }],
        checks: vec![check(window)],
        askers: vec![Asker {
            window,
            container,
            check: 7,
            function: "generic_permission".to_owned(),
            stack_json: r#"["generic_permission","inode_permission"]"#.to_owned(),
            samples: 1,
        }],
        identities: vec![identity(window)],
        losses: vec![Loss { window, container: None, kind: LossKind::RingFull, count, detail: "events".to_owned() }],
    }
}

fn check(window: u32) -> Check {
    Check {
        window,
        container: 1,
        program: 1,
        origin: Origin::Init,
        phase: Phase::Workload,
        abi: Abi::X86_64,
        number: 2,
        check: 7,
        capability: 1,
        granted: false,
        audit: Audit::Audited,
        credentials: Whose::Own,
        target: Namespace::Container,
        holder: Namespace::Container,
        bounded: true,
        root: false,
        needless: false,
        ended: Ended::Failed,
        errno: 13,
        count: u64::from(window),
        first_ns: 1,
        last_ns: 2,
    }
}

fn identity(window: u32) -> Identity {
    Identity {
        window,
        container: 1,
        program: 2,
        origin: Origin::Init,
        phase: Phase::Workload,
        cause: Cause::Execve,
        holder: Namespace::Container,
        user: 101,
        root: false,
        set_user_id: false,
        before: 0,
        permitted: 1 << 13,
        ambient: 0,
        bounding: 0xa804_25fb,
        count: 1,
    }
}

/// A writer with a snapshot.
pub(crate) fn writer(store: &Path, run: &str, format: Format) -> RunWriter {
    let mut writer = RunWriter::create(store, &header(run), format).unwrap();
    writer.write_snapshot(&[container(1)], &[program(1, 1), program(1, 2)]).unwrap();
    writer
}

/// A finished run with windows 1 to `windows`.
pub(crate) fn finished(store: &Path, run: &str, format: Format, windows: u32) -> PathBuf {
    let mut writer = writer(store, run, format);
    for window in 1..=windows {
        writer.seal(&segment(window, 3)).unwrap();
    }
    let folder = writer.path().to_owned();
    writer.finish(&ended(run)).unwrap();
    folder
}

pub(crate) fn read(store: &Path, run: &str) -> Recording {
    Store::open(store).unwrap().read(run).unwrap()
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

/// Paths of a folder's files, sorted.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    files.sort();
    files
}

/// Names of everything below a folder, sorted.
pub(crate) fn names_below(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for path in files(folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            names.extend(names_below(&path).into_iter().map(|below| format!("{name}/{below}")));
        } else {
            names.push(name);
        }
    }
    names
}
