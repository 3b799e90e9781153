//! ctrec itself, as a user runs it, and what it recorded. Lives here: starting and ending it, reading a store.

use std::collections::BTreeMap;
use std::path::Path;

use ctrec_analyze::behaviour::Behaviour;
use ctrec_analyze::capabilities::Capabilities;
use ctrec_analyze::policy::Policy;
use ctrec_analyze::report::capabilities_json;
use ctrec_recording::{Abi, Audit, Call, Check, Container, Phase, Recording, Store, Values};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::image::text;
use crate::process::{Outcome, Process, run};
use crate::wait::wait_for;

/// Calls with how often each was made, whatever came of it.
pub(crate) type Counts = BTreeMap<(Abi, i64), u64>;

/// Runs ctrec to its end.
pub(crate) fn ctrec(words: &[&str]) -> Outcome {
    run(&[&[env!("CARGO_BIN_EXE_ctrec")], words].concat())
}

/// Runs `ctrec record -- COMMAND` to its end; gives how it ended and what it recorded of the command. The environment may
/// choose the hook on capability checks (`CTREC_CHECK_HOOK`), as scripts/kernels.sh does.
pub(crate) fn record_command(command: &[&str]) -> (Outcome, Recorded) {
    record_command_with(&[], command)
}

/// Like [`record_command`], with more options.
pub(crate) fn record_command_with(options: &[&str], command: &[&str]) -> (Outcome, Recorded) {
    let store = TempDir::with_prefix("ctrec-store-").expect("a temporary folder can be made");
    let hook = std::env::var("CTREC_CHECK_HOOK").unwrap_or_default();
    let hook: &[&str] = if hook.is_empty() { &[] } else { &["--check-hook", &hook] };
    let outcome = ctrec(&[&["record", "--output", text(store.path())], hook, options, &["--"], command].concat());
    let name = Path::new(command[0]).file_name().and_then(|name| name.to_str()).expect("a command has a name");
    let recorded = Recorded::read(store.path(), name);
    (outcome, recorded)
}

/// A ctrec that records the containers of the host.
pub(crate) struct Recorder {
    process: Process,
    store: TempDir,
}

impl Recorder {
    /// Starts it and waits until it records.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Like [`Recorder::start`], with more options.
    pub(crate) fn start_with(options: &[&str]) -> Self {
        Self::start_under(&[], options)
    }

    /// Like [`Recorder::start_with`], under another command.
    pub(crate) fn start_under(wrapper: &[&str], options: &[&str]) -> Self {
        let store = TempDir::with_prefix("ctrec-store-").expect("a temporary folder can be made");
        let words = [env!("CARGO_BIN_EXE_ctrec"), "record", "--output", text(store.path())];
        let mut process = Process::start(&[wrapper, &words, options].concat());
        wait_for("ctrec to record", || {
            assert!(process.runs(), "ctrec ended: {}", process.stderr());
            process.stderr().contains("recording;").then_some(())
        });
        Self { process, store }
    }

    /// The recorder itself.
    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    /// Where it records.
    pub(crate) fn store(&self) -> &Path {
        self.store.path()
    }

    /// Lets nothing run of it while something happens, as on a machine that has no time for it.
    pub(crate) fn asleep(&self, happens: impl FnOnce()) {
        self.process.signal(Signal::SIGSTOP);
        happens();
        self.process.signal(Signal::SIGCONT);
    }

    /// Ends it as a user does, with Ctrl-C; gives the folder that holds what it recorded.
    pub(crate) fn stop(self) -> TempDir {
        self.process.signal(Signal::SIGINT);
        self.process.finish().success();
        self.store
    }
}

/// The only run of a store.
pub(crate) fn only_run(store: &Path) -> Recording {
    let mut recordings = Store::open(store).and_then(|store| store.read_all()).expect("the store can be read");
    assert_eq!(recordings.len(), 1, "one run was recorded");
    recordings.remove(0)
}

