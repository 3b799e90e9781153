//! Containers that no OCI runtime makes: LXC's, by their configuration, and systemd-nspawn's, by machined's record.
//!
//! Lives here: where those are, and what they say. Does not: their filters, which are not in OCI's form.

use std::path::{Path, PathBuf};

use ctrec_recording::Container;

use super::Host;
use super::host::below;

/// Where machined keeps a file a machine.
const MACHINES: &str = "/run/systemd/machines";

/// A file of machined: `KEY=VALUE` lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Machine {
    /// Its name.
    pub(super) name: String,
    /// Its first process, on the host.
    pub(super) pid: u32,
}

/// Files of the machines that there are.
pub(super) fn machine_files(host: &Host) -> Vec<PathBuf> {
    let names = host.names(MACHINES).into_iter().filter(|name| name != ".host" && !name.starts_with("unit:"));
    names.filter_map(|name| below(Path::new(MACHINES), &name)).collect()
}

/// Reads a file of machined; `None` if the machine is no container: a virtual machine, or the host itself.
pub(super) fn read_machine(host: &Host, file: &Path) -> Option<Machine> {
    let text = host.text(file)?;
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).map(unquote);
    if value("CLASS").is_some_and(|class| class != "container") {
        return None;
    }
    Some(Machine { name: file.file_name()?.to_str()?.to_owned(), pid: value("LEADER")?.parse().ok()? })
}

fn unquote(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

/// Configurations of LXC's containers: those of root and of users, and what LXD and Incus write for LXC.
const CONFIGURATIONS: [(&str, &str); 6] = [
    ("/var/lib/lxc", "config"),
    ("/home/*/.local/share/lxc", "config"),
    ("/run/incus", "lxc.conf"),
    ("/var/log/incus", "lxc.conf"),
    ("/var/log/lxd", "lxc.conf"),
    ("/var/snap/lxd/common/lxd/logs", "lxc.conf"),
];

/// Fills a row from the configuration of the container that a cgroup is named after, if there is one. LXC adds a number
/// to the cgroup's name where one of that name was left behind.
pub(super) fn fill_lxc(host: &Host, row: &mut Container) {
    let without_number = row.id.rsplit_once('-').filter(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()));
    let names = [Some(row.id.clone()), without_number.map(|(name, _)| name.to_owned())];
    let mut names = names.into_iter().flatten();
    let Some((name, text)) = names.find_map(|name| configuration(host, &name).map(|text| (name, text))) else { return };
    row.id.clone_from(&name);
    row.name = name;
    row.no_new_privs = Some(text.lines().any(|line| setting(line) == Some(("lxc.no_new_privs", "1"))));
}

fn configuration(host: &Host, name: &str) -> Option<String> {
    CONFIGURATIONS
        .iter()
        .flat_map(|(folders, file)| host.expand(folders).into_iter().map(move |folder| (folder, file)))
        .find_map(|(folder, file)| host.text(below(&folder, name)?.join(file)))
}

fn setting(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once('=')?;
    Some((key.trim(), value.trim()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::engine::unresolved;

    fn host(files: &[(&str, &str)]) -> (tempfile::TempDir, Host) {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let file = folder.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        let host = Host::at(folder.path());
        (folder, host)
    }

    #[test]
    fn a_machine_is_a_container_unless_it_is_said_to_be_none() {
        let (_folder, host) = host(&[
            ("run/systemd/machines/web", "# machined\nNAME=web\nCLASS=container\nLEADER=4711\n"),
            ("run/systemd/machines/old", "LEADER=\"7\"\n"),
            ("run/systemd/machines/vm", "CLASS=vm\nLEADER=4712\n"),
            ("run/systemd/machines/broken", "CLASS=container\nLEADER=x\n"),
            ("run/systemd/machines/.host", "CLASS=host\nLEADER=1\n"),
        ]);
        let machine = |name: &str, pid| Machine { name: name.to_owned(), pid };
        let files = machine_files(&host);
        assert_eq!(files.len(), 4);
        let found: Vec<Machine> = files.iter().filter_map(|file| read_machine(&host, file)).collect();
        assert_eq!(found, [machine("old", 7), machine("web", 4711)]);
    }

    #[test]
    fn a_number_that_lxc_added_is_taken_off_where_the_name_without_is_there() {
        let (_folder, host) = host(&[
            ("var/lib/lxc/web/config", "lxc.no_new_privs = 1\n"),
            ("var/lib/lxc/db-2/config", ""),
            ("home/user/.local/share/lxc/own/config", ""),
        ]);
        for (cgroup, expected, no_new_privs) in [
            ("web", "web", Some(true)),
            ("web-1", "web", Some(true)),
            ("db-2", "db-2", Some(false)),
            ("own", "own", Some(false)),
            ("x-1", "x-1", None),
            ("../lxc/web", "../lxc/web", None),
        ] {
            let mut row = unresolved("lxc", cgroup, "/lxc");
            fill_lxc(&host, &mut row);
            assert_eq!((row.name.as_str(), row.no_new_privs), (expected, no_new_privs), "{cgroup}");
        }
    }
}
