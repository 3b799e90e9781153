//! Containers of plain runc and crun, without any engine. Lives here: bundles and their life.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::docker::{mount_points, report};
use crate::image::text;
use crate::process::{Outcome, Process, run};
use crate::wait::wait_for;

/// Docker's default capabilities: what a server in a container is used to.
const CAPABILITIES: [&str; 14] = [
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// An OCI runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runtime {
    /// runc.
    Runc,
    /// crun.
    Crun,
}

impl Runtime {
    /// Name of the command.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Runc => "runc",
            Self::Crun => "crun",
        }
    }

    /// The same runtime as ctrec names it.
    pub(crate) fn compiles_as(self) -> ctrec_enforce::Runtime {
        match self {
            Self::Runc => ctrec_enforce::Runtime::Runc,
            Self::Crun => ctrec_enforce::Runtime::Crun,
        }
    }

    /// The words that run it on this machine. crun refuses hosts with v1 and v2 cgroups side by side: there it gets a
    /// mount namespace in which v2 is alone.
    fn words(self) -> Vec<&'static str> {
        match self {
            Self::Runc => vec!["runc"],
            Self::Crun if cgroups_are_v2() => vec!["crun", "--cgroup-manager=cgroupfs"],
            Self::Crun => vec![
                "unshare",
                "--mount",
                "sh",
                "-c",
                "mount -t cgroup2 none /sys/fs/cgroup && exec \"$@\"",
                "sh",
                "crun",
                "--cgroup-manager=cgroupfs",
            ],
        }
    }
}

fn cgroups_are_v2() -> bool {
    mount_points().contains(&(PathBuf::from("/sys/fs/cgroup"), "cgroup2".to_owned()))
}

/// What a container is to be.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    /// Root file system; never written to.
    pub(crate) root: PathBuf,
    /// What it runs.
    pub(crate) command: Vec<String>,
    /// Host files and folders that it sees, read-only.
    pub(crate) mounts: Vec<(PathBuf, String)>,
    /// Whether its processes may gain no privileges.
    pub(crate) no_new_privs: bool,
    /// `linux.seccomp`; none: no filter.
    pub(crate) seccomp: Option<Value>,
}

/// A container of a runtime, from bundle to deletion. Deleted on drop.
pub(crate) struct Bundle {
    runtime: Runtime,
    id: String,
    process: Option<Process>,
    folder: TempDir,
}

