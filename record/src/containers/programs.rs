//! The programs of containers, and what their files permit.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use ctrec_recording::Program;

use super::Containers;
use crate::file_capabilities;
use crate::wire::KernelPath;

/// Processes of a container that saw one of its files, with their mount namespaces: a number that somebody else has by
/// now is told by that.
pub(super) type Witnesses = BTreeMap<u32, PathBuf>;

impl Containers {
    /// Enters programs whose paths came from the kernel.
    pub(crate) fn add_programs(&mut self, paths: &[(u32, KernelPath)]) {
        for (program, path) in paths {
            let row = Program {
                container: path.container,
                program: *program,
                path: path.display(),
                path_truncated: path.truncated != 0,
                device: path.device.into(),
                inode: path.inode,
                file_capabilities_json: None,
            };
            self.programs.insert(*program, row);
        }
    }

    /// Reads what a program's file permits, by the first of these processes that sees it. Its own may be gone, and the
    /// first of the container is: runc leaves the container to a grandchild. So whoever saw an earlier program is asked.
    pub(crate) fn read_file_capabilities(&mut self, program: u32, processes: impl Iterator<Item = u32>) {
        let Some(row) = self.programs.get_mut(&program).filter(|row| !row.path_truncated) else { return };
        let witnesses = self.witnesses.entry(row.container).or_default();
        witnesses.retain(|pid, namespace| mount_namespace(*pid).as_ref() == Some(namespace));
        let mut all = processes.chain(witnesses.keys().copied());
        let Some((pid, names)) = all.find_map(|pid| Some((pid, file_capabilities::read(pid, &row.path)?))) else {
            return;
        };
        drop(all);
        row.file_capabilities_json = Some(names);
        if let Some(namespace) = mount_namespace(pid) {
            witnesses.insert(pid, namespace);
        }
    }
}

/// What the kernel calls a process's mount namespace, while the process is there.
fn mount_namespace(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/mnt")).ok()
}
