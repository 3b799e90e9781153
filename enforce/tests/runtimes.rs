//! Compiled profiles against the filters that runc and crun load for them.
//!
//! A container of a static busybox waits on a pipe while its filter is read, and every number of every ABI is put to
//! both filters.

mod machine;

use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use ctrec_analyze::profile::{Abi, Action, Architecture, Condition, Operator, Profile, Rule};
use ctrec_enforce::{Compiled, Filter, Query, Runtime, compile, filters_of, native_architecture};
use serde_json::{Value, json};

/// What busybox and the runtimes need under a filter, with room to spare.
const NEEDED: &str = "access arch_prctl brk capget capset chdir clone close close_range dup dup2 dup3 epoll_create1 \
    epoll_ctl epoll_pwait eventfd2 execve exit exit_group faccessat fchdir fchown fcntl fstat fstatfs futex getcwd getdents64 \
    getegid geteuid getgid getpgrp getpid getppid getrandom gettid getuid ioctl lseek madvise mmap mprotect munmap \
    nanosleep newfstatat open openat pipe2 poll prctl pread64 prlimit64 read readlink readlinkat rseq rt_sigaction \
    rt_sigprocmask rt_sigreturn sched_getaffinity sched_yield set_robust_list set_tid_address setgid setgroups setresgid setresuid setuid \
    sigaltstack stat statfs tgkill uname wait4 write writev";

fn rule(name: &str, action: Action, conditions: &[Condition]) -> Rule {
    Rule { name: name.to_owned(), action, conditions: conditions.to_vec(), reasons: BTreeSet::new() }
}

fn condition(index: u32, operator: Operator, value: u64) -> Condition {
    Condition { index, value, value_two: 0, operator }
}

fn profile(default_action: Action, architectures: &[Architecture], rules: Vec<Rule>) -> Profile {
    let architectures = architectures.iter().copied().collect();
    Profile { default_action, architectures, flags: BTreeSet::new(), rules }
}

fn needed() -> Vec<Rule> {
    NEEDED.split_whitespace().map(|name| rule(name, Action::Allow, &[])).collect()
}

fn needed_and(more: Vec<Rule>) -> Vec<Rule> {
    needed().into_iter().chain(more).collect()
}

const HERE: Architecture = Architecture::X86_64;
const X86: [Architecture; 3] = [Architecture::X86_64, Architecture::X86, Architecture::X32];

fn profiles() -> Vec<(&'static str, Profile)> {
    let everywhere = [X86.as_slice(), &[Architecture::Aarch64, Architecture::Arm]].concat();
    let allow = |name: &str| rule(name, Action::Allow, &[]);
    vec![
        ("names only", profile(Action::Errno(1), &[HERE], needed())),
        ("no architecture listed", profile(Action::Errno(1), &[], needed_and(vec![allow("openat2")]))),
        ("only a foreign architecture listed", profile(Action::Errno(1), &[Architecture::X86], needed())),
        ("all of x86", profile(Action::Errno(1), &X86, needed_and(vec![allow("socket"), allow("futex_waitv")]))),
        ("five architectures", profile(Action::Errno(38), &everywhere, needed_and(vec![allow("openat2")]))),
        ("unknown names", profile(Action::Errno(1), &X86, needed_and(vec![allow("no_such_call"), allow("set_tls")]))),
        ("every action", every_action()),
        ("conditions", conditions()),
        ("killing, the largest name refused", refused_by_default()),
        ("allowing, with flags", allowing()),
    ]
}

/// The largest name has the default action: no rule of libseccomp's, and yet it moves runc's stub.
fn refused_by_default() -> Profile {
    let rules = needed_and(vec![
        rule("fchmodat2", Action::KillProcess, &[]),
        rule("clone3", Action::Errno(38), &[]),
        rule("faccessat2", Action::Errno(38), &[]),
    ]);
    profile(Action::KillProcess, &X86, rules)
}

fn every_action() -> Profile {
    let rules = needed_and(vec![
        rule("clone3", Action::Errno(38), &[]),
        rule("mount", Action::Trap, &[]),
        rule("umount2", Action::KillThread, &[]),
        rule("reboot", Action::KillProcess, &[]),
        rule("ptrace", Action::Trace(77), &[]),
        rule("acct", Action::Log, &[]),
        rule("chroot", Action::Errno(0), &[]),
    ]);
    profile(Action::Errno(1), &X86, rules)
}

