//! The engines' daemons that run now, and what they were told on their command lines.
//!
//! Lives here: one walk over the host's processes for all who ask. Does not: the engines' usual places, which each
//! engine's own file knows.

use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Host;

/// Programs that are daemons of engines. `podman` is one while it serves its socket.
const DAEMONS: [&str; 4] = ["dockerd", "containerd", "podman", "crio"];

/// How long a walk holds for who asks for one container: its daemon was there before it.
const HOLDS: Duration = Duration::from_secs(10);
/// How long it holds for who looks for whatever runs, again and again.
const HOLDS_LONGER: Duration = Duration::from_secs(120);

/// The command lines of the daemons, as they were found at a moment.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    at: Instant,
    found: Rc<Daemons>,
}

/// The command lines of the daemons: name and arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Daemons(Vec<(&'static str, Vec<String>)>);

impl Host {
    /// The daemons, by a walk that is at most [`HOLDS`] old.
    pub(super) fn daemons(&self) -> Rc<Daemons> {
        self.daemons_of(HOLDS)
    }

    /// The daemons, by a walk that may be [`HOLDS_LONGER`] old.
    pub(super) fn usual_daemons(&self) -> Rc<Daemons> {
        self.daemons_of(HOLDS_LONGER)
    }

    fn daemons_of(&self, age: Duration) -> Rc<Daemons> {
        let mut last = self.daemons.borrow_mut();
        if let Some(walk) = last.as_ref().filter(|walk| walk.at.elapsed() < age) {
            return walk.found.clone();
        }
        let found = Rc::new(walk(self));
        *last = Some(Walk { at: Instant::now(), found: found.clone() });
        found
    }
}

impl Daemons {
    /// The values that a daemon was given for one of some options, as paths: `--option VALUE` and `--option=VALUE`. A
    /// socket's `unix://` is taken off, and what has another scheme is no path.
    pub(super) fn paths(&self, daemon: &str, options: &[&str]) -> Vec<PathBuf> {
        let of_daemon = self.0.iter().filter(|(name, _)| *name == daemon);
        of_daemon.flat_map(|(_, arguments)| values(arguments, options)).filter_map(path).collect()
    }

    /// The words of a daemon's command line that are a socket's address.
    pub(super) fn addresses(&self, daemon: &str) -> Vec<PathBuf> {
        let of_daemon = self.0.iter().filter(|(name, _)| *name == daemon);
        let words = of_daemon.flat_map(|(_, arguments)| arguments.iter());
        words.filter(|word| word.starts_with("unix:")).filter_map(|word| path(word)).collect()
    }
}

fn values<'words>(arguments: &'words [String], options: &[&str]) -> Vec<&'words str> {
    let mut found = Vec::new();
    for (index, argument) in arguments.iter().enumerate() {
        for option in options {
            if argument == option {
                found.extend(arguments.get(index + 1).map(String::as_str));
            } else if let Some(value) = argument.strip_prefix(option).and_then(|rest| rest.strip_prefix('=')) {
                found.push(value);
            }
        }
    }
    found
}

fn path(value: &str) -> Option<PathBuf> {
    let value = value.strip_prefix("unix://").or_else(|| value.strip_prefix("unix:")).unwrap_or(value);
    value.starts_with('/').then(|| PathBuf::from(value))
}

fn walk(host: &Host) -> Daemons {
    let Ok(processes) = fs::read_dir(host.path("/proc")) else { return Daemons::default() };
    let mut found = Vec::new();
    for process in processes.filter_map(Result::ok) {
        let name = process.file_name();
        let Some(pid) = name.to_str().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) else { continue };
        let comm = host.text(format!("/proc/{pid}/comm")).unwrap_or_default();
        let Some(daemon) = DAEMONS.into_iter().find(|daemon| comm.trim_end() == *daemon) else { continue };
        let arguments = host.read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words = arguments.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        found.push((daemon, words.collect::<Vec<_>>()));
    }
    // In the order of their words, not of their process ids: what is found first must not depend on who started first.
    found.sort_unstable();
    Daemons(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(processes: &[(&str, &str)]) -> (tempfile::TempDir, Host) {
        let folder = tempfile::tempdir().unwrap();
        for (index, (comm, words)) in processes.iter().enumerate() {
            let process = folder.path().join(format!("proc/{}", index + 1));
            fs::create_dir_all(&process).unwrap();
            fs::write(process.join("comm"), format!("{comm}\n")).unwrap();
            fs::write(process.join("cmdline"), words.replace(' ', "\0")).unwrap();
        }
        let host = Host::at(folder.path());
        (folder, host)
    }

    #[test]
    fn what_daemons_were_told_is_read_in_every_form() {
        let (_folder, host) = host(&[
            ("dockerd", "dockerd --data-root /a -H unix:///b.sock"),
            ("dockerd", "dockerd --data-root=/c --host=tcp://1.2.3.4:5 -g"),
            ("podman", "podman system service --time 0 unix:///d.sock"),
            ("nginx", "dockerd --data-root /no"),
        ]);
        let daemons = host.daemons();
        assert_eq!(daemons.paths("dockerd", &["--data-root", "-g"]), ["/a", "/c"].map(PathBuf::from));
        assert_eq!(daemons.paths("dockerd", &["--host", "-H"]), ["/b.sock"].map(PathBuf::from));
        assert_eq!(daemons.addresses("podman"), ["/d.sock"].map(PathBuf::from));
        assert_eq!(daemons.paths("containerd", &["--address"]), Vec::<PathBuf>::new());
    }

    #[test]
    fn one_walk_serves_all_who_ask() {
        let (folder, host) = host(&[("dockerd", "dockerd --data-root /a")]);
        let first = host.daemons();
        fs::remove_dir_all(folder.path().join("proc")).unwrap();
        assert_eq!(host.clone().daemons(), first, "a copy of the host asks the same walk");
    }
}
