//! The loads for servers of HTTP/1.1. Lives here: a client that knows just enough.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::{connect, try_connect};

/// What `/` holds.
pub(crate) const INDEX: &str = "recorded and found worthy\n";

/// Bytes in `/big.bin`: more than a socket takes at once, so that the server has to come back for the rest.
pub(crate) const BIG: usize = 8 << 20;

/// The whole load: pages, misses, methods, ranges, big files, kept and fresh connections.
pub(crate) fn drive(port: u16) {
    let mut kept = Client::new(port);
    for _ in 0..20 {
        assert_eq!(kept.ask("GET", "/", ""), (200, INDEX.len()));
    }
    assert_eq!(kept.ask("GET", "/missing", "").0, 404);
    assert_eq!(kept.ask("HEAD", "/", ""), (200, 0));
    assert_eq!(kept.ask("GET", "/", "Range: bytes=0-7\r\n"), (206, 8));
    assert_eq!(kept.ask("GET", "/", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n").0, 200);
    assert_eq!(kept.ask("GET", "/big.bin", ""), (200, BIG));
    assert_eq!(kept.ask("POST", "/", "Content-Length: 0\r\n").0, 405);
    for _ in 0..20 {
        assert_eq!(Client::new(port).ask("GET", "/", "Connection: close\r\n"), (200, INDEX.len()));
    }
}

/// The load for a server that answers everything with [`INDEX`].
pub(crate) fn drive_fixed(port: u16) {
    let mut kept = Client::new(port);
    for _ in 0..20 {
        assert_eq!(kept.ask("GET", "/", ""), (200, INDEX.len()));
    }
    assert_eq!(kept.ask("HEAD", "/", ""), (200, 0));
    assert_eq!(kept.ask("GET", "/anything", ""), (200, INDEX.len()));
    for _ in 0..20 {
        assert_eq!(Client::new(port).ask("GET", "/", "Connection: close\r\n"), (200, INDEX.len()));
    }
}

/// The load for an application: pages, misses, a body sent back, fresh connections, and where it keeps one, a kept one.
pub(crate) fn drive_application(port: u16, keeps: bool) {
    let mut kept = Client::new(port);
    let mut ask = |method: &str, path: &str, headers: &str, body: &[u8]| {
        let answer = kept.ask_with(method, path, headers, body);
        if !keeps {
            kept = Client::new(port);
        }
        answer
    };
    for _ in 0..20 {
        assert_eq!(ask("GET", "/", "", b""), (200, INDEX.len()));
    }
    assert_eq!(ask("GET", "/missing", "", b""), (404, 0));
    assert_eq!(ask("HEAD", "/", "", b""), (200, 0));
    assert_eq!(ask("GET", "/big.bin", "", b""), (200, BIG));
    assert_eq!(ask("POST", "/", "Content-Length: 3\r\n", b"abc"), (200, 3));
    for _ in 0..20 {
        assert_eq!(Client::new(port).ask("GET", "/", "Connection: close\r\n"), (200, INDEX.len()));
    }
}

/// What a path holds, if the server answers: while it reloads, it may close connections.
pub(crate) fn text(port: u16, path: &str) -> Option<String> {
    let mut stream = try_connect(port)?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: test\r\n\r\n").as_bytes()).ok()?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).ok()?;
    let (_, body) = reply.split_once("\r\n\r\n")?;
    Some(body.to_owned())
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn new(port: u16) -> Self {
        Self(BufReader::new(connect(port)))
    }

    /// Asks once; gives the status and the number of bytes in the body.
    fn ask(&mut self, method: &str, path: &str, headers: &str) -> (u16, usize) {
        self.ask_with(method, path, headers, &[])
    }

    /// The same with a body.
    fn ask_with(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, usize) {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\n{headers}\r\n");
        self.0.get_mut().write_all(&[request.as_bytes(), body].concat()).expect("the server takes a request");
        let status = self.line().split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a reply has a status");
        let length = self.length_of_body();
        let mut body = vec![0; if method == "HEAD" { 0 } else { length }];
        self.0.read_exact(&mut body).expect("the server sends the whole body");
        (status, body.len())
    }

    /// Reads the headers to their end.
    fn length_of_body(&mut self) -> usize {
        let mut length = 0;
        loop {
            let line = self.line().to_ascii_lowercase();
            if line.is_empty() {
                return length;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length is a number");
            }
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("the server replies");
        assert!(line.ends_with('\n'), "the server closed the connection in the middle of a reply: {line:?}");
        line.trim_end().to_owned()
    }
}