fn conditions() -> Profile {
    let namespaces = Condition { index: 0, value: 0x7e02_0000, value_two: 0, operator: Operator::MaskedEqual };
    let mut rules: Vec<_> = needed().into_iter().filter(|rule| rule.name != "clone").collect();
    rules.extend([
        rule("clone", Action::Allow, &[namespaces]),
        rule("personality", Action::Allow, &[condition(0, Operator::Equal, 0)]),
        rule("personality", Action::Allow, &[condition(0, Operator::Equal, 0xffff_ffff)]),
        rule("socket", Action::Allow, &[condition(0, Operator::NotEqual, 16), condition(0, Operator::LessThan, 38)]),
        rule(
            "setsockopt",
            Action::Errno(92),
            &[condition(1, Operator::Equal, 1), condition(2, Operator::GreaterThan, 9)],
        ),
        rule("mremap", Action::Allow, &[condition(2, Operator::LessOrEqual, 1 << 40)]),
        rule("lseek", Action::Allow, &[condition(1, Operator::GreaterOrEqual, (1 << 33) + 5)]),
    ]);
    profile(Action::Errno(1), &X86, rules)
}

fn allowing() -> Profile {
    let rules = vec![
        rule("mount", Action::Errno(1), &[]),
        rule("bpf", Action::Errno(38), &[condition(0, Operator::Equal, 5)]),
        rule("acct", Action::Allow, &[]),
    ];
    let mut profile = profile(Action::Allow, &X86, rules);
    for flag in ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC"] {
        profile.flags.insert(flag.to_owned());
    }
    profile
}

fn action_json(action: Action) -> (&'static str, Option<u16>) {
    match action {
        Action::Allow => ("SCMP_ACT_ALLOW", None),
        Action::Log => ("SCMP_ACT_LOG", None),
        Action::Errno(errno) => ("SCMP_ACT_ERRNO", Some(errno)),
        Action::Trace(message) => ("SCMP_ACT_TRACE", Some(message)),
        Action::Trap => ("SCMP_ACT_TRAP", None),
        Action::Notify => ("SCMP_ACT_NOTIFY", None),
        Action::KillThread => ("SCMP_ACT_KILL_THREAD", None),
        Action::KillProcess => ("SCMP_ACT_KILL_PROCESS", None),
    }
}

fn operator_json(operator: Operator) -> &'static str {
    match operator {
        Operator::NotEqual => "SCMP_CMP_NE",
        Operator::LessThan => "SCMP_CMP_LT",
        Operator::LessOrEqual => "SCMP_CMP_LE",
        Operator::Equal => "SCMP_CMP_EQ",
        Operator::GreaterOrEqual => "SCMP_CMP_GE",
        Operator::GreaterThan => "SCMP_CMP_GT",
        Operator::MaskedEqual => "SCMP_CMP_MASKED_EQ",
    }
}

/// The profile as a runtime reads it, one entry a rule, in the profile's order.
fn seccomp_json(profile: &Profile) -> Value {
    let architectures: Vec<_> = profile
        .architectures
        .iter()
        .map(|architecture| match architecture {
            Architecture::X86_64 => "SCMP_ARCH_X86_64",
            Architecture::X86 => "SCMP_ARCH_X86",
            Architecture::X32 => "SCMP_ARCH_X32",
            Architecture::Aarch64 => "SCMP_ARCH_AARCH64",
            Architecture::Arm => "SCMP_ARCH_ARM",
        })
        .collect();
    let (default_action, default_errno) = action_json(profile.default_action);
    let mut seccomp = json!({
        "defaultAction": default_action,
        "architectures": architectures,
        "syscalls": profile.rules.iter().map(rule_json).collect::<Vec<_>>(),
    });
    if let Some(errno) = default_errno {
        seccomp["defaultErrnoRet"] = json!(errno);
    }
    if !profile.flags.is_empty() {
        seccomp["flags"] = json!(profile.flags);
    }
    seccomp
}

fn rule_json(rule: &Rule) -> Value {
    let (action, errno) = action_json(rule.action);
    let conditions: Vec<_> = rule
        .conditions
        .iter()
        .map(|condition| {
            json!({
                "index": condition.index,
                "value": condition.value,
                "valueTwo": condition.value_two,
                "op": operator_json(condition.operator),
            })
        })
        .collect();
    let mut entry = json!({ "names": [rule.name], "action": action });
    if let Some(errno) = errno {
        entry["errnoRet"] = json!(errno);
    }
    if !conditions.is_empty() {
        entry["args"] = json!(conditions);
    }
    entry
}

fn write_bundle(folder: &Path, profile: &Profile, no_new_privs: bool) {
    for place in ["rootfs/proc", "rootfs/dev"] {
        fs::create_dir_all(folder.join(place)).expect("a folder");
    }
    fs::copy("/bin/busybox", folder.join("rootfs/busybox")).expect("a static busybox");
    let kinds = ["pid", "mount", "ipc", "uts"].map(|kind| json!({ "type": kind }));
    let config = json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": { "uid": 0, "gid": 0 },
            "args": ["/busybox", "sh", "-c", "echo ready; read line"],
            "env": ["PATH=/"],
            "cwd": "/",
            "noNewPrivileges": no_new_privs,
        },
        "root": { "path": "rootfs" },
        "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }],
        "linux": { "namespaces": kinds, "seccomp": seccomp_json(profile) },
    });
    fs::write(folder.join("config.json"), config.to_string()).expect("a file");
}

