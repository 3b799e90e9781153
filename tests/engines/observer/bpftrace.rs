//! bpftrace as an observer, of whole cgroups and without slowing them down. Lives here: the script, its life, and
//! reading what it printed.
//!
//! It hooks `sys_enter`, the other end of a call than ctrec does, so it sees calls that never return too. It does not
//! see what a filter refuses: compare containers that run without one.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::docker::mount_points;
use crate::process::Process;
use crate::wait::wait_for;

/// Counts every call of the machine by cgroup, thread name, number and whether it was a 32-bit call (`TS_COMPAT`).
const SCRIPT: &str = "
tracepoint:raw_syscalls:sys_enter {
    @calls[cgroup, comm, args->id, ((struct task_struct *)curtask)->thread_info.status & 2] = count();
    if (@ready == 0) { @ready = 1; printf(\"ready\\n\"); }
}";

/// bpftrace looks for tracepoints in debugfs, which not every machine mounts: a mount namespace gives it one.
const START: &str = "mount -t debugfs none /sys/kernel/debug && \
    BPFTRACE_MAP_KEYS_MAX=100000 exec bpftrace -f json -e \"$1\"";

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

/// A bpftrace at work.
pub(crate) struct Bpftrace(Process);

impl Bpftrace {
    /// Starts it and waits until it counts.
    pub(crate) fn start() -> Self {
        let mut process = Process::start(&["unshare", "--mount", "sh", "-c", START, "sh", SCRIPT]);
        wait_for("bpftrace to count", || {
            assert!(process.runs(), "bpftrace ended: {}", process.stderr());
            process.stdout().contains("ready").then_some(())
        });
        Self(process)
    }

    /// Ends it and gives what it counted in one cgroup.
    pub(crate) fn calls_of(self, cgroup: u64) -> Vec<Seen> {
        self.0.signal(Signal::SIGINT);
        let printed = self.0.finish().success();
        let maps = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let calls = maps.map(|map| map["data"]["@calls"].clone()).find(Value::is_object).expect("calls were counted");
        let calls = calls.as_object().expect("calls are keyed").iter().map(|(key, count)| {
            let count = count.as_u64().expect("a count is a number");
            parse(key, count).unwrap_or_else(|| panic!("bpftrace printed a key of another form: {key}"))
        });
        calls.filter(|(of, _)| *of == cgroup).map(|(_, seen)| seen).collect()
    }
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
