//! Configuration and starters of the servers. Lives here: their text.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{FILES, Server};
use crate::image::text;
use crate::load::http;
use crate::process::run;

/// Writes what a server reads.
pub(super) fn write(server: Server, port: u16, folder: &Path) {
    let at = |name: &str| folder.join(name);
    match server {
        Server::Nginx => {
            fs::create_dir(at("www")).expect("a folder can be made");
            fs::write(at("www/index.html"), http::INDEX).expect("a file can be written");
            fs::write(at("www/big.bin"), vec![b'x'; http::BIG]).expect("a file can be written");
        }
        Server::Haproxy => {}
        Server::Redis | Server::Postgres => {
            let starter = if server == Server::Redis { start_redis(port) } else { start_postgres(port) };
            fs::write(at("start"), starter).expect("a file can be written");
            fs::set_permissions(at("start"), Permissions::from_mode(0o755)).expect("a mode can be changed");
        }
    }
    write_generation(server, port, folder, 0);
    // The servers are not root when they read them.
    run(&["chmod", "-R", "a+rX", text(folder)]).success();
}

/// Writes the configuration that says how often it was written.
pub(super) fn write_generation(server: Server, port: u16, folder: &Path, generation: u32) {
    let (name, configuration) = match server {
        Server::Nginx => ("nginx.conf", nginx(port, generation)),
        Server::Haproxy => ("haproxy.cfg", haproxy(port, generation)),
        Server::Redis | Server::Postgres => return,
    };
    fs::write(folder.join(name), configuration).expect("a file can be written");
}

/// Logs where Debian has them, in files that belong to nginx's user and not to root.
fn nginx(port: u16, generation: u32) -> String {
    format!(
        "daemon off;
worker_processes 1;
pid /run/nginx.pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log /var/log/nginx/access.log;
    sendfile on;
    server {{
        listen 127.0.0.1:{port};
        root {FILES}/www;
        location = /generation {{ return 200 \"{generation}\"; }}
    }}
}}
"
    )
}

fn haproxy(port: u16, generation: u32) -> String {
    let index = http::INDEX.trim_end().replace(' ', "\\ ");
    format!(
        "global
    user haproxy
    group haproxy
    chroot /var/lib/haproxy
    maxconn 64
defaults
    mode http
    timeout connect 60s
    timeout client 60s
    timeout server 60s
frontend web
    bind 127.0.0.1:{port}
    http-request return status 200 content-type text/plain string {generation} if {{ path /generation }}
    http-request return status 200 content-type text/plain string {index}\\n
"
    )
}

/// As Redis's own image starts it. The last word is empty: no snapshots by the clock, only when asked.
fn start_redis(port: u16) -> String {
    format!(
        "#!/bin/sh
set -e
mkdir /tmp/redis
chown redis: /tmp/redis
exec setpriv --reuid=redis --regid=redis --init-groups \\
    redis-server --bind 127.0.0.1 --port {port} --dir /tmp/redis --save ''
"
    )
}

/// As Postgres's own image starts it.
fn start_postgres(port: u16) -> String {
    format!(
        "#!/bin/sh
set -e
mkdir /tmp/postgres
chown postgres: /tmp/postgres
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
export PATH
exec setpriv --reuid=postgres --regid=postgres --init-groups sh -c '
    initdb --no-sync --pgdata /tmp/postgres/data >/dev/null
    exec postgres -D /tmp/postgres/data -h 127.0.0.1 -p {port} -k /tmp/postgres'
"
    )
}
