//! What `/proc` says of a container's first process.

use std::fs;
use std::path::PathBuf;

use super::Host;

/// The cgroups of a process: hierarchy id and path, as in `/proc/<pid>/cgroup`.
pub(super) fn cgroups_of(host: &Host, pid: u32) -> Option<Vec<(u32, String)>> {
    let text = host.text(format!("/proc/{pid}/cgroup"))?;
    let parse = |line: &str| {
        let mut parts = line.splitn(3, ':');
        let hierarchy = parts.next()?.parse().ok()?;
        Some((hierarchy, parts.nth(1)?.to_owned()))
    };
    Some(text.lines().filter_map(parse).collect())
}

/// The bundle of a container that containerd runs: its shim works there, and is the parent of the first process.
pub(super) fn shim_folder(host: &Host, id: &str, init_pid: u32) -> Option<PathBuf> {
    let status = host.text(format!("/proc/{init_pid}/status"))?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim();
    let folder = fs::read_link(host.path(format!("/proc/{parent}/cwd"))).ok()?;
    (folder.file_name()? == id).then_some(folder)
}

/// Of some processes, the one that is the first of its process namespace; else the one with the lowest number.
pub(super) fn first_of(host: &Host, mut pids: Vec<u32>) -> Option<u32> {
    pids.sort_unstable();
    let is_first = |pid: &u32| {
        let status = host.text(format!("/proc/{pid}/status")).unwrap_or_default();
        let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
        numbers.split_whitespace().count() > 1 && numbers.split_whitespace().last() == Some("1")
    };
    pids.iter().copied().find(is_first).or_else(|| pids.first().copied())
}
