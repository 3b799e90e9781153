//! Recordings for tests: by hand, call by call, and at random.

mod checks;

use std::collections::BTreeMap;

use ctrec_recording::{
    Abi, Argument, Call, Cause, CgroupLayout, Container, End, Errno, Header, Loss, LossKind, Origin, Phase, Program,
    Recording, SchemaVersion, Settings, Start, Values, Window,
};
use proptest::prelude::*;

pub(crate) use checks::{Question, denied, granted, mask};

use crate::names;

pub(crate) const WINDOW_NS: i64 = 10_000_000_000;
pub(crate) const START_NS: i64 = 1_790_000_000_000_000_000;

/// A run that is written down call by call. What is added belongs to the place that was named last.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) recording: Recording,
    window: u32,
    container: u32,
    program: u32,
    origin: Origin,
    phase: Phase,
    abi: Abi,
}

impl Run {
    /// A finished run on x86-64 with one window and one container, `web` of image `nginx`, which ran without a filter.
    pub(crate) fn new(id: &str) -> Self {
        let header = Header {
            schema: SchemaVersion::CURRENT,
            run: id.to_owned(),
            ctrec_version: "0.1.0".to_owned(),
            host: "node".to_owned(),
            kernel: "6.18.0".to_owned(),
            arch: "x86_64".to_owned(),
            cgroups: CgroupLayout::V2,
            hooks: Vec::new(),
            sysctls: BTreeMap::new(),
            settings: Settings { window_ns: WINDOW_NS.unsigned_abs(), containers: Vec::new(), command: None },
            started_ns: START_NS,
            ended_ns: Some(START_NS + WINDOW_NS),
            end: Some(End::Duration),
            continues: None,
            cost: None,
        };
        let recording = Recording {
            header,
            windows: Vec::new(),
            containers: Vec::new(),
            programs: Vec::new(),
            calls: Vec::new(),
            errnos: Vec::new(),
            arguments: Vec::new(),
            values: Vec::new(),
            starts: Vec::new(),
            checks: Vec::new(),
            askers: Vec::new(),
            identities: Vec::new(),
            losses: Vec::new(),
        };
        let (origin, phase, abi) = (Origin::Init, Phase::Workload, Abi::X86_64);
        let run = Self { recording, window: 1, container: 1, program: 1, origin, phase, abi };
        run.window(1).container(1, "web").program("/usr/sbin/nginx")
    }

    pub(crate) fn window(mut self, number: u32) -> Self {
        self.window = number;
        if !self.recording.windows.iter().any(|window| window.window == number) {
            let start_ns = START_NS + i64::from(number - 1) * WINDOW_NS;
            self.recording.windows.push(Window { window: number, start_ns, end_ns: start_ns + WINDOW_NS });
            self.recording.windows.sort_by_key(|window| window.window);
        }
        self
    }

