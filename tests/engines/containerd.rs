//! A containerd of the test's own. Lives here: starting it, its images and containers, and leaving nothing behind. Does
//! not: kubernetes' interface to it (see `cri`).

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;

use crate::docker::{leave_no_cgroups, mounts_below, new_cgroups, report};
use crate::image::{Image, text};
use crate::process::{Outcome, Process, run};
use crate::wait::wait_for;

/// Namespaces that the tests' containers are in.
const NAMESPACES: [&str; 2] = ["default", "k8s.io"];

/// A containerd with its own state and socket, beside any engine that the machine runs. Stopped on drop.
pub(crate) struct Containerd {
    process: Option<Process>,
    // The parents of its containers' cgroups that were not there before.
    cgroups: Vec<PathBuf>,
    folder: TempDir,
}

impl Containerd {
    /// Starts it and waits until it answers. Pods get their namespaces held by a container of [`Image::Tiny`].
    pub(crate) fn start() -> Self {
        let folder = TempDir::with_prefix("ctrec-containerd-").expect("a temporary folder can be made");
        let at = |name: &str| text(&folder.path().join(name)).to_owned();
        let config = format!(
            "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\nsandbox_image = {:?}\ndisable_apparmor = true\n\
             restrict_oom_score_adj = true\n",
            name_of(Image::Tiny)
        );
        fs::write(at("config.toml"), config).expect("a configuration can be written");
        let cgroups = new_cgroups(&["default", "k8s.io"]);
        let words = ["containerd", "--config", &at("config.toml"), "--root", &at("root")];
        let more = ["--state", &at("state"), "--address", &at("containerd.sock")];
        let process = Process::start(&[words.as_slice(), &more].concat());
        let mut containerd = Self { process: Some(process), cgroups, folder };
        wait_for("containerd to answer", || {
            let process = containerd.process.as_mut().expect("containerd was started");
            assert!(process.runs(), "containerd ended: {}", process.stderr());
            (containerd.try_ctr(&["version"]).code == 0).then_some(())
        });
        containerd
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("containerd.sock")
    }

    /// Loads an image in every namespace.
    pub(crate) fn import(&self, image: Image) {
        let archive = self.folder.path().join("image.tar");
        pack(image, &archive);
        for namespace in NAMESPACES {
            self.ctr(&["--namespace", namespace, "images", "import", text(&archive)]);
        }
    }

    /// Runs its command line, which must succeed, and gives what it printed.
    pub(crate) fn ctr(&self, words: &[&str]) -> String {
        self.try_ctr(words).success()
    }

    fn try_ctr(&self, words: &[&str]) -> Outcome {
        run(&[&["ctr", "--address", text(&self.socket())], words].concat())
    }
}

/// What an image is called.
pub(crate) fn name_of(image: Image) -> String {
    format!("localhost/{}:1", image.name())
}

/// Writes an image as `docker save` does, which containerd reads.
fn pack(image: Image, archive: &Path) {
    let folder = TempDir::with_prefix("ctrec-image-").expect("a temporary folder can be made");
    let layer = folder.path().join("layer.tar");
    fs::copy(image.archive(), &layer).expect("an image can be copied");
    let sum = run(&["sha256sum", text(&layer)]).success();
    let sum = sum.split(' ').next().expect("a sum is printed");
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let config = json!({
        "architecture": architecture, "os": "linux", "config": { "Cmd": ["/programs/blocked", "pause"] },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{sum}")] }
    });
    let manifest = json!([{ "Config": "config.json", "RepoTags": [name_of(image)], "Layers": ["layer.tar"] }]);
    for (name, content) in [("config.json", config), ("manifest.json", manifest)] {
        fs::write(folder.path().join(name), content.to_string()).expect("an image can be described");
    }
    let files = ["manifest.json", "config.json", "layer.tar"];
    run(&[&["tar", "-C", text(folder.path()), "-cf", text(archive)], files.as_slice()].concat()).success();
}

impl Drop for Containerd {
    fn drop(&mut self) {
        for namespace in NAMESPACES {
            let ctr = |words: &[&str]| self.try_ctr(&[&["--namespace", namespace], words].concat());
            for task in ctr(&["tasks", "list", "--quiet"]).stdout.split_whitespace() {
                report(&ctr(&["tasks", "remove", "--force", task]));
            }
            for container in ctr(&["containers", "list", "--quiet"]).stdout.split_whitespace() {
                report(&ctr(&["containers", "remove", container]));
            }
        }
        drop(self.process.take());
        for mount in mounts_below(self.folder.path()) {
            report(&run(&["umount", "--lazy", &mount]));
        }
        leave_no_cgroups(&self.cgroups);
    }
}
