//! The servers under test and the same fixed load for each, every reply checked. Lives here: how they are started, and
//! what is asked of them. Does not: their configuration (see `files`), or how a container is made.
//!
//! Each starts as root and leaves that for a user of its own, as they do in the images that people run.

mod files;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::bundle::Spec;
use crate::docker::Dockerd;
use crate::image::{Image, text};
use crate::load::{answers, http, postgres, redis};
use crate::ports;
use crate::wait::{wait_at_most, wait_for};

/// Where a container sees the server's files.
const FILES: &str = "/srv";

/// By when a server that has heard a signal serves by its new configuration.
const HEARD: Duration = Duration::from_secs(10);

/// A server from Debian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// nginx: a master and one worker.
    Nginx,
    /// Redis.
    Redis,
    /// Postgres.
    Postgres,
    /// `HAProxy`: a master and one worker, which leaves the file system too.
    Haproxy,
    /// Python's gunicorn: a master and two workers, which keep no connection.
    Gunicorn,
    /// Node, which drops its privileges by itself.
    Node,
}

/// How a container of a server differs from the usual one, in which it starts as root and may write to its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Not at all.
    Usual,
    /// Its root file system is read-only.
    ReadOnly,
    /// It is its own user from the start: `--user`.
    User,
}

/// What becomes of a server and its load where it lacks something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It says so, and does not answer.
    Says(&'static str),
    /// It serves, and does not end when it is asked to.
    DoesNotStop,
}

impl Server {
    /// All of them.
    pub(crate) const ALL: [Self; 6] =
        [Self::Nginx, Self::Redis, Self::Postgres, Self::Haproxy, Self::Gunicorn, Self::Node];

    /// Those of [`Image::Servers`], which are run wherever a container can be.
    pub(crate) const EVERYWHERE: [Self; 2] = [Self::Nginx, Self::Redis];

    /// The image that has it.
    pub(crate) fn image(self) -> Image {
        match self {
            Self::Nginx | Self::Redis => Image::Servers,
            Self::Postgres | Self::Haproxy => Image::Backends,
            Self::Gunicorn | Self::Node => Image::Scripts,
        }
    }

    /// Whom it becomes, or is from the start.
    fn user(self) -> &'static str {
        match self {
            Self::Nginx | Self::Gunicorn | Self::Node => "www-data",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
            Self::Haproxy => "haproxy",
        }
    }

    /// The folders that it writes to.
    fn written(self) -> &'static [&'static str] {
        match self {
            Self::Nginx => &["/run", "/tmp", "/var/lib/nginx", "/var/log/nginx"],
            _ => &["/run", "/tmp"],
        }
    }

    /// What becomes of it without a capability that it needs; `None`: it needs no such.
    pub(crate) fn failure_without(self, capability: &str) -> Option<Failure> {
        let says = match (self, capability) {
            (Self::Nginx, "CHOWN") => "chown(\"/var/lib/nginx/body\"",
            (Self::Nginx, "DAC_OVERRIDE") => "open() \"/var/log/nginx/access.log\" failed",
            (Self::Nginx | Self::Haproxy | Self::Node, "NET_BIND_SERVICE") => "ermission denied",
            (Self::Nginx, "SETGID") => "setgid(",
            (Self::Nginx, "SETUID") => "setuid(",
            (Self::Gunicorn, "CHOWN") => "os.chown(path, uid, gid)",
            (Self::Gunicorn, "SETGID" | "SETUID") => "Worker failed to boot",
            (Self::Node, "SETGID") => "syscall: 'setgroups'",
            (Self::Node, "SETUID") => "syscall: 'setuid'",
            (Self::Redis | Self::Postgres, "CHOWN") => "chown: changing ownership",
            (Self::Redis | Self::Postgres, "SETGID") => "setpriv: setresgid failed",
            (Self::Redis | Self::Postgres, "SETUID") => "setpriv: setresuid failed",
            (Self::Haproxy, "SETGID") => "Cannot set gid",
            (Self::Haproxy, "SETUID") => "Cannot set uid",
            (Self::Haproxy, "SYS_CHROOT") => "Cannot chroot",
            (Self::Haproxy | Self::Gunicorn, "KILL") => return Some(Failure::DoesNotStop),
            _ => return None,
        };
        Some(Failure::Says(says))
    }
}