    pub(crate) fn container(mut self, number: u32, name: &str) -> Self {
        self.container = number;
        self.recording.containers.push(Container {
            container: number,
            id: format!("{:064x}", 0xc0ff_ee00_u64 + u64::from(number)),
            name: name.to_owned(),
            image: Some("nginx".to_owned()),
            engine: "docker".to_owned(),
            runtime: Some("runc".to_owned()),
            pod: None,
            labels_json: "{}".to_owned(),
            entrypoint_json: Some(r#"["nginx"]"#.to_owned()),
            no_new_privs: Some(false),
            capabilities_json: Some(r#"["CAP_CHOWN"]"#.to_owned()),
            seccomp_json: Some("null".to_owned()),
            sysctls_json: "{}".to_owned(),
            limits_json: "{}".to_owned(),
            network_json: None,
            cgroup_path: "/docker/x".to_owned(),
            started_ns: START_NS,
            ended_ns: None,
            already_running: false,
            resolved: true,
        });
        self
    }

    /// Changes the container that was added last.
    pub(crate) fn that(mut self, change: impl FnOnce(&mut Container)) -> Self {
        change(self.recording.containers.last_mut().unwrap());
        self
    }

    /// It runs under this filter: `linux.seccomp` of its bundle.
    pub(crate) fn filter(self, json: &str) -> Self {
        self.that(|container| container.seccomp_json = Some(json.to_owned()))
    }

    /// It goes on from another run, in which its containers ran.
    pub(crate) fn goes_on_from(mut self, before: &str) -> Self {
        self.recording.header.continues = Some(before.to_owned());
        self.recording.containers.iter_mut().for_each(|container| container.already_running = true);
        self
    }

    /// It ended so that another run could go on from it.
    pub(crate) fn continued(mut self) -> Self {
        self.recording.header.end = None;
        self
    }

    pub(crate) fn program(mut self, path: &str) -> Self {
        self.program = u32::try_from(self.recording.programs.len()).unwrap() + 1;
        self.recording.programs.push(Program {
            container: self.container,
            program: self.program,
            path: path.to_owned(),
            path_truncated: false,
            device: 1,
            inode: u64::from(self.program),
            file_capabilities_json: None,
        });
        self
    }

    pub(crate) fn phase(mut self, origin: Origin, phase: Phase) -> Self {
        (self.origin, self.phase) = (origin, phase);
        self
    }

    pub(crate) fn abi(mut self, abi: Abi) -> Self {
        self.abi = abi;
        self
    }

    /// The call succeeded so often.
    pub(crate) fn made(self, name: &str, count: u64) -> Self {
        let number = names::number(self.abi, name).unwrap();
        self.number(number, count)
    }

    pub(crate) fn number(self, number: i64, count: u64) -> Self {
        self.call(number, |call| call.succeeded = count)
    }

    /// The call failed so often, with this errno.
    pub(crate) fn failed(self, name: &str, errno: i32, count: u64) -> Self {
        let number = names::number(self.abi, name).unwrap();
        self.number_failed(number, errno, count)
    }

    pub(crate) fn number_failed(self, number: i64, errno: i32, count: u64) -> Self {
        let mut run = self.call(number, |call| call.failed = count);
        run.recording.errnos.push(Errno {
            window: run.window,
            container: run.container,
            program: run.program,
            origin: run.origin,
            phase: run.phase,
            abi: run.abi,
            number,
            errno,
            count,
        });
        run
    }

    pub(crate) fn interrupted(self, name: &str, count: u64) -> Self {
        let number = names::number(self.abi, name).unwrap();
        self.call(number, |call| call.interrupted = count)
    }

    /// Of the calls that were added last, a filter turned away so many: somebody counted.
    pub(crate) fn refused(mut self, count: u64) -> Self {
        self.recording.calls.last_mut().unwrap().refused = Some(count);
        self
    }

    /// All calls were counted by whether a filter turned them away: of those that are not said to be, none was.
    pub(crate) fn counted(mut self) -> Self {
        self.recording.calls.iter_mut().for_each(|call| call.refused = call.refused.or(Some(0)));
        self
    }

    fn call(mut self, number: i64, count: impl FnOnce(&mut Call)) -> Self {
        let first_ns = START_NS + i64::from(self.window - 1) * WINDOW_NS;
        let mut call = Call {
            window: self.window,
            container: self.container,
            program: self.program,
            origin: self.origin,
            phase: self.phase,
            abi: self.abi,
            number,
            succeeded: 0,
            failed: 0,
            interrupted: 0,
            unfinished: 0,
            refused: None,
            first_ns,
            last_ns: first_ns + 1_000_000_000,
        };
        count(&mut call);
        self.recording.calls.push(call);
        self
    }

    pub(crate) fn clone_flags(mut self, value: u64) -> Self {
        self.recording.arguments.push(Argument {
            window: self.window,
            container: self.container,
            program: self.program,
            origin: self.origin,
            phase: self.phase,
            abi: self.abi,
            number: names::number(self.abi, "clone").unwrap(),
            index: 0,
            value,
            count: 1,
        });
        self
    }

    /// A call was made with these arguments, and succeeded or not; `None` where one is not kept.
    pub(crate) fn with(mut self, name: &str, values: [Option<u64>; 3], succeeded: bool) -> Self {
        let number = names::number(self.abi, name).unwrap();
        self.push_values(number, false, values, succeeded);
        self
    }

    /// A call was made with more different arguments than are kept.
    pub(crate) fn with_many(mut self, name: &str) -> Self {
        let number = names::number(self.abi, name).unwrap();
        self.push_values(number, true, [None; 3], false);
        self
    }

    fn push_values(&mut self, number: i64, many: bool, values: [Option<u64>; 3], succeeded: bool) {
        let [argument_0, argument_1, argument_2] = values;
        self.recording.values.push(Values {
            window: self.window,
            container: self.container,
            program: self.program,
            origin: self.origin,
            phase: self.phase,
            abi: self.abi,
            number,
            many,
            succeeded,
            argument_0,
            argument_1,
            argument_2,
        });
    }

    pub(crate) fn started_by(mut self, parent: u32) -> Self {
        self.recording.starts.push(Start {
            window: self.window,
            container: self.container,
            parent,
            program: self.program,
            origin: self.origin,
            phase: self.phase,
            count: 1,
        });
        self
    }

    pub(crate) fn loss(mut self, kind: LossKind, count: u64, detail: &str) -> Self {
        let detail = detail.to_owned();
        self.recording.losses.push(Loss { window: self.window, container: Some(self.container), kind, count, detail });
        self
    }
}

/// Docker's own way of saying it: everything but `allowed` gets EPERM.
pub(crate) fn allowing(allowed: &[&str]) -> String {
    let rule = serde_json::json!({"names": allowed, "action": "SCMP_ACT_ALLOW"});
    let architectures = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"];
    serde_json::json!({
        "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "architectures": architectures, "syscalls": [rule]
    })
    .to_string()
}

/// A recording of run `r` or `s` of up to four windows and two containers with whatever calls.
pub(crate) fn recordings() -> impl Strategy<Value = Recording> {
    let calls = prop::collection::vec(any_call(), 0..25);
    let places = prop::collection::vec((1..5_u32, any::<bool>(), any::<bool>()), 0..4);
    (prop::sample::select(vec!["r", "s"]), calls, places, any_filter()).prop_map(|(id, calls, losses, filter)| {
        let run = Run::new(id);
        let run = if id == "r" { run.counting() } else { run };
        let mut run = run.filter(&filter).container(2, "web-2").program("/bin/sh\u{1b}[0m\n|");
        for number in 1..=4 {
            run = run.window(number);
        }
        for call in calls {
            run = add(run, &call);
        }
        for (window, ring, mine) in losses {
            let kind = if ring { LossKind::RingFull } else { LossKind::SlotsFull };
            run = run.window(window).loss(kind, 1, if mine { "map" } else { "" });
        }
        run.recording.containers[0].already_running = run.recording.calls.len() % 2 == 1;
        run.recording
    })
}

#[derive(Debug, Clone)]
struct AnyCall {
    window: u32,
    second: bool,
    origin: Origin,
    phase: Phase,
    abi: Abi,
    number: i64,
    outcome: [u8; 3],
    refused: Option<u8>,
    errno: i32,
    flags: u64,
}

fn any_call() -> impl Strategy<Value = AnyCall> {
    let origin = prop::sample::select(vec![Origin::Init, Origin::Exec]);
    let phase = prop::sample::select(vec![Phase::Setup, Phase::Runtime, Phase::Workload]);
    let abi = prop::sample::select(vec![Abi::X86_64, Abi::X86_64, Abi::I386, Abi::X32]);
    // Numbers that no table knows, too.
    let number = prop_oneof![0..480_i64, -2..1100_i64, Just(56_i64), Just(0x4000_0000_i64 + 520)];
    let errno = prop::sample::select(vec![1, 2, 11, 38]);
    let flags = prop::sample::select(vec![0, 0, 0x1000_0000]);
    let outcome = (prop::array::uniform3(0..3_u8), prop::option::of(0..7_u8));
    (1..5_u32, any::<bool>(), origin, phase, abi, number, outcome, errno, flags).prop_map(
        |(window, second, origin, phase, abi, number, (outcome, refused), errno, flags)| AnyCall {
            window,
            second,
            origin,
            phase,
            abi,
            number,
            outcome,
            refused,
            errno,
            flags,
        },
    )
}

fn any_filter() -> impl Strategy<Value = String> {
    let some = allowing(&["read", "write", "openat", "clone", "execve", "exit_group", "mmap"]);
    prop::sample::select(vec!["null".to_owned(), some, "{\"defaultAction\": \"SCMP_ACT_KILL\"}".to_owned()])
}

fn add(run: Run, call: &AnyCall) -> Run {
    let mut run = run.window(call.window).phase(call.origin, call.phase).abi(call.abi);
    run.container = if call.second { 2 } else { 1 };
    run.program = run.container;
    let [succeeded, failed, interrupted] = call.outcome.map(u64::from);
    run = run.call(call.number, |row| {
        (row.succeeded, row.failed, row.interrupted) = (succeeded, failed, interrupted);
        row.refused = call.refused.map(|refused| u64::from(refused).min(succeeded + failed + interrupted));
    });
    if failed > 0 {
        run.recording.errnos.push(Errno {
            window: run.window,
            container: run.container,
            program: run.program,
            origin: run.origin,
            phase: run.phase,
            abi: run.abi,
            number: call.number,
            errno: call.errno,
            count: failed,
        });
    }
    run = add_check(run, call);
    run.push_values(call.number, had_many(call), [None, Some(call.flags), None], succeeded > 0);
    if call.flags == 0 || call.abi == Abi::X32 { run } else { run.clone_flags(call.flags) }
}

/// Whether there were more values than are kept: whatever, but always the same for a call.
fn had_many(call: &AnyCall) -> bool {
    call.number % 7 == 3
}

/// Something that was asked in the call, and as whom the program ran: whatever, but always the same for a call.
fn add_check(run: Run, call: &AnyCall) -> Run {
    let [granted, failed, other] = call.outcome;
    let capability = u32::try_from(call.number.rem_euclid(45)).unwrap();
    let abi = run.abi;
    let question =
        Question { capability, granted: granted > 0, count: u64::from(other), ..checks::granted("CHOWN", "read") };
    let question = if failed > 0 { question.failed(call.errno) } else { question };
    let mut run = run.abi(Abi::X86_64).asked(question.by(&["generic_permission", "new_function\u{1b}[0m"])).abi(abi);
    let check = run.recording.checks.last_mut().unwrap();
    (check.abi, check.number) = (call.abi, call.number);
    let cause = if other > 0 { Cause::Execve } else { Cause::Capset };
    run.ran(cause, |identity| (identity.before, identity.permitted) = (0xff, call.flags >> 28))
}