impl Bundle {
    /// Makes a bundle; nothing runs yet.
    pub(crate) fn new(runtime: Runtime, spec: &Spec) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let id = format!("ctrec-test-{}-{number}", std::process::id());
        let folder = TempDir::with_prefix("ctrec-bundle-").expect("a temporary folder can be made");
        let bundle = Self { runtime, id, process: None, folder };
        bundle.run_runtime(&["spec", "--bundle", text(bundle.folder.path())]).success();
        bundle.edit(spec);
        bundle
    }

    fn edit(&self, spec: &Spec) {
        self.configure(|config| apply(spec, config));
    }

    /// Changes what the bundle says.
    pub(crate) fn configure(&self, change: impl FnOnce(&mut Value)) {
        let file = self.folder.path().join("config.json");
        let made = fs::read_to_string(&file).expect("the runtime wrote a bundle");
        let mut config: Value = serde_json::from_str(&made).expect("the runtime writes JSON");
        change(&mut config);
        fs::write(&file, config.to_string()).expect("a bundle can be written");
    }

    /// Id of the container.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Where the bundle is.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn run_words(&self) -> Vec<String> {
        let words =
            [&self.runtime.words(), ["run", "--bundle", text(self.folder.path()), &self.id].as_slice()].concat();
        words.into_iter().map(str::to_owned).collect()
    }

    /// Starts the container in the background.
    pub(crate) fn start(&mut self) {
        self.process = Some(Process::start(&words_of(&self.run_words())));
    }

    /// Runs the container to its end.
    pub(crate) fn run(&self) -> Outcome {
        run(&words_of(&self.run_words()))
    }

    /// The same, with the bundle named by a path relative to the working folder.
    pub(crate) fn run_relative(&self) -> Outcome {
        let folder = self.folder.path();
        let name = folder.file_name().map(Path::new).expect("a bundle's folder has a name");
        let words = [&self.runtime.words(), ["run", "--bundle", text(name), &self.id].as_slice()].concat();
        Process::start_in(folder.parent().expect("a bundle's folder has a parent"), &words).finish()
    }

    /// Starts the container in the background under another command, strace for one.
    pub(crate) fn start_under(&mut self, wrapper: &[&str]) {
        self.process = Some(Process::start(&[wrapper, &words_of(&self.run_words())].concat()));
    }

    /// Process id of the container's first process, once it runs.
    pub(crate) fn pid(&mut self) -> String {
        wait_for("the container to run", || {
            let process = self.process.as_mut().expect("the container was started");
            assert!(process.runs(), "the container ended: {}{}", process.stdout(), process.stderr());
            let state = self.run_runtime(&["state", &self.id]);
            let state: Value = serde_json::from_str(&state.stdout).unwrap_or_default();
            (state["status"] == "running").then(|| state["pid"].to_string())
        })
    }

    /// What the container printed so far.
    pub(crate) fn stdout(&self) -> String {
        self.process.as_ref().expect("the container was started").stdout()
    }

    /// Runs a command in the running container.
    pub(crate) fn exec(&self, command: &[&str]) -> Outcome {
        self.run_runtime(&[&["exec", &self.id], command].concat())
    }

    /// Asks the container to end and waits for it.
    pub(crate) fn stop(&mut self) -> Outcome {
        self.run_runtime(&["kill", &self.id, "TERM"]).success();
        self.process.take().expect("the container was started").finish()
    }

    fn run_runtime(&self, words: &[&str]) -> Outcome {
        run(&[&self.runtime.words(), words].concat())
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        if process.runs() {
            // Not SIGTERM: a first process without a handler does not hear it. The runtime deletes what it ran.
            report(&self.run_runtime(&["kill", &self.id, "KILL"]));
        }
    }
}

/// Turns a runtime's example into what the test asked for.
fn apply(spec: &Spec, config: &mut Value) {
    config["root"] = json!({ "path": spec.root, "readonly": true });
    let process = &mut config["process"];
    process["terminal"] = json!(false);
    process["args"] = json!(spec.command);
    process["noNewPrivileges"] = json!(spec.no_new_privs);
    process["capabilities"] = json!({ "bounding": CAPABILITIES, "effective": CAPABILITIES, "permitted": CAPABILITIES });
    let mounts = config["mounts"].as_array_mut().expect("the runtime wrote mounts");
    for folder in
        ["/run", "/tmp", "/data", "/var/log/nginx", "/var/lib/nginx"].iter().filter(|at| exists(&spec.root, at))
    {
        mounts.push(json!({ "destination": folder, "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"] }));
    }
    for (source, destination) in &spec.mounts {
        mounts.push(json!({ "destination": destination, "type": "bind", "source": source, "options": ["bind", "ro"] }));
    }
    let linux = config["linux"].as_object_mut().expect("the runtime wrote a linux section");
    // Device rules are an eBPF program on v2, for which crun asks for more locked memory than some machines grant.
    linux.remove("resources");
    linux["namespaces"].as_array_mut().expect("the runtime wrote namespaces").retain(|it| it["type"] != "network");
    match &spec.seccomp {
        Some(seccomp) => linux.insert("seccomp".to_owned(), seccomp.clone()),
        None => linux.remove("seccomp"),
    };
}

fn exists(root: &Path, at: &str) -> bool {
    root.join(at.trim_start_matches('/')).is_dir()
}

fn words_of(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}
