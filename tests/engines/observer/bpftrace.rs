//! bpftrace as an observer, of whole cgroups and without slowing them down. Lives here: the script, its life, and
//! reading what it printed.
//!
//! It hooks `sys_enter`, the other end of a call than ctrec does, so it sees calls that never return too. It does not
//! see what a filter refuses: compare containers that run without one.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::docker::mount_points;
use crate::process::Process;
use crate::wait::{wait_at_most, wait_for};

/// Counts every call of the machine by cgroup, thread name, number and whether it was a 32-bit call (`TS_COMPAT`).
const SCRIPT: &str = "
tracepoint:raw_syscalls:sys_enter {
    @calls[cgroup, comm, args->id, ((struct task_struct *)curtask)->thread_info.status & 2] = count();
    if (@ready == 0) { @ready = 1; printf(\"ready\\n\"); }
}";

/// bpftrace looks for tracepoints in debugfs, which not every machine mounts: a mount namespace gives it one.
const START: &str = "mount -t debugfs none /sys/kernel/debug && \
    BPFTRACE_MAP_KEYS_MAX=100000 exec bpftrace -f json -e \"$1\"";

/// By when it ends if it has heard a signal; far longer than it takes to print what it counted.
const HEARD: Duration = Duration::from_secs(10);

/// A call that threads of one name made in the observed cgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Name of the threads.
    pub(crate) thread: String,
    /// Made through the 32-bit table.
    pub(crate) compat: bool,
    /// Number in its table.
    pub(crate) number: i64,
    /// How often it was entered.
    pub(crate) count: u64,
}

/// Counts every capability check of the machine by thread name, capability and verdict, except what execve asks: a
/// thread changes its name in the middle of it.
const CHECKS: &str = "
tracepoint:raw_syscalls:sys_enter {
    @in[tid] = args->id;
    if (@ready == 0) { @ready = 1; printf(\"ready\\n\"); }
}
tracepoint:raw_syscalls:sys_exit { delete(@in[tid]); }
tracepoint:capability:cap_capable {
    if (@in[tid] != 59) { @checks[comm, args->cap, args->ret] = count(); }
}";

/// A bpftrace at work.
pub(crate) struct Bpftrace(Process);

impl Bpftrace {
    /// Starts it and waits until it counts.
    pub(crate) fn start() -> Self {
        Self::run(SCRIPT)
    }

    fn run(script: &str) -> Self {
        let mut process = Process::start(&["unshare", "--mount", "sh", "-c", START, "sh", script]);
        wait_for("bpftrace to count", || {
            assert!(process.runs(), "bpftrace ended: {}", process.stderr());
            process.stdout().contains("ready").then_some(())
        });
        Self(process)
    }

    /// Ends it and gives what it counted in some cgroups.
    pub(crate) fn calls_of(self, cgroups: &[u64]) -> Vec<Seen> {
        let calls = self.counted("@calls").into_iter().map(|(key, count)| {
            parse(&key, count).unwrap_or_else(|| panic!("bpftrace printed a key of another form: {key}"))
        });
        calls.filter(|(of, _)| cgroups.contains(of)).map(|(_, seen)| seen).collect()
    }

    /// Ends it and gives one of its maps.
    fn counted(mut self, name: &str) -> Vec<(String, u64)> {
        self.0.signal(Signal::SIGINT);
        // bpftrace misses a signal that comes between its looking for one and its waiting for events.
        if wait_at_most(HEARD, || (!self.0.runs()).then_some(())).is_none() {
            self.0.signal(Signal::SIGINT);
        }
        let printed = self.0.finish().success();
        let maps = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let map = maps.map(|map| map["data"][name].clone()).find(Value::is_object).expect("something was counted");
        let counts = map.as_object().expect("counts are keyed").iter();
        counts.map(|(key, count)| (key.clone(), count.as_u64().expect("a count is a number"))).collect()
    }
}

/// How often threads of a name asked for a capability, and were granted it or not.
pub(crate) type Checks = BTreeMap<(String, u32, bool), u64>;

/// A bpftrace that counts capability checks.
pub(crate) struct CheckObserver(Bpftrace);

impl CheckObserver {
    /// Whether this kernel has the tracepoint. Only functions are in the list of symbols everywhere.
    pub(crate) fn is_possible() -> bool {
        fs::read_to_string("/proc/kallsyms").is_ok_and(|symbols| symbols.contains("__traceiter_cap_capable"))
    }

    /// Starts it and waits until it counts.
    pub(crate) fn start() -> Self {
        Self(Bpftrace::run(CHECKS))
    }

    /// Ends it and gives what it counted on the whole machine.
    pub(crate) fn checks(self) -> Checks {
        let counted = self.0.counted("@checks").into_iter();
        counted
            .map(|(key, count)| {
                let key = parse_check(&key).unwrap_or_else(|| panic!("bpftrace printed a key of another form: {key}"));
                (key, count)
            })
            .collect()
    }
}

/// Reads `thread name,capability,verdict`; the thread's name may hold commas.
fn parse_check(key: &str) -> Option<(String, u32, bool)> {
    let (rest, verdict) = key.rsplit_once(',')?;
    let (thread, capability) = rest.rsplit_once(',')?;
    Some((thread.to_owned(), capability.parse().ok()?, verdict == "0"))
}

/// Reads `cgroup,thread name,number,compat`; the thread's name may hold commas.
fn parse(key: &str, count: u64) -> Option<(u64, Seen)> {
    let (cgroup, rest) = key.split_once(',')?;
    let (rest, compat) = rest.rsplit_once(',')?;
    let (thread, number) = rest.rsplit_once(',')?;
    let seen = Seen { thread: thread.to_owned(), compat: compat != "0", number: number.parse().ok()?, count };
    Some((cgroup.parse().ok()?, seen))
}

/// Id of the cgroup that a process is in, in the v2 hierarchy.
pub(crate) fn cgroup_of(pid: &str) -> u64 {
    let cgroups = fs::read_to_string(Path::new("/proc").join(pid).join("cgroup")).expect("the process runs");
    let path = cgroups.lines().find_map(|line| line.strip_prefix("0::/")).expect("every process has a v2 cgroup");
    let mounts = mount_points();
    let (root, _) = mounts.iter().find(|(_, kind)| kind == "cgroup2").expect("v2 cgroups are mounted");
    fs::metadata(root.join(path)).expect("the cgroup exists").ino()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threads_name_may_hold_commas() {
        let seen = Seen { thread: "a,b".to_owned(), compat: true, number: -1, count: 3 };
        assert_eq!(parse("77,a,b,-1,2", 3), Some((77, seen)));
    }
}
