//! The servers under test and the same fixed load for each, every reply checked. Lives here: their configuration, how
//! they are started, and what is asked of them. Does not: how a container is made.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::bundle::Spec;
use crate::docker::Dockerd;
use crate::image::{Image, text};
use crate::load::{http, redis};
use crate::process::run;

/// Where a container sees the server's files.
const FILES: &str = "/srv";

/// A server from Debian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// nginx: a master and one worker.
    Nginx,
    /// Redis.
    Redis,
}

impl Server {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Nginx, Self::Redis];
}

/// A server with its files, on a port of its own on the host's loopback.
pub(crate) struct Site {
    server: Server,
    port: u16,
    folder: TempDir,
}

impl Site {
    /// Picks a free port and writes the server's files.
    pub(crate) fn new(server: Server) -> Self {
        let folder = TempDir::with_prefix("ctrec-site-").expect("a temporary folder can be made");
        let site = Self { server, port: free_port(), folder };
        if server == Server::Nginx {
            site.write_nginx_files();
        }
        site
    }

    fn write_nginx_files(&self) {
        let at = |name: &str| self.folder.path().join(name);
        fs::write(at("nginx.conf"), nginx_configuration(self.port)).expect("a file can be written");
        fs::create_dir(at("www")).expect("a folder can be made");
        fs::write(at("www/index.html"), http::INDEX).expect("a file can be written");
        fs::write(at("www/big.bin"), vec![b'x'; http::BIG]).expect("a file can be written");
        // nginx's worker is not root and must be able to reach them.
        run(&["chmod", "-R", "a+rX", text(self.folder.path())]).success();
    }

    /// Name of the container.
    pub(crate) fn name(&self) -> &'static str {
        match self.server {
            Server::Nginx => "nginx",
            Server::Redis => "redis",
        }
    }

    /// What the container runs.
    pub(crate) fn command(&self) -> Vec<String> {
        let words = match self.server {
            Server::Nginx => format!("nginx -c {FILES}/nginx.conf"),
            Server::Redis => format!("redis-server --bind 127.0.0.1 --port {} --dir /tmp --save ", self.port),
        };
        // The last word of redis's is empty: no snapshots by the clock, only when asked.
        words.split(' ').map(str::to_owned).collect()
    }

    /// Runs the server in a container of Docker, in the background, under the server's name.
    pub(crate) fn run_in(&self, dockerd: &Dockerd, options: &[&str]) {
        let files = format!("{}:{FILES}:ro", text(self.folder.path()));
        let fixed = ["run", "--detach", "--name", self.name(), "--network", "host", "--volume", &files];
        let command = self.command();
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        dockerd.docker(&[&fixed, options, &[Image::Servers.name()], command.as_slice()].concat());
    }

    /// What a plain runtime is to run: the server on a root file system of [`Image::Servers`].
    pub(crate) fn spec(&self, root: &Path, no_new_privs: bool, seccomp: Option<Value>) -> Spec {
        Spec {
            root: root.to_owned(),
            command: self.command(),
            mounts: vec![(self.folder.path().to_owned(), FILES.to_owned())],
            no_new_privs,
            seccomp,
        }
    }

    /// Waits until the server answers, then asks everything once more: always the same, every reply checked.
    pub(crate) fn drive(&self) {
        match self.server {
            Server::Nginx => http::drive(self.port),
            Server::Redis => redis::drive(self.port),
        }
    }
}

fn nginx_configuration(port: u16) -> String {
    format!(
        "daemon off;
worker_processes 1;
pid /run/nginx.pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log /tmp/access.log;
    sendfile on;
    server {{
        listen 127.0.0.1:{port};
        root {FILES}/www;
    }}
}}
"
    )
}

/// A port that nobody listens on. Another process could take it before the server does; then the server fails to
/// start, and says so.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port can be bound");
    listener.local_addr().expect("a bound port has a number").port()
}
