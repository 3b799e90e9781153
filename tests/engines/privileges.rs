//! What ctrec may still do while it records: what it needs, and no more; and nothing of that reaches a command.

use std::fs;
use std::io::Write;

use ctrec_analyze::names;
use ctrec_analyze::profile::{Abi, Action};
use ctrec_enforce::{Decision, Query, RawAction, SeccompMode, Status, Verdict, decide, filters_of};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::{NamedTempFile, TempDir};

use crate::gate;
use crate::image::text;
use crate::process::run;
use crate::program::Program;
use crate::recorder::{Counts, Recorded, Recorder, record_command};
use crate::wait::wait_for;

/// What a recorder of containers keeps, in the kernel's order; `CAP_CHOWN` where the store is left to who called sudo.
fn kept() -> Vec<&'static str> {
    let leaves = std::env::var_os("SUDO_UID").map(|_| "CAP_CHOWN");
    let always = ["CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE", "CAP_SYSLOG", "CAP_BPF"];
    leaves.into_iter().chain(always).collect()
}

/// Threads of a process, each as the kernel describes it, with its name.
fn threads(pid: u32) -> Vec<(String, Status)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().map(|task| task.unwrap().path());
    tasks
        .map(|task| {
            let name = fs::read_to_string(task.join("comm")).unwrap().trim().to_owned();
            let tid = task.file_name().unwrap().to_str().unwrap().parse().unwrap();
            (name, Status::of(tid).unwrap())
        })
        .collect()
}

/// Processes that a process has started, and not waited for.
fn children(pid: u32) -> Vec<u32> {
    let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    listed.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

fn assert_confined(status: &Status, kept: &[&str]) {
    assert_eq!((status.mode, status.no_new_privs), (SeccompMode::Filter, true), "{status:?}");
    for list in [status.effective, status.permitted, status.bounding] {
        assert_eq!(list.names(), kept, "{status:?}");
    }
    assert_eq!((status.inheritable.mask(), status.ambient.mask()), (0, 0));
}

#[test]
fn every_thread_of_a_recorder_has_the_least_privileges() {
    if !gate::open("every_thread_of_a_recorder_has_the_least_privileges", &[]) {
        return;
    }
    let recorder = Recorder::start();
    let pid = recorder.process().id();
    // A thread gives itself its name.
    let threads = wait_for("the thread that asks engines", || {
        Some(threads(pid)).filter(|threads| threads.iter().any(|(name, _)| name == "ctrec-asker"))
    });
    for (_, status) in &threads {
        assert_confined(status, &kept());
    }
    let filters = filters_of(pid.cast_signed()).unwrap();
    let decision = |name: &str| decide(&filters, &Query::new(Abi::X86_64, names::number(Abi::X86_64, name).unwrap()));
    assert_eq!(decision("bpf"), Decision::Always(RawAction::of(Action::Allow)));
    for name in ["execve", "mount", "ptrace", "kexec_load", "perf_event_open", "process_vm_writev"] {
        assert_eq!(decision(name).verdict(), Verdict::Refused, "{name}");
    }
    recorder.stop();
}

#[test]
fn who_has_the_kernel_measure_can_do_nothing_else() {
    if !gate::open("who_has_the_kernel_measure_can_do_nothing_else", &[]) {
        return;
    }
    let recorder = Recorder::start();
    let children = children(recorder.process().id());
    let [child] = children[..] else { panic!("one child: {children:?}") };
    for (_, status) in threads(child) {
        assert_confined(&status, &["CAP_SYS_ADMIN"]);
    }
    let store = recorder.stop();
    let recordings = ctrec_recording::Store::open(store.path()).and_then(|store| store.read_all()).unwrap();
    let programs = recordings[0].header.cost.as_ref().unwrap().programs.unwrap();
    assert!(programs.sampled_ns > 0 && programs.runs > 0, "{programs:?}");
    assert!(!fs::exists(format!("/proc/{child}")).unwrap(), "it ends with the recorder");
}

#[test]
fn whoever_has_the_kernel_measure_holds_nobody_up() {
    if !gate::open("whoever_has_the_kernel_measure_holds_nobody_up", &[]) {
        return;
    }
    let recorder = Recorder::start();
    let children = children(recorder.process().id());
    kill(Pid::from_raw(children[0].cast_signed()), Signal::SIGSTOP).expect("it is a process of this test");
    recorder.stop();
    assert!(!fs::exists(format!("/proc/{}", children[0])).unwrap(), "it ends with the recorder");
}

#[test]
fn a_recorder_that_is_killed_leaves_no_process_behind() {
    if !gate::open("a_recorder_that_is_killed_leaves_no_process_behind", &[]) {
        return;
    }
    let recorder = Recorder::start();
    let children = children(recorder.process().id());
    assert_eq!(children.len(), 1);
    recorder.process().signal(Signal::SIGKILL);
    wait_for("the child to end", || {
        // Whoever adopts it may leave it as a zombie.
        let lives = Status::of(children[0].cast_signed()).is_ok_and(|status| !status.ended);
        (!lives).then_some(())
    });
}

#[test]
fn a_command_inherits_nothing_of_it() {
    if !gate::open("a_command_inherits_nothing_of_it", &["grep"]) {
        return;
    }
    let command = ["grep", "-E", "^(Cap.*|NoNewPrivs|Seccomp.*):", "/proc/self/status"];
    let alone = run(&command).success();
    assert!(alone.contains("CapEff") && alone.contains("NoNewPrivs"), "{alone}");
    assert_eq!(record_command(&command).0.success(), alone);
}

/// How often each call was made by the program, but for those that depend on when it is.
fn counts(recorded: &Recorded) -> Counts {
    let program = text(&Program::Counts.binary()).to_owned();
    let mut counts = Counts::new();
    for call in recorded.rows_of(&program) {
        let made = call.succeeded + call.failed + call.interrupted + call.unfinished;
        *counts.entry((call.abi, call.number)).or_default() += made;
    }
    // Threads wait for each other, or need not.
    counts.remove(&(Abi::X86_64, names::number(Abi::X86_64, "futex").unwrap()));
    counts
}

/// A filter that lets no filter be loaded.
fn no_more_filters() -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    let profile = r#"{ "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
        { "names": ["seccomp"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1 } ] }"#;
    file.write_all(profile.as_bytes()).unwrap();
    file
}

