//! Commands under profiles and capability lists, and their filters read back while they run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod machine;

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use ctrec_analyze::profile::{Action, Profile, Rule};
use ctrec_enforce::{
    CapabilityList, Compiled, LiveError, RunError, Runtime, SeccompMode, Status, compile, filters_of,
    native_architecture, run,
};
use nix::{
    sys::{
        ptrace,
        signal::{Signal, kill},
        stat::Mode,
        wait::{WaitPidFlag, waitpid},
    },
    unistd::{Pid, gettid, mkfifo},
};

/// Allows everything but the calls named, which get the action.
fn all_but(names: &[&str], action: Action) -> Compiled {
    let rules = names
        .iter()
        .map(|name| Rule { name: name.to_string(), action, conditions: Vec::new(), reasons: BTreeSet::new() })
        .collect();
    let native = native_architecture().unwrap();
    let profile =
        Profile { default_action: Action::Allow, architectures: [native].into(), flags: BTreeSet::new(), rules };
    compile(&profile, Runtime::Runc, native).unwrap()
}

fn shell(script: &str) -> Vec<OsString> {
    ["sh", "-c", script].map(OsString::from).to_vec()
}

#[test]
fn the_commands_own_code_comes_back() {
    assert_eq!(run(&shell("exit 7"), None, None, false).unwrap(), 7);
    assert_eq!(run(&shell("kill -KILL $$"), None, None, false).unwrap(), 128 + 9);
    assert_eq!(run(&shell("kill -64 $$"), None, None, false).unwrap(), 128 + 64, "a real-time signal");
    assert_eq!(run(&shell("exit 3"), None, None, true).unwrap(), 3);
}

#[test]
fn a_command_that_cannot_start_has_the_code_of_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str, mode| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.into_os_string()
    };
    let code = |command: OsString| run(&[command], None, None, false).unwrap_err().exit_code();
    assert_eq!(code("no-such-command-anywhere".into()), 127);
    assert_eq!(code(file("plain", "text", 0o644)), 126);
    assert_eq!(code(file("nonsense", "not a program", 0o755)), 126);
    assert_eq!(code(file("orphan", "#!/no/such/interpreter\n", 0o755)), 127);
    assert_eq!(code(folder.path().as_os_str().to_owned()), 126);
    assert!(matches!(run(&[], None, None, false), Err(RunError::NoCommand)));
    assert!(matches!(run(&["sh".into(), "a\0b".into()], None, None, false), Err(RunError::ZeroByte { .. })));
}

#[test]
fn an_exec_that_fails_under_a_filter_that_refuses_everything_else_is_told() {
    // After the filter is in force the child can neither write nor exit; the failure must come back all the same.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nonsense");
    fs::write(&path, "not a program").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let native = native_architecture().unwrap();
    let allow = |name: &str| Rule {
        name: name.to_owned(),
        action: Action::Allow,
        conditions: Vec::new(),
        reasons: BTreeSet::new(),
    };
    for default_action in [Action::Errno(1), Action::KillProcess] {
        let profile = Profile {
            default_action,
            architectures: [native].into(),
            flags: BTreeSet::new(),
            rules: vec![allow("execve")],
        };
        let compiled = compile(&profile, Runtime::Crun, native).unwrap();
        let error = run(&[path.clone().into()], Some(&compiled), None, true).unwrap_err();
        assert!(matches!(error, RunError::Execute { .. }), "{error:?}");
        assert_eq!(error.exit_code(), 126);
    }
}

#[test]
fn a_profile_that_refuses_execve_is_named_before_anything_starts() {
    let error = run(&shell("exit 0"), Some(&all_but(&["execve"], Action::Errno(1))), None, true).unwrap_err();
    assert!(matches!(error, RunError::RefusesExecve { .. }), "{error:?}");
    assert_eq!(error.exit_code(), 125);
    let error = run(&shell("exit 0"), Some(&all_but(&["socket"], Action::Notify)), None, true).unwrap_err();
    assert!(matches!(error, RunError::Notify), "{error:?}");
}

#[test]
fn what_the_profile_refuses_is_refused() {
    let compiled = all_but(&["mkdir", "mkdirat"], Action::Errno(28));
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made");
    let script = format!("mkdir {} 2>&1 | grep -q 'No space left'", made.display());
    assert_eq!(run(&shell(&script), Some(&compiled), None, true).unwrap(), 0);
    assert!(!made.exists());
    assert_eq!(run(&shell(&script.replace("mkdir", "LANG=C mkdir")), None, None, true).unwrap(), 1);
    assert!(made.exists());
    // A kill is a signal like any other.
    let killing = all_but(&["mkdir", "mkdirat"], Action::KillProcess);
    let script = format!("exec mkdir {}", folder.path().join("other").display());
    assert_eq!(run(&shell(&script), Some(&killing), None, true).unwrap(), 128 + libc::SIGSYS);
}

