//! A Docker engine of the test's own. Lives here: starting dockerd, its containers, and leaving nothing behind.

use std::fs::{self, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::image::{Image, text};
use crate::process::{Outcome, Process, run};
use crate::wait::wait_for;

/// What gives a command a host with v2 cgroups alone.
pub(crate) const V2_ALONE: [&str; 6] = [
    "unshare",
    "--mount",
    "sh",
    "-c",
    "umount --all --types cgroup
    grep -q ' /sys/fs/cgroup cgroup2 ' /proc/mounts || mount -t cgroup2 none /sys/fs/cgroup
    exec \"$@\"",
    "sh",
];

/// crun without limits of resources: for Docker's device rules it asks for more locked memory than some machines grant,
/// and on a hybrid host the controllers of the others belong to v1.
const CRUN: &str = r#"#!/bin/sh
previous=
for word; do
    [ "$previous" != --bundle ] || bundle=$word
    previous=$word
done
[ -z "${bundle:-}" ] || perl -0pi -e 's/"resources":(\{(?:[^{}]++|(?1))*\}),?//' "$bundle/config.json"
exec crun "$@"
"#;

/// A dockerd with its own state and socket, beside any engine that the machine runs. Stopped on drop.
pub(crate) struct Dockerd {
    process: Option<Process>,
    socket: String,
    // The parents of its containers' cgroups that were not there before.
    cgroups: Vec<PathBuf>,
    folder: TempDir,
}

impl Dockerd {
    /// Starts dockerd and waits until it answers. Containers get the host's network or none, so that the machine's
    /// bridges and firewall stay as they are.
    pub(crate) fn start() -> Self {
        Self::start_under(&[])
    }

    /// The same, under another command.
    pub(crate) fn start_under(wrapper: &[&str]) -> Self {
        Self::start_with(wrapper, |_| Vec::new())
    }

    /// The same for a host with v2 cgroups alone, where it can use crun too: `docker run --runtime crun`.
    pub(crate) fn start_with_crun() -> Self {
        Self::start_with(&V2_ALONE, |folder| {
            let wrapper = folder.join("crun");
            fs::write(&wrapper, CRUN).expect("a script can be written");
            fs::set_permissions(&wrapper, Permissions::from_mode(0o755)).expect("a mode can be changed");
            vec![format!("--add-runtime=crun={}", text(&wrapper))]
        })
    }

    /// `options` get the folder in which the engine has everything.
    fn start_with(wrapper: &[&str], options: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let folder = TempDir::with_prefix("ctrec-docker-").expect("a temporary folder can be made");
        let at = |name: &str| text(&folder.path().join(name)).to_owned();
        let socket = format!("unix://{}", at("docker.sock"));
        let cgroups = new_cgroups(&["docker"]);
        let words = [
            "dockerd",
            "--iptables=false",
            "--ip6tables=false",
            "--bridge=none",
            "--storage-driver=overlay2",
            "--data-root",
            &at("data"),
            "--exec-root",
            &at("exec"),
            "--pidfile",
            &at("docker.pid"),
            "-H",
            &socket,
        ];
        let options = options(folder.path());
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let process = Process::start(&[wrapper, &words, &options].concat());
        let mut dockerd = Self { process: Some(process), socket, cgroups, folder };
        dockerd.wait_until_it_answers();
        dockerd
    }

    fn wait_until_it_answers(&mut self) {
        wait_for("dockerd to answer", || {
            let process = self.process.as_mut().expect("dockerd was started");
            assert!(process.runs(), "dockerd ended: {}", process.stderr());
            (self.try_docker(&["version"]).code == 0).then_some(())
        });
    }

    /// Loads an image under its name.
    pub(crate) fn import(&self, image: Image) {
        self.docker(&["import", text(&image.archive()), image.name()]);
    }

    /// Runs the docker command line, which must succeed, and gives what it printed.
    pub(crate) fn docker(&self, words: &[&str]) -> String {
        self.try_docker(words).success()
    }

    /// Runs the docker command line.
    pub(crate) fn try_docker(&self, words: &[&str]) -> Outcome {
        run(&[&["docker", "-H", &self.socket], words].concat())
    }

    /// Process id of a container's first process.
    pub(crate) fn pid(&self, name: &str) -> String {
        self.docker(&["inspect", "--format", "{{.State.Pid}}", name]).trim().to_owned()
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        let containers = self.try_docker(&["ps", "--all", "--quiet"]).stdout;
        let containers: Vec<&str> = containers.split_whitespace().collect();
        if !containers.is_empty() {
            report(&self.try_docker(&[&["rm", "--force"], containers.as_slice()].concat()));
        }
        drop(self.process.take());
        for mount in mounts_below(self.folder.path()) {
            report(&run(&["umount", "--lazy", &mount]));
        }
        leave_no_cgroups(&self.cgroups);
    }
}

/// Cgroups of some names below the root of every hierarchy that are not there yet: an engine will make them.
pub(crate) fn new_cgroups(names: &[&str]) -> Vec<PathBuf> {
    let mounts = mount_points().into_iter().filter(|(_, kind)| kind.starts_with("cgroup"));
    let cgroups = mounts.flat_map(|(at, _)| names.iter().map(move |name| at.join(name)).collect::<Vec<_>>());
    cgroups.filter(|cgroup| !cgroup.exists()).collect()
}

/// Removes what an engine made and left empty.
pub(crate) fn leave_no_cgroups(cgroups: &[PathBuf]) {
    for cgroup in cgroups.iter().filter(|cgroup| cgroup.exists()) {
        let below = fs::read_dir(cgroup).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
        leave_no_cgroups(&below.filter(|path| path.is_dir()).collect::<Vec<_>>());
        // Busy: another engine has come meanwhile, and uses it.
        if let Err(error) = fs::remove_dir(cgroup)
            && error.kind() != ErrorKind::ResourceBusy
        {
            let _told = writeln!(std::io::stderr(), "left behind {}: {error}", cgroup.display());
        }
    }
}

/// Mount points below a folder, the innermost first.
pub(crate) fn mounts_below(folder: &Path) -> Vec<String> {
    let mounts = mount_points().into_iter().filter(|(at, _)| at.starts_with(folder));
    mounts.map(|(at, _)| text(&at).to_owned()).rev().collect()
}

/// Mount points with their file system types, in order of mounting.
pub(crate) fn mount_points() -> Vec<(PathBuf, String)> {
    let mounts = fs::read_to_string("/proc/self/mounts").expect("mounts can be read");
    let point = |line: &str| {
        let mut words = line.split(' ').skip(1);
        Some((PathBuf::from(words.next()?), words.next()?.to_owned()))
    };
    mounts.lines().filter_map(point).collect()
}

/// Cleaning up goes on after a failure, but never in silence.
pub(crate) fn report(outcome: &Outcome) {
    if outcome.code != 0 {
        let _told = writeln!(std::io::stderr(), "{}", outcome.stderr);
    }
}