#[test]
fn a_recording_under_least_privileges_equals_one_without() {
    if !gate::open("a_recording_under_least_privileges_equals_one_without", &["gcc"]) {
        return;
    }
    let binary = Program::Counts.binary();
    let command = [text(&binary), "2", "3", "700"];
    let (outcome, confined) = record_command(&command);
    assert!(!outcome.stderr.contains("privileges"), "{}", outcome.stderr);
    outcome.success();

    let (store, filter) = (TempDir::new().unwrap(), no_more_filters());
    let ctrec = env!("CARGO_BIN_EXE_ctrec");
    let under = [ctrec, "run", "--profile", text(filter.path()), "--"];
    let words = [&under, [ctrec, "record", "--output", text(store.path()), "--"].as_slice(), &command].concat();
    let outcome = run(&words);
    let warning = "warning: ctrec keeps privileges that it does not need: cannot load the filter";
    assert!(outcome.stderr.contains(warning), "{}", outcome.stderr);
    let warning = "warning: what the recording costs in the kernel is not measured: cannot load the filter";
    assert!(outcome.stderr.contains(warning), "{}", outcome.stderr);
    outcome.success();
    let name = binary.file_name().unwrap().to_str().unwrap();
    let unconfined = Recorded::read(store.path(), name);

    assert_eq!(counts(&confined), counts(&unconfined));
    assert!(counts(&confined).len() > 10);
    for recorded in [&confined, &unconfined] {
        assert_eq!(recorded.recording().losses, []);
    }
}

#[test]
fn a_recorder_that_no_filter_can_be_loaded_for_gives_up_nothing() {
    if !gate::open("a_recorder_that_no_filter_can_be_loaded_for_gives_up_nothing", &[]) {
        return;
    }
    let filter = no_more_filters();
    let under = [env!("CARGO_BIN_EXE_ctrec"), "run", "--profile", text(filter.path()), "--"];
    let recorder = Recorder::start_under(&under, &[]);
    let [pid] = children(recorder.process().id())[..] else { panic!("one child") };
    let own = Status::of(Pid::this().as_raw()).unwrap();
    for (_, status) in threads(pid) {
        for (left, all) in
            [(status.effective, own.effective), (status.permitted, own.permitted), (status.bounding, own.bounding)]
        {
            assert_eq!(left.names(), all.names(), "{status:?}");
        }
        assert!(!status.no_new_privs, "{status:?}");
    }
    recorder.stop();
}

#[test]
fn who_may_not_have_the_kernel_measure_is_told_what_that_takes() {
    if !gate::open("who_may_not_have_the_kernel_measure_is_told_what_that_takes", &["setpriv"]) {
        return;
    }
    let store = TempDir::new().unwrap();
    let without = ["setpriv", "--bounding-set=-sys_admin"];
    let record = [env!("CARGO_BIN_EXE_ctrec"), "record", "--quiet", "--output", text(store.path()), "--", "true"];
    let outcome = run(&[without.as_slice(), &record].concat());
    let warning = "warning: what the recording costs in the kernel is not measured: that takes CAP_SYS_ADMIN\n";
    assert_eq!(outcome.stderr, warning, "once, and nothing else: {outcome:?}");
    outcome.success();
}
