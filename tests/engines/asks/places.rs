//! The containers that rows run in: all rows of a place in one, one after the other.
//!
//! Lives here: how each place is made and what its programs ended with. Does not: the rows.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Row, rows};
use crate::bundle::{Bundle, Runtime, Spec};
use crate::docker::Dockerd;
use crate::full_disk::FullDisk;
use crate::image::Image;
use crate::ports;
use crate::wait::wait_for;

/// A kind of container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Docker's default capabilities.
    Default,
    /// The same, with a port and a ping and nothing else.
    Quiet,
    /// The host's network.
    Host,
    /// `CAP_SYS_ADMIN` besides.
    SysAdmin,
    /// Narrow capabilities besides.
    Narrow,
    /// Narrow capabilities that Docker 20.10 does not know, by runc.
    Newer,
    /// `CAP_NET_ADMIN` in place of `CAP_NET_RAW`.
    NetAdmin,
    /// Nothing but what changes user and group.
    Dropped,
    /// Nothing.
    Bare,
    /// A user other than root, and a set-user-id program.
    User,
    /// A user other than root, and nothing else.
    UserAlone,
    /// A user namespace of the container's own, by runc.
    InUserNamespace,
}

/// Makes what the rows find, runs them, prints how each ended, and stays. Arguments: whether to make something, a free port,
/// the rows.
const SCRIPT: &str = "\
if [ \"$1\" = prepared ]; then /rows/prepare && other=$(/rows/other) || exit 1; fi
port=$2; shift 2
for row; do /rows/$row \"$other\" \"$port\"; echo \"$row $?\"; done
echo done; sleep 100000";

/// The row that wants a file system of its own, at `/full`.
const FILLS_A_DISK: &str = "fill_disk";

/// What [`SCRIPT`] prints last.
const DONE: &str = "done\n";

/// A container whose rows have been run. It stays until this is dropped or its engine is: a recorder that is behind
/// finds its programs.
pub(crate) struct Ran {
    /// Its name in a recording.
    pub(crate) name: String,
    /// Each row's exit code.
    pub(crate) endings: BTreeMap<String, i32>,
    // The container goes before its root does.
    _bundle: Option<(Bundle, TempDir)>,
    _disk: Option<FullDisk>,
}

impl Place {
    /// All of them.
    pub(crate) const ALL: [Self; 12] = [
        Self::Default,
        Self::Quiet,
        Self::Host,
        Self::SysAdmin,
        Self::Narrow,
        Self::Newer,
        Self::NetAdmin,
        Self::Dropped,
        Self::Bare,
        Self::User,
        Self::UserAlone,
        Self::InUserNamespace,
    ];

    /// Options of `docker run`; none for what runc makes. No filter may stand before the checks.
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Default | Self::Quiet => &["--network=none"],
            Self::Host => &["--network=host"],
            Self::SysAdmin => &["--network=none", "--cap-add=SYS_ADMIN"],
            Self::Narrow => &[
                "--network=none",
                "--cap-add=SYSLOG",
                "--cap-add=SYS_NICE",
                "--cap-add=SYS_PTRACE",
                "--cap-add=IPC_LOCK",
                "--cap-add=NET_ADMIN",
                "--cap-add=DAC_READ_SEARCH",
            ],
            Self::NetAdmin => &["--network=none", "--cap-drop=NET_RAW", "--cap-add=NET_ADMIN"],
            Self::Dropped => &["--network=none", "--cap-drop=ALL", "--cap-add=SETUID", "--cap-add=SETGID"],
            Self::Bare => &["--network=none", "--cap-drop=ALL"],
            Self::User | Self::UserAlone => &["--network=none", "--user=1000", "--cap-add=SYS_CHROOT"],
            Self::Newer | Self::InUserNamespace => &[],
        }
    }

    /// Whether its rows find files of others and a process of somebody else, which only some capabilities make.
    fn is_prepared(self) -> bool {
        !matches!(self, Self::Bare | Self::User | Self::UserAlone | Self::InUserNamespace)
    }

    /// The rows that are run in it on this machine.
    pub(crate) fn rows(self) -> impl Iterator<Item = &'static Row> {
        rows().filter(move |row| row.place == self && row.condition.is_none_or(super::Condition::is_met))
    }

    fn command(self) -> Vec<String> {
        let rows = self.rows().filter(|row| row.ends.is_some()).map(|row| row.name.to_owned());
        let prepared = if self.is_prepared() { "prepared" } else { "as it is" };
        let port = ports::free_low(80).to_string();
        ["sh", "-c", SCRIPT, "sh", prepared, &port].map(str::to_owned).into_iter().chain(rows).collect()
    }

    /// Runs the rows.
    pub(crate) fn run(self, dockerd: &Dockerd) -> Ran {
        match self {
            Self::Newer => self.run_by_runc(|config| {
                for set in ["bounding", "effective", "permitted"] {
                    let added = ["CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE"].map(Value::from);
                    let all = config["process"]["capabilities"][set].as_array_mut();
                    all.expect("the bundle has capabilities").extend(added);
                }
            }),
            Self::InUserNamespace => self.run_by_runc(|config| {
                let linux = &mut config["linux"];
                // Whoever mounts sysfs must own the network that it shows.
                let own = ["user", "network"].map(|kind| json!({ "type": kind }));
                linux["namespaces"].as_array_mut().expect("the bundle has namespaces").extend(own);
                for map in ["uidMappings", "gidMappings"] {
                    linux[map] = json!([{ "containerID": 0, "hostID": 0, "size": 65536 }]);
                }
            }),
            _ => self.run_by_docker(dockerd),
        }
    }

    fn run_by_docker(self, dockerd: &Dockerd) -> Ran {
        let name = format!("asks-{self:?}").to_lowercase();
        let command = self.command();
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let fixed = ["run", "--detach", "--name", &name, "--security-opt", "seccomp=unconfined"];
        let disk = self.rows().any(|row| row.name == FILLS_A_DISK).then(FullDisk::mount);
        let volume = disk.as_ref().map(|disk| disk.volume(Path::new("/full")));
        let volume: Vec<&str> = volume.iter().map(String::as_str).collect();
        dockerd.docker(&[&fixed, self.options(), &volume, &[Image::Asks.name()], &command].concat());
        let printed = wait_for("the rows", || {
            let printed = dockerd.docker(&["logs", &name]);
            printed.ends_with(DONE).then_some(printed)
        });
        Ran { name, endings: endings(&printed), _bundle: None, _disk: disk }
    }

    fn run_by_runc(self, change: impl FnOnce(&mut Value)) -> Ran {
        let root = Image::Asks.unpack();
        let spec = Spec { no_new_privs: false, ..Spec::of(root.path(), self.command()) };
        let mut bundle = Bundle::new(Runtime::Runc, &spec);
        bundle.configure(change);
        bundle.start();
        bundle.pid();
        let printed = wait_for("the rows", || {
            let printed = bundle.stdout();
            printed.ends_with(DONE).then_some(printed)
        });
        Ran { name: bundle.id().to_owned(), endings: endings(&printed), _bundle: Some((bundle, root)), _disk: None }
    }
}

/// How each row ended.
fn endings(printed: &str) -> BTreeMap<String, i32> {
    let ending = |line: &str| {
        let read = line.split_once(' ').and_then(|(row, code)| Some((row.to_owned(), code.parse().ok()?)));
        read.unwrap_or_else(|| panic!("a place printed {line:?}"))
    };
    printed.trim_end_matches(DONE).lines().map(ending).collect()
}
