//! Signals on their way to a command, and one confinement inside another.
//!
//! A test with a main of its own: passing on signals is for a process of one thread, which a test harness is not. It
//! calls itself: `confined under ERRNO COMMAND...` runs the command with `getppid` refused by that errno;
//! `confined bare COMMAND...` runs it without a capability, `confined barred COMMAND...` where no filter can be loaded;
//! `confined itself ERRNO` confines itself, and says what it may do then, in a thread of its own too; `confined in-vain`
//! fails to, and says what it may do before and after.

mod machine;

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    io::{BufRead, BufReader},
    process::{Child, Command, ExitCode, Stdio},
};

use ctrec_analyze::profile::{Abi, Action, Profile, Rule};
use ctrec_enforce::{
    CapabilityList, Compiled, Decision, Query, RawAction, RunError, Runtime, Status, compile, confine, decide,
    filters_of, native_architecture, run,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    match arguments.first() {
        Some(first) if first == "under" => under(&arguments[1], &arguments[2..]),
        Some(first) if first == "bare" => exit_code(run(&arguments[1..], None, Some(CapabilityList::default()), false)),
        Some(first) if first == "barred" => exit_code(run(&arguments[1..], Some(&without("seccomp", 1)), None, false)),
        Some(first) if first == "itself" => itself(&arguments[1]),
        Some(first) if first == "in-vain" => in_vain(),
        _ => {
            test_all();
            ExitCode::SUCCESS
        }
    }
}

/// Runs the tests, and says how they ended as a test harness does, so that they are counted. One that fails ends this
/// program by its panic.
#[expect(clippy::print_stdout, reason = "the words of a test harness")]
fn test_all() {
    let tests: [(&str, fn()); 6] = [
        ("a_signal_that_a_process_sends_reaches_the_command", a_signal_that_a_process_sends_reaches_the_command),
        ("a_signal_that_ends_the_command_is_in_the_code", a_signal_that_ends_the_command_is_in_the_code),
        ("of_two_filters_the_later_comes_first", of_two_filters_the_later_comes_first),
        ("without_capabilities_a_filter_needs_no_new_privs", without_capabilities_a_filter_needs_no_new_privs),
        ("a_process_confines_itself_and_its_later_threads", a_process_confines_itself_and_its_later_threads),
        ("a_process_that_cannot_be_confined_is_left_as_it_was", a_process_that_cannot_be_confined_is_left_as_it_was),
    ];
    for (name, test) in tests {
        if machine::open(name, &[]) {
            test();
        }
        println!("test {name} ... ok");
    }
    println!("\ntest result: ok. {} passed; 0 failed", tests.len());
}

fn under(errno: &OsString, command: &[OsString]) -> ExitCode {
    exit_code(run(command, Some(&without_getppid(errno)), None, false))
}

/// Says what this thread may do.
#[expect(clippy::print_stdout, reason = "what it says is looked at")]
fn say() {
    let own = Status::of(nix::unistd::gettid().as_raw()).expect("its own status");
    let errno = nix::errno::Errno::result(getppid()).err();
    println!("{:?} {:?} {:?} {} {errno:?}", own.effective, own.permitted, own.bounding, own.no_new_privs);
}

/// Says what this process may do before and after it has tried to confine itself.
#[expect(clippy::print_stdout, reason = "what it says is looked at")]
fn in_vain() -> ExitCode {
    say();
    println!("{}", confine(&without("getppid", 11), CapabilityList::default()).expect_err("a filter refuses it"));
    say();
    ExitCode::SUCCESS
}

/// Says what this process and a new thread of it may do after it has confined itself.
fn itself(errno: &OsString) -> ExitCode {
    let profile = without_getppid(errno);
    let kept = CapabilityList::from_mask(1 << 5 | 1 << 21);
    confine(&profile, kept).expect("it can be confined");
    say();
    std::thread::spawn(say).join().expect("a thread that says what it may do");
    ExitCode::SUCCESS
}

#[expect(unsafe_code, reason = "the C library's getppid cannot fail, the call can")]
fn getppid() -> i64 {
    // SAFETY: takes nothing, and gives a number.
    unsafe { libc::syscall(libc::SYS_getppid) }
}

/// A profile that refuses getppid, and nothing else.
fn without_getppid(errno: &OsString) -> Compiled {
    without("getppid", errno.to_str().expect("a number").parse().expect("a number"))
}

/// A profile that refuses a call, and nothing else.
fn without(call: &str, errno: u16) -> Compiled {
    let native = native_architecture().expect("a known machine");
    let refused =
        Rule { name: call.to_owned(), action: Action::Errno(errno), conditions: Vec::new(), reasons: BTreeSet::new() };
    let profile = Profile {
        default_action: Action::Allow,
        architectures: [native].into(),
        flags: BTreeSet::new(),
        rules: vec![refused],
    };
    compile(&profile, Runtime::Crun, native).expect("a plain profile")
}

