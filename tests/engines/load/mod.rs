//! Loads: fixed, bounded series of requests, with every reply checked. One module a protocol.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use crate::wait::{PATIENCE, wait_for};

pub(crate) mod http;
pub(crate) mod postgres;
pub(crate) mod redis;

/// Connects as soon as the server listens. A reply that takes longer than [`PATIENCE`] is a failure.
fn connect(port: u16) -> TcpStream {
    wait_for("the server to listen", || try_connect(port))
}

/// Connects if the server listens.
fn try_connect(port: u16) -> Option<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    Some(stream)
}

/// Longest that a server which works takes for the shortest answer.
const AT_ONCE: Duration = Duration::from_secs(3);

/// Whether anything comes back.
pub(crate) fn answers(port: u16, question: &[u8]) -> bool {
    let Some(mut stream) = try_connect(port) else { return false };
    stream.set_read_timeout(Some(AT_ONCE)).expect("a timeout can be set");
    stream.write_all(question).is_ok() && stream.read_exact(&mut [0]).is_ok()
}
