//! Configuration and starters of the servers. Lives here: their text.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{FILES, Mode, Server};
use crate::image::text;
use crate::load::http;
use crate::process::run;

/// Writes what a server reads.
pub(super) fn write(server: Server, mode: Mode, port: u16, folder: &Path) {
    let at = |name: &str| folder.join(name);
    match server {
        Server::Nginx => {
            fs::create_dir(at("www")).expect("a folder can be made");
            fs::write(at("www/index.html"), http::INDEX).expect("a file can be written");
            fs::write(at("www/big.bin"), vec![b'x'; http::BIG]).expect("a file can be written");
        }
        Server::Haproxy => {}
        Server::Redis => write_starter(folder, &start_redis(port)),
        Server::Postgres => write_starter(folder, &start_postgres(port)),
        Server::Gunicorn => {
            write_starter(folder, &start_gunicorn(port));
            fs::write(at("application.py"), APPLICATION).expect("a file can be written");
        }
        Server::Node => fs::write(at("server.js"), node(port)).expect("a file can be written"),
    }
    write_generation(server, mode, port, folder, 0);
    // The servers are not root when they read them.
    run(&["chmod", "-R", "a+rX", text(folder)]).success();
}

fn write_starter(folder: &Path, script: &str) {
    let file = folder.join("start");
    fs::write(&file, script).expect("a file can be written");
    fs::set_permissions(&file, Permissions::from_mode(0o755)).expect("a mode can be changed");
}

/// Writes the configuration that says how often it was written.
pub(super) fn write_generation(server: Server, mode: Mode, port: u16, folder: &Path, generation: u32) {
    let (name, configuration) = match server {
        Server::Nginx => ("nginx.conf", nginx(mode, port, generation)),
        Server::Haproxy => ("haproxy.cfg", haproxy(port, generation)),
        Server::Gunicorn | Server::Node => ("generation", generation.to_string()),
        Server::Redis | Server::Postgres => return,
    };
    fs::write(folder.join(name), configuration).expect("a file can be written");
}

/// Logs where Debian has them, in files that belong to nginx's user and not to root. Who is not root writes to /tmp alone.
fn nginx(mode: Mode, port: u16, generation: u32) -> String {
    let (run, log, temporary) = match mode {
        Mode::Usual | Mode::ReadOnly => ("/run", "/var/log/nginx", String::new()),
        Mode::User => {
            let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
            ("/tmp", "/tmp", kinds.map(|kind| format!("    {kind}_temp_path /tmp/{kind};\n")).concat())
        }
    };
    format!(
        "daemon off;
worker_processes 1;
pid {run}/nginx.pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
{temporary}    access_log {log}/access.log;
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
mkdir -p /tmp/redis
if [ \"$(id -u)\" = 0 ]; then
    chown redis: /tmp/redis
    exec setpriv --reuid=redis --regid=redis --init-groups \"$0\"
fi
exec redis-server --bind 127.0.0.1 --port {port} --dir /tmp/redis --save ''
"
    )
}

/// As Postgres's own image starts it.
fn start_postgres(port: u16) -> String {
    format!(
        "#!/bin/sh
set -e
mkdir -p /tmp/postgres
if [ \"$(id -u)\" = 0 ]; then
    chown postgres: /tmp/postgres
    exec setpriv --reuid=postgres --regid=postgres --init-groups \"$0\"
fi
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
export PATH
[ -e /tmp/postgres/data ] || initdb --no-sync --pgdata /tmp/postgres/data >/dev/null
exec postgres -D /tmp/postgres/data -h 127.0.0.1 -p {port} -k /tmp/postgres
"
    )
}

/// Root leaves its privileges to gunicorn's own care.
fn start_gunicorn(port: u16) -> String {
    format!(
        "#!/bin/sh
set -e
[ \"$(id -u)\" != 0 ] || set -- --user www-data --group www-data
exec gunicorn --chdir {FILES} --bind 127.0.0.1:{port} --workers 2 --worker-tmp-dir /tmp \"$@\" application
"
    )
}

/// What gunicorn serves. It is read again when gunicorn is told to reload.
const APPLICATION: &str = r#"
import os

INDEX = b"recorded and found worthy\n"
HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, "generation"), "rb") as file:
    GENERATION = file.read()
PAGES = {"/": INDEX, "/big.bin": b"x" * (8 << 20), "/generation": GENERATION}


def application(environ, start_response):
    if environ["REQUEST_METHOD"] == "POST":
        status, body = "200 OK", environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    elif environ["PATH_INFO"] in PAGES:
        status, body = "200 OK", PAGES[environ["PATH_INFO"]]
    else:
        status, body = "404 Not Found", b""
    start_response(status, [("Content-Length", str(len(body))), ("Content-Type", "text/plain")])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
"#;

/// A server of Node: bound as root, then nobody in particular.
fn node(port: u16) -> String {
    format!(
        r#"
const fs = require("fs");
const http = require("http");

const INDEX = "recorded and found worthy\n";
const BIG = "x".repeat(8 << 20);
const generation = () => fs.readFileSync(__dirname + "/generation", "utf8");
let pages = {{ "/": INDEX, "/big.bin": BIG, "/generation": generation() }};

const server = http.createServer((request, response) => {{
    const parts = [];
    request.on("data", part => parts.push(part));
    request.on("end", () => {{
        const body = request.method === "POST" ? Buffer.concat(parts) : pages[request.url];
        const length = body === undefined ? 0 : Buffer.byteLength(body);
        response.writeHead(body === undefined ? 404 : 200, {{ "Content-Length": length, "Content-Type": "text/plain" }});
        response.end(request.method === "HEAD" ? undefined : body);
    }});
}});
process.on("SIGHUP", () => {{ pages["/generation"] = generation(); }});
process.on("SIGTERM", () => {{
    server.close(() => process.exit(0));
    server.closeAllConnections();
}});
server.on("error", error => {{
    console.error(error.message);
    process.exit(1);
}});
server.listen({port}, "127.0.0.1", () => {{
    if (process.getuid() === 0) {{
        process.setgroups(["www-data"]);
        process.setgid("www-data");
        process.setuid("www-data");
    }}
}});
"#
    )
}