#[expect(clippy::print_stderr, reason = "an error is what the caller looks at")]
fn exit_code(result: Result<i32, RunError>) -> ExitCode {
    let code = result.unwrap_or_else(|error| {
        eprintln!("{error}");
        error.exit_code()
    });
    ExitCode::from(u8::try_from(code).expect("a code of 8 bits"))
}

/// Starts this program in its other role, and waits for the first line that the command says. Whoever runs the tests may
/// ignore signals (nohup does), which a shell cannot change for itself.
fn start(arguments: &[&str], script: &str) -> (Child, String, impl BufRead + use<>) {
    let mut child = Command::new("env")
        .arg("--default-signal")
        .arg(env::current_exe().expect("this program"))
        .args(arguments)
        .args(["sh", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program starts");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    output.read_line(&mut line).expect("the command says a line");
    (child, line.trim().to_owned(), output)
}

fn send(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).expect("process ids are positive i32");
    kill(Pid::from_raw(pid), signal).expect("the child is there");
}

fn a_signal_that_a_process_sends_reaches_the_command() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1] {
        let script = "trap 'echo caught; exit 9' TERM INT HUP USR1; echo ready; while read line; do :; done";
        let (mut child, ready, mut output) = start(&["under", "1"], script);
        assert_eq!(ready, "ready");
        send(&child, signal);
        let mut line = String::new();
        output.read_line(&mut line).expect("the command says a line");
        assert_eq!(line, "caught\n", "{signal}");
        assert_eq!(child.wait().expect("the child ends").code(), Some(9), "{signal}");
    }
}

fn a_signal_that_ends_the_command_is_in_the_code() {
    let (mut child, ready, _output) = start(&["under", "1"], "echo ready; read line");
    assert_eq!(ready, "ready");
    // Waiting closes a child's input, which would end the command by itself before the signal does.
    let _held = child.stdin.take();
    send(&child, Signal::SIGTERM);
    assert_eq!(child.wait().expect("the child ends").code(), Some(128 + 15));
}

fn of_two_filters_the_later_comes_first() {
    let itself = env::current_exe().expect("this program");
    let itself = itself.to_str().expect("a plain path");
    let (mut child, pid, _output) = start(&["under", "11", itself, "under", "12"], "echo $$; read line");
    let filters = filters_of(pid.parse().expect("a process id")).expect("its filters");
    let abi = if cfg!(target_arch = "aarch64") { Abi::Aarch64 } else { Abi::X86_64 };
    let getppid = Query::new(abi, libc::SYS_getppid);
    let errno = |errno| Decision::Always(RawAction::of(Action::Errno(errno)));
    let alone: Vec<_> = filters.iter().map(|filter| filter.decide(&getppid)).collect();
    assert_eq!(alone, [errno(12), errno(11)]);
    assert_eq!(decide(&filters, &getppid), errno(12));
    drop(child.stdin.take());
    assert_eq!(child.wait().expect("the child ends").code(), Some(1));
}

fn without_capabilities_a_filter_needs_no_new_privs() {
    let itself = env::current_exe().expect("this program");
    let bare =
        |command: &[&str]| Command::new(&itself).arg("bare").args(command).output().expect("this program starts");
    let status = bare(&["cat", "/proc/self/status"]);
    assert!(String::from_utf8_lossy(&status.stdout).contains("CapBnd:\t0000000000000000"), "{status:?}");
    let refused = bare(&[itself.to_str().expect("a plain path"), "under", "1", "true"]);
    assert_eq!(refused.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no_new_privs"), "{refused:?}");
}

fn a_process_confines_itself_and_its_later_threads() {
    let program = env::current_exe().expect("this program");
    let said = Command::new(program).args(["itself", "11"]).output().expect("this program starts");
    let kept = CapabilityList::from_mask(1 << 5 | 1 << 21);
    let line = format!("{kept:?} {kept:?} {kept:?} true Some(EAGAIN)\n");
    assert_eq!(String::from_utf8_lossy(&said.stdout), format!("{line}{line}"), "{said:?}");
}

fn a_process_that_cannot_be_confined_is_left_as_it_was() {
    let program = env::current_exe().expect("this program");
    let words = ["barred", program.to_str().expect("a plain path"), "in-vain"];
    let said = Command::new(&program).args(words).output().expect("this program starts");
    let said = String::from_utf8(said.stdout).expect("text");
    let [before, error, after] = said.lines().collect::<Vec<_>>()[..] else { panic!("{said}") };
    assert_eq!((error, after), ("cannot load the filter", before));
}
