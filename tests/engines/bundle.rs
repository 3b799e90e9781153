//! Containers of plain runc and crun, without any engine. Lives here: bundles and their life.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::docker::{V2_ALONE, mount_points, report};
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

    /// Whether it runs on this machine as it is: crun refuses hosts with v1 and v2 cgroups side by side.
    fn runs_here(self) -> bool {
        self == Self::Runc || mount_points().contains(&(PathBuf::from("/sys/fs/cgroup"), "cgroup2".to_owned()))
    }

    /// The words that run it.
    fn words(self, on_v2: bool) -> Vec<&'static str> {
        let words: &[&str] = match self {
            Self::Runc => &["runc"],
            Self::Crun => &["crun", "--cgroup-manager=cgroupfs"],
        };
        if on_v2 { [&V2_ALONE, words].concat() } else { words.to_vec() }
    }
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
    /// User and group that it runs as.
    pub(crate) user: (u32, u32),
    /// Whether its processes may gain no privileges.
    pub(crate) no_new_privs: bool,
    /// `linux.seccomp`; none: no filter.
    pub(crate) seccomp: Option<Value>,
}

impl Spec {
    /// A command on a root file system, as root, without a filter, and unable to gain privileges.
    pub(crate) fn of<W: Into<String>>(root: &Path, command: impl IntoIterator<Item = W>) -> Self {
        Self {
            root: root.to_owned(),
            command: command.into_iter().map(W::into).collect(),
            mounts: Vec::new(),
            user: (0, 0),
            no_new_privs: true,
            seccomp: None,
        }
    }
}

/// A container of a runtime, from bundle to deletion. Deleted on drop.
pub(crate) struct Bundle {
    runtime: Runtime,
    on_v2: bool,
    id: String,
    process: Option<Process>,
    folder: TempDir,
}

impl Bundle {
    /// Makes a bundle; nothing runs yet.
    pub(crate) fn new(runtime: Runtime, spec: &Spec) -> Self {
        Self::make(runtime, !runtime.runs_here(), spec)
    }

    /// The same for a host with v2 cgroups alone.
    pub(crate) fn new_on_v2(runtime: Runtime, spec: &Spec) -> Self {
        Self::make(runtime, true, spec)
    }

    fn make(runtime: Runtime, on_v2: bool, spec: &Spec) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let id = format!("ctrec-test-{}-{number}", std::process::id());
        let folder = TempDir::with_prefix("ctrec-bundle-").expect("a temporary folder can be made");
        let bundle = Self { runtime, on_v2, id, process: None, folder };
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

    /// Gives the container another id.
    pub(crate) fn rename(&mut self, id: &str) {
        id.clone_into(&mut self.id);
    }

    /// Runs another container of the bundle to its end.
    pub(crate) fn run_as(&self, id: &str) -> Outcome {
        self.start_as(id).finish()
    }

    /// Starts another container of the bundle.
    pub(crate) fn start_as(&self, id: &str) -> Process {
        Process::start(&words_of(&self.run_words(id)))
    }

    /// Kills another container of the bundle.
    pub(crate) fn kill(&self, id: &str) {
        self.run_runtime(&["kill", id, "KILL"]).success();
    }

    fn run_words(&self, id: &str) -> Vec<String> {
        let words =
            [&self.runtime.words(self.on_v2), ["run", "--bundle", text(self.folder.path()), id].as_slice()].concat();
        words.into_iter().map(str::to_owned).collect()
    }

    /// Starts the container in the background.
    pub(crate) fn start(&mut self) {
        self.process = Some(Process::start(&words_of(&self.run_words(&self.id))));
    }

    /// Runs the container to its end.
    pub(crate) fn run(&self) -> Outcome {
        run(&words_of(&self.run_words(&self.id)))
    }

    /// The same, with the bundle named by a path relative to the working folder.
    pub(crate) fn run_relative(&self) -> Outcome {
        let folder = self.folder.path();
        let name = folder.file_name().map(Path::new).expect("a bundle's folder has a name");
        let words = [&self.runtime.words(self.on_v2), ["run", "--bundle", text(name), &self.id].as_slice()].concat();
        Process::start_in(folder.parent().expect("a bundle's folder has a parent"), &words).finish()
    }

    /// Starts the container in the background under another command, strace for one.
    pub(crate) fn start_under(&mut self, wrapper: &[&str]) {
        self.process = Some(Process::start(&[wrapper, &words_of(&self.run_words(&self.id))].concat()));
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

    /// Sends the container's first process a signal.
    pub(crate) fn signal(&self, signal: &str) {
        self.run_runtime(&["kill", &self.id, signal]).success();
    }

    /// Asks the container to end and waits for it.
    pub(crate) fn stop(&mut self) -> Outcome {
        self.signal("TERM");
        self.process.take().expect("the container was started").finish()
    }

    fn run_runtime(&self, words: &[&str]) -> Outcome {
        run(&[&self.runtime.words(self.on_v2), words].concat())
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
    process["user"] = json!({ "uid": spec.user.0, "gid": spec.user.1 });
    process["noNewPrivileges"] = json!(spec.no_new_privs);
    process["capabilities"] = capability_sets(&CAPABILITIES, spec.user.0);
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

/// The sets of a process with a capability list, as engines make them: who is not root has them in the bounding set
/// alone.
pub(crate) fn capability_sets(list: &[&str], user: u32) -> Value {
    let held: &[&str] = if user == 0 { list } else { &[] };
    json!({ "bounding": list, "effective": held, "permitted": held })
}

fn exists(root: &Path, at: &str) -> bool {
    root.join(at.trim_start_matches('/')).is_dir()
}

fn words_of(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}