/// What one run recorded of one container, each time that it was started.
pub(crate) struct Recorded {
    recording: Recording,
    containers: Vec<u32>,
}

impl Recorded {
    /// Reads the only run of a store; the container is known by its name.
    pub(crate) fn read(store: &Path, name: &str) -> Self {
        let recording = only_run(store);
        let names: Vec<&str> = recording.containers.iter().map(|container| container.name.as_str()).collect();
        let found: Vec<_> = recording.containers.iter().filter(|container| container.name == name).collect();
        assert!(!found.is_empty(), "no container {name} among {names:?}");
        assert!(found.iter().all(|it| it.id == found[0].id), "several containers {name} among {names:?}");
        Self { containers: found.iter().map(|it| it.container).collect(), recording }
    }

    /// The container's own row, of the first time.
    pub(crate) fn container(&self) -> &Container {
        let mut containers = self.recording.containers.iter();
        containers.find(|it| it.container == self.containers[0]).expect("it was found when the store was read")
    }

    /// How often it was started.
    pub(crate) fn starts(&self) -> usize {
        self.containers.len()
    }

    fn is_it(&self, container: u32) -> bool {
        self.containers.contains(&container)
    }

    /// The rows of the container's calls.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Call> {
        self.recording.calls.iter().filter(|call| self.is_it(call.container))
    }

    /// The rows of the container's capability checks.
    pub(crate) fn checks(&self) -> impl Iterator<Item = &Check> {
        self.recording.checks.iter().filter(|check| self.is_it(check.container))
    }

    /// The rows of the calls that one program made; its path as the container sees it.
    pub(crate) fn rows_of(&self, path: &str) -> impl Iterator<Item = &Call> {
        let programs = self.recording.programs.iter().filter(move |program| program.path == path);
        let numbers: Vec<u32> = programs.map(|program| program.program).collect();
        self.rows().filter(move |call| numbers.contains(&call.program))
    }

    /// How often each call was made, of the rows that `is_wanted`.
    pub(crate) fn counts(&self, is_wanted: impl Fn(&Call) -> bool) -> Counts {
        let mut counts = Counts::new();
        for row in self.rows().filter(|row| is_wanted(row)) {
            let made = row.succeeded + row.failed + row.interrupted + row.unfinished;
            *counts.entry((row.abi, row.number)).or_default() += made;
        }
        counts
    }

    /// How often a call failed with an errno.
    pub(crate) fn failures(&self, abi: Abi, number: i64, errno: i32) -> u64 {
        let rows = self.recording.errnos.iter().filter(|row| self.is_it(row.container));
        rows.filter(|row| (row.abi, row.number, row.errno) == (abi, number, errno)).map(|row| row.count).sum()
    }

    /// How often an argument had a value.
    pub(crate) fn arguments(&self, number: i64, value: u64) -> u64 {
        let rows = self.recording.arguments.iter().filter(|row| self.is_it(row.container));
        rows.filter(|row| (row.number, row.value) == (number, value)).map(|row| row.count).sum()
    }

    /// The rows of what arguments of the workload's calls were.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Values> {
        let rows = self.recording.values.iter().filter(|row| self.is_it(row.container));
        rows.filter(|row| row.phase == Phase::Workload)
    }

    /// The same recording by a hook that does not see the options of a check.
    pub(crate) fn without_options(mut self) -> Self {
        for check in &mut self.recording.checks {
            check.audit = Audit::Unknown;
        }
        self
    }

    /// What `ctrec caps --format json` says of the container.
    pub(crate) fn caps(&self) -> String {
        let containers = self.containers.iter().copied().collect();
        let behaviour = Behaviour::of_all(&self.recording, &containers).expect("the recording is whole");
        let capabilities = Capabilities::of(&behaviour, &Policy::default()).expect("the policy is the usual one");
        capabilities_json(&behaviour, &capabilities).expect("it can be written")
    }

    /// The whole run.
    pub(crate) fn recording(&self) -> &Recording {
        &self.recording
    }
}
