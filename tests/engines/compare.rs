//! What ctrec recorded against what an independent observer saw of the same run. Lives here: making the two
//! comparable, and saying what is missing and what was invented.

use std::collections::{BTreeMap, BTreeSet};

use ctrec_analyze::names;
use ctrec_recording::{Abi, Origin, Phase};

use crate::observer::bpftrace::Seen;
use crate::recorder::{Counts, Recorded};

/// The workload's calls are bpftrace's, each made as often. The execve with which a runtime becomes the workload is
/// the runtime's.
pub(crate) fn assert_same_calls(recorded: &Recorded, observed: &[Seen]) {
    let mut expected = Counts::new();
    for seen in observed.iter().filter(|seen| !is_runtime(&seen.thread)) {
        let abi = if seen.compat { Abi::I386 } else { Abi::X86_64 };
        *expected.entry((abi, seen.number)).or_default() += seen.count;
    }
    let workload = recorded.counts(|row| row.phase == Phase::Workload);
    assert_eq!(difference(&workload, &expected), BTreeMap::new(), "call: (recorded, observed)");
}

/// The workload's calls of the container's first process and its descendants are strace's, by name.
pub(crate) fn assert_same_names(recorded: &Recorded, observed: &BTreeMap<String, u64>) {
    let workload = recorded.counts(|row| row.phase == Phase::Workload && row.origin == Origin::Init);
    let recorded: BTreeSet<(Abi, i64)> = workload.into_keys().collect();
    let observed: BTreeSet<(Abi, i64)> = observed.keys().map(|name| (Abi::X86_64, number(name))).collect();
    let label = |(abi, number): &(Abi, i64)| names::label(*abi, *number);
    let missing: Vec<String> = observed.difference(&recorded).map(label).collect();
    let invented: Vec<String> = recorded.difference(&observed).map(label).collect();
    assert_eq!((missing, invented), (vec![], vec![]), "(missing, invented)");
}

/// Number of a call that strace names; one it does not know it writes as `syscall_0x270f`.
fn number(name: &str) -> i64 {
    let unknown = || i64::from_str_radix(name.strip_prefix("syscall_0x")?, 16).ok();
    names::number(Abi::X86_64, name).or_else(unknown).unwrap_or_else(|| panic!("no table knows {name}"))
}

/// Threads of runc's own: named so by itself, or still under the name of the file that it re-executes itself from.
fn is_runtime(thread: &str) -> bool {
    thread.starts_with("runc") || thread == "exe"
}

/// Calls whose numbers differ, with both numbers.
fn difference(recorded: &Counts, observed: &Counts) -> BTreeMap<String, (u64, u64)> {
    let calls: BTreeSet<&(Abi, i64)> = recorded.keys().chain(observed.keys()).collect();
    let of = |counts: &Counts, call: &(Abi, i64)| counts.get(call).copied().unwrap_or_default();
    let both = calls.into_iter().map(|call| (names::label(call.0, call.1), (of(recorded, call), of(observed, call))));
    both.filter(|(_, (recorded, observed))| recorded != observed).collect()
}
