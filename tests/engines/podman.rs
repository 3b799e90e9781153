//! A podman of the test's own. Lives here: its folders and settings, its service, and leaving nothing behind.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::docker::{leave_no_cgroups, mount_points, new_cgroups, report};
use crate::image::{Image, text};
use crate::process::{Outcome, Process, run};
use crate::wait::wait_for;

/// What a machine with little to give can do: no bridge, no pids controller, no raised limits. runc, since crun locks more
/// memory for its device rules than some machines grant.
const SETTINGS: &str = "\
[containers]
default_ulimits = [\"nofile=1024:1024\", \"nproc=1000:1000\"]
pids_limit = 0
netns = \"host\"
seccomp_profile = \"unconfined\"
[engine]
runtime = \"runc\"
";

/// A podman of root with its own storage and state. What it runs is removed on drop.
pub(crate) struct Podman {
    service: Option<Process>,
    // The parent of its containers' cgroups, where it was not there before.
    cgroups: Vec<PathBuf>,
    folder: TempDir,
}

impl Podman {
    /// Makes its folders, and starts its service.
    pub(crate) fn start() -> Self {
        let folder = TempDir::with_prefix("ctrec-podman-").expect("a temporary folder can be made");
        fs::write(folder.path().join("containers.conf"), SETTINGS).expect("settings can be written");
        let mut podman = Self { service: None, cgroups: new_cgroups(&["libpod_parent"]), folder };
        let socket = podman.folder.path().join("podman.sock");
        let address = format!("unix://{}", text(&socket));
        let words = podman.words(&["system", "service", "--time", "0", &address]);
        let mut service = Process::start(&words.iter().map(String::as_str).collect::<Vec<_>>());
        wait_for("podman's service to listen", || {
            assert!(service.runs(), "podman's service ended: {}", service.stderr());
            socket.exists().then_some(())
        });
        podman.service = Some(service);
        podman
    }

    /// Loads an image.
    pub(crate) fn import(&self, image: Image) {
        self.podman(&["import", text(&image.archive()), &crate::containerd::name_of(image)]);
    }

    /// Runs its command line, which must succeed, and gives what it printed.
    pub(crate) fn podman(&self, words: &[&str]) -> String {
        self.try_podman(words).success()
    }

    fn try_podman(&self, words: &[&str]) -> Outcome {
        run(&self.words(words).iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The words that run it. It refuses hosts with v1 and v2 cgroups side by side: there it gets a mount namespace in
    /// which v2 is alone.
    fn words(&self, words: &[&str]) -> Vec<String> {
        let at = |name: &str| text(&self.folder.path().join(name)).to_owned();
        let settings = format!("CONTAINERS_CONF={}", at("containers.conf"));
        let is_v2 = mount_points().contains(&(PathBuf::from("/sys/fs/cgroup"), "cgroup2".to_owned()));
        let script = "mount -t cgroup2 none /sys/fs/cgroup && exec \"$@\"";
        let wrapper: &[&str] = if is_v2 { &[] } else { &["unshare", "--mount", "sh", "-c", script, "sh"] };
        let (root, state, temporary) = (at("root"), at("state"), at("tmp"));
        let own = ["podman", "--root", &root, "--runroot", &state, "--tmpdir", &temporary, "--storage-driver", "vfs"];
        let more = ["--cgroup-manager", "cgroupfs", "--events-backend", "file"];
        [&["env", settings.as_str()], wrapper, &own, &more, words].concat().into_iter().map(str::to_owned).collect()
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        report(&self.try_podman(&["pod", "rm", "--all", "--force", "--time", "0"]));
        report(&self.try_podman(&["rm", "--all", "--force", "--time", "0"]));
        drop(self.service.take());
        leave_no_cgroups(&self.cgroups);
    }
}