/// A server with its files, on a port of its own on the host's loopback.
pub(crate) struct Site {
    server: Server,
    mode: Mode,
    port: u16,
    folder: TempDir,
    // How often it was told to read its files again.
    generation: Cell<u32>,
}

impl Site {
    /// Picks a free port and writes the server's files.
    pub(crate) fn new(server: Server) -> Self {
        Self::in_mode(server, Mode::Usual)
    }

    /// The same for a container that is not the usual one. Who is not root binds no low port.
    pub(crate) fn in_mode(server: Server, mode: Mode) -> Self {
        let folder = TempDir::with_prefix("ctrec-site-").expect("a temporary folder can be made");
        let port = match server {
            _ if mode == Mode::User => ports::free(),
            Server::Nginx => ports::free_low(80),
            Server::Haproxy => ports::free_low(81),
            Server::Node => ports::free_low(82),
            Server::Redis | Server::Postgres | Server::Gunicorn => ports::free(),
        };
        files::write(server, mode, port, folder.path());
        Self { server, mode, port, folder, generation: Cell::new(0) }
    }

    /// The server.
    pub(crate) fn server(&self) -> Server {
        self.server
    }

    /// Name of the container.
    pub(crate) fn name(&self) -> &'static str {
        match self.server {
            Server::Nginx => "nginx",
            Server::Redis => "redis",
            Server::Postgres => "postgres",
            Server::Haproxy => "haproxy",
            Server::Gunicorn => "gunicorn",
            Server::Node => "node",
        }
    }

    /// What the container runs.
    pub(crate) fn command(&self) -> Vec<String> {
        let words = match self.server {
            Server::Nginx => format!("nginx -c {FILES}/nginx.conf"),
            Server::Haproxy => format!("haproxy -W -db -f {FILES}/haproxy.cfg"),
            Server::Redis | Server::Postgres | Server::Gunicorn => format!("{FILES}/start"),
            Server::Node => format!("node {FILES}/server.js"),
        };
        words.split(' ').map(str::to_owned).collect()
    }

    /// Name of the file that is executed first.
    pub(crate) fn program(&self) -> &'static str {
        match self.server {
            Server::Redis | Server::Postgres | Server::Gunicorn => "start",
            Server::Nginx | Server::Haproxy | Server::Node => self.name(),
        }
    }

    /// Runs the server in a container of Docker, in the background, under the server's name.
    pub(crate) fn run_in(&self, dockerd: &Dockerd, options: &[&str]) {
        let files = format!("{}:{FILES}:ro", text(self.folder.path()));
        let fixed = ["run", "--detach", "--name", self.name(), "--network", "host", "--volume", &files];
        let (mode, command) = (self.mode_options(), self.command());
        let [mode, command] = [&mode, &command].map(|words| words.iter().map(String::as_str).collect::<Vec<_>>());
        dockerd.docker(&[&fixed, mode.as_slice(), options, &[self.server.image().name()], &command].concat());
    }

    fn mode_options(&self) -> Vec<String> {
        let first = match self.mode {
            Mode::Usual => return Vec::new(),
            Mode::ReadOnly => "--read-only".to_owned(),
            Mode::User => format!("--user={}", self.server.user()),
        };
        let written = self.server.written().iter().map(|folder| format!("--tmpfs={folder}:mode=1777"));
        std::iter::once(first).chain(written).collect()
    }

    /// What a plain runtime is to run: the server on a root file system of [`Image::Servers`].
    pub(crate) fn spec(&self, root: &Path, no_new_privs: bool, seccomp: Option<Value>) -> Spec {
        Spec {
            root: root.to_owned(),
            command: self.command(),
            mounts: vec![(self.folder.path().to_owned(), FILES.to_owned())],
            user: if self.mode == Mode::User { user_of(root, self.server.user()) } else { (0, 0) },
            no_new_privs,
            seccomp,
        }
    }

    /// Waits until the server answers, then asks everything once more: always the same, every reply checked.
    pub(crate) fn drive(&self) {
        match self.server {
            Server::Nginx => http::drive(self.port),
            Server::Haproxy => http::drive_fixed(self.port),
            Server::Redis => redis::drive(self.port),
            Server::Postgres => postgres::drive(self.port),
            Server::Gunicorn => http::drive_application(self.port, false),
            Server::Node => http::drive_application(self.port, true),
        }
    }

    /// Changes the server's configuration and tells it to read that, by a signal that `send` sends; waits until it serves
    /// by it alone. `first` is the container's first process. Redis reads its configuration once.
    pub(crate) fn reload(&self, first: &str, send: impl Fn(&str)) {
        let generation = self.generation.get() + 1;
        self.generation.set(generation);
        let signal = match self.server {
            Server::Nginx | Server::Postgres | Server::Gunicorn | Server::Node => "HUP",
            Server::Haproxy => "USR2",
            Server::Redis => return,
        };
        if self.server == Server::Postgres {
            postgres::set_generation(self.port, generation);
        } else {
            files::write_generation(self.server, self.mode, self.port, self.folder.path(), generation);
        }
        let before = children(first);
        let served = || match self.server {
            Server::Postgres => postgres::generation(self.port),
            _ => http::text(self.port, "/generation").and_then(|text| text.trim().parse().ok()),
        };
        wait_for("the server to read its configuration again", || {
            // A first process hears no signal that it has no handler for yet, and a server may answer before that.
            send(signal);
            wait_at_most(HEARD, || (served() == Some(generation)).then_some(()))
        });
        if matches!(self.server, Server::Nginx | Server::Haproxy | Server::Gunicorn) {
            // An old worker may have accepted a connection that it closes without an answer.
            wait_for("the old workers to end", || {
                let now = children(first);
                (now.len() == before.len() && now.is_disjoint(&before)).then_some(())
            });
        }
    }

    /// The same in a container of Docker.
    pub(crate) fn reload_in(&self, dockerd: &Dockerd) {
        self.reload(&dockerd.pid(self.name()), |signal| {
            dockerd.docker(&["kill", "--signal", signal, self.name()]);
        });
    }

    /// Asks it to end, waits for that, and starts it again.
    pub(crate) fn restart(&self, dockerd: &Dockerd) {
        dockerd.docker(&["restart", "--time", "5", self.name()]);
    }

    /// Asks it to end, and gives its exit code.
    pub(crate) fn stop(&self, dockerd: &Dockerd) -> i32 {
        dockerd.docker(&["stop", "--time", "5", self.name()]);
        let code = dockerd.docker(&["inspect", "--format", "{{.State.ExitCode}}", self.name()]);
        code.trim().parse().expect("an exit code is a number")
    }

    /// Whether it answers at all.
    pub(crate) fn answers(&self) -> bool {
        answers(
            self.port,
            match self.server {
                Server::Nginx | Server::Haproxy | Server::Gunicorn | Server::Node => b"GET / HTTP/1.0\r\n\r\n",
                Server::Redis => b"PING\r\n",
                // Asks for TLS: the answer is one byte.
                Server::Postgres => &[0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f],
            },
        )
    }
}

/// Processes that a process has started, as it is now.
fn children(pid: &str) -> BTreeSet<String> {
    let children = fs::read_to_string(Path::new("/proc").join(pid).join("task").join(pid).join("children"));
    children.expect("the process runs").split_whitespace().map(str::to_owned).collect()
}

/// Number of a user of an image, and of the user's group.
fn user_of(root: &Path, name: &str) -> (u32, u32) {
    let users = fs::read_to_string(root.join("etc/passwd")).expect("the image has users");
    let of_line = |line: &str| {
        let mut fields = line.split(':');
        let is_it = fields.next()? == name;
        let numbers = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        is_it.then_some(numbers)
    };
    users.lines().find_map(of_line).expect("the image has the server's user")
}