fn start(runtime: Runtime, folder: &Path, id: &str) -> Child {
    let tail = ["run", "--pid-file", "pid", "--bundle", ".", id];
    let mut command = match runtime {
        Runtime::Runc => {
            let mut command = Command::new("runc");
            command.args(["--root", "state"]);
            command
        }
        // crun takes no host with two kinds of cgroups, so it is shown one kind.
        Runtime::Crun => {
            let mut command = Command::new("unshare");
            let script = "mount -t cgroup2 none /sys/fs/cgroup && exec crun \"$@\"";
            command.args(["--mount", "sh", "-c", script, "crun", "--root", "state", "--cgroup-manager=disabled"]);
            command
        }
    };
    command.args(tail).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the runtime starts")
}

/// The filters of a container under the profile.
fn live(runtime: Runtime, profile: &Profile, no_new_privs: bool, id: &str) -> Vec<Filter> {
    let folder = tempfile::tempdir().expect("a folder");
    write_bundle(folder.path(), profile, no_new_privs);
    let mut child = start(runtime, folder.path(), id);
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("the container's output");
    if line != "ready\n" {
        let mut error = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut error).expect("the runtime's error");
        panic!("{id} did not start: {line}{error}");
    }
    let filters = filters_of(pid_in(&folder.path().join("pid"))).expect("the container's filters");
    child.stdin.take().expect("a pipe").write_all(b"\n").expect("the container still reads");
    assert_eq!(child.wait().expect("the container ends").code(), Some(0), "{id} was harmed by the look at it");
    filters
}

/// runc writes the file when the container runs already.
fn pid_in(file: &Path) -> i32 {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        match fs::read_to_string(file).map(|text| text.trim().parse()) {
            Ok(Ok(pid)) => return pid,
            _ => thread::yield_now(),
        }
    }
    panic!("the runtime wrote no process id");
}

/// Every (ABI, number) on which two filters differ.
fn differences(live: &Filter, compiled: &Filter) -> Vec<String> {
    let mut found = Vec::new();
    for abi in [Abi::X86_64, Abi::I386, Abi::X32, Abi::Aarch64, Abi::Arm] {
        for number in (-1..=1100).flat_map(|number| [number, number | 1 << 30]) {
            let query = Query::new(abi, number);
            let (live, compiled) = (live.decide(&query), compiled.decide(&query));
            if live != compiled {
                found.push(format!("{abi:?} {number:#x}: live {live:?}, compiled {compiled:?}"));
            }
        }
    }
    found
}

fn compare(runtime: Runtime, name: &str) {
    for (index, (what, mut profile)) in profiles().into_iter().enumerate() {
        if runtime == Runtime::Runc {
            // Before 1.2 it refuses a profile with flags. They do not change what a filter decides.
            profile.flags.clear();
        }
        let Compiled { filter, .. } = compile(&profile, runtime, HERE).expect(what);
        let bare = compile(&profile, Runtime::Crun, HERE).expect(what).filter;
        let id = format!("ctrec-{}-{name}-{index}", std::process::id());
        let filters = live(runtime, &profile, index % 2 == 1, &id);
        assert_eq!(filters.len(), 1, "{what}");
        let found = differences(&filters[0], &filter);
        assert!(
            found.is_empty(),
            "{name}, {what}: {} differences, first {:?}",
            found.len(),
            &found[..found.len().min(5)]
        );
        // Behind runc's stub, and for crun from the start, it is the very same program: that holds for arguments too.
        assert!(filters[0].instructions().ends_with(bare.instructions()), "{name}, {what}: the program differs");
    }
}

fn comparable(test: &str, tools: &[&str]) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let installed = |tool: &str| env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    let mut needs: Vec<_> = tools.iter().map(|tool| (*tool, installed(tool))).collect();
    needs.push(("x86-64, for which the profiles here are", native_architecture() == Some(HERE)));
    machine::open(test, &needs)
}

#[test]
fn runc_loads_what_is_compiled_for_it() {
    if comparable("runc_loads_what_is_compiled_for_it", &["runc", "busybox"]) {
        compare(Runtime::Runc, "runc");
    }
}

#[test]
fn crun_loads_what_is_compiled_for_it() {
    if comparable("crun_loads_what_is_compiled_for_it", &["crun", "busybox", "unshare"]) {
        compare(Runtime::Crun, "crun");
    }
}