#[test]
fn a_capability_list_is_all_that_the_command_has() {
    if !machine::open("a_capability_list_is_all_that_the_command_has", &[]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("status");
    let script = format!("cat /proc/self/status > {}", file.display());
    let list = CapabilityList::from_mask(1 << 1 | 1 << 10);
    let compiled = all_but(&["mount"], Action::Errno(1));
    assert_eq!(run(&shell(&script), Some(&compiled), Some(list), false).unwrap(), 0);
    let text = fs::read_to_string(file).unwrap();
    for (set, mask) in [("CapInh", 0), ("CapPrm", 0x402), ("CapEff", 0x402), ("CapBnd", 0x402), ("CapAmb", 0)] {
        assert!(text.contains(&format!("{set}:\t{mask:016x}")), "{set} of {text}");
    }
    assert!(text.contains("Seccomp:\t2") && text.contains("NoNewPrivs:\t0"), "{text}");
}

/// A command that waits: it says its process id through one pipe and waits for the end of another.
struct Waiting {
    folder: tempfile::TempDir,
}

impl Waiting {
    fn new() -> Self {
        let waiting = Self { folder: tempfile::tempdir().unwrap() };
        for pipe in [waiting.says(), waiting.waits_for()] {
            mkfifo(&pipe, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        }
        waiting
    }

    fn says(&self) -> PathBuf {
        self.folder.path().join("says")
    }

    fn waits_for(&self) -> PathBuf {
        self.folder.path().join("waits")
    }

    fn command(&self) -> Vec<OsString> {
        shell(&format!("echo $$ > {}; read line < {}; exit 4", self.says().display(), self.waits_for().display()))
    }

    /// Blocks until the command runs.
    fn pid(&self) -> i32 {
        let mut text = String::new();
        fs::File::open(self.says()).unwrap().read_to_string(&mut text).unwrap();
        text.trim().parse().unwrap()
    }
}

impl Drop for Waiting {
    /// Ends the command, also when a look at it failed.
    fn drop(&mut self) {
        fs::File::create(self.waits_for()).unwrap().write_all(b"\n").unwrap();
    }
}

/// Runs a waiting command and lets a test look at it. The command must end as it would have done unseen.
fn while_it_waits(compiled: Option<&Compiled>, look: impl FnOnce(i32)) {
    let waiting = Waiting::new();
    thread::scope(|scope| {
        let command = waiting.command();
        let running = scope.spawn(move || run(&command, compiled, None, false));
        look(waiting.pid());
        drop(waiting);
        assert_eq!(running.join().unwrap().unwrap(), 4);
    });
}

fn state(pid: i32) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    status.lines().find(|line| line.starts_with("State:")).unwrap().to_owned()
}

#[test]
fn the_filter_in_force_is_the_compiled_one() {
    if !machine::open("the_filter_in_force_is_the_compiled_one", &[]) {
        return;
    }
    let compiled = all_but(&["mount", "ptrace", "bpf"], Action::Errno(1));
    while_it_waits(Some(&compiled), |pid| {
        let status = Status::of(pid).unwrap();
        assert_eq!((status.mode, status.filters), (SeccompMode::Filter, Some(1)));
        assert_eq!(filters_of(pid).unwrap(), std::slice::from_ref(&compiled.filter));
        // Let go of again, and readable again.
        assert_eq!(Status::of(pid).unwrap().tracer, None);
        assert_eq!(filters_of(pid).unwrap().len(), 1);
        assert!(!state(pid).contains("stop"), "{}", state(pid));
    });
}

#[test]
fn a_process_without_filters_has_none() {
    let own = Status::of(Pid::this().as_raw()).unwrap();
    let unconfined = ("a machine without a filter of its own", own.mode == SeccompMode::Disabled);
    if !machine::open("a_process_without_filters_has_none", &[unconfined]) {
        return;
    }
    while_it_waits(None, |pid| assert_eq!(filters_of(pid).unwrap(), []));
}

#[test]
fn a_process_that_is_not_there_has_no_filters_to_read() {
    assert!(matches!(filters_of(i32::MAX), Err(LiveError::NoSuchProcess { pid: i32::MAX })));
}

#[test]
fn a_suspended_process_stays_suspended() {
    if !machine::open("a_suspended_process_stays_suspended", &[]) {
        return;
    }
    let compiled = all_but(&["mount"], Action::Errno(1));
    while_it_waits(Some(&compiled), |pid| {
        let suspended = Pid::from_raw(pid);
        kill(suspended, Signal::SIGSTOP).unwrap();
        waitpid(suspended, Some(WaitPidFlag::WUNTRACED)).unwrap();
        let filters = filters_of(pid);
        // The kernel puts it back to its stop on its own time.
        let deadline = Instant::now() + Duration::from_secs(10);
        while !state(pid).contains("T (stopped)") && Instant::now() < deadline {
            thread::yield_now();
        }
        let after = state(pid);
        kill(suspended, Signal::SIGCONT).unwrap();
        assert_eq!(filters.unwrap().len(), 1);
        assert!(after.contains("T (stopped)"), "{after}");
    });
}

#[test]
fn a_process_that_another_traces_is_left_to_it() {
    if !machine::open("a_process_that_another_traces_is_left_to_it", &[]) {
        return;
    }
    let compiled = all_but(&["mount"], Action::Errno(1));
    while_it_waits(Some(&compiled), |pid| {
        let traced = Pid::from_raw(pid);
        ptrace::seize(traced, ptrace::Options::empty()).unwrap();
        let refused = filters_of(pid);
        let tracer_is_this_thread =
            matches!(refused, Err(LiveError::AlreadyTraced { tracer, .. }) if tracer == gettid().as_raw());
        assert!(tracer_is_this_thread, "{refused:?}");
        ptrace::interrupt(traced).unwrap();
        waitpid(traced, Some(WaitPidFlag::__WALL)).unwrap();
        ptrace::detach(traced, None).unwrap();
    });
}

#[test]
fn a_thread_is_read_by_its_own_id() {
    if !machine::open("a_thread_is_read_by_its_own_id", &[]) {
        return;
    }
    let compiled = all_but(&["mount"], Action::Errno(1));
    while_it_waits(Some(&compiled), |pid| {
        let tasks: Vec<_> = fs::read_dir(Path::new("/proc").join(pid.to_string()).join("task")).unwrap().collect();
        assert_eq!(tasks.len(), 1);
        let thread: i32 = tasks[0].as_ref().unwrap().file_name().to_str().unwrap().parse().unwrap();
        assert_eq!(filters_of(thread).unwrap().len(), 1);
    });
}
