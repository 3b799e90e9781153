//! Loads: fixed, bounded series of requests, with every reply checked. One module a protocol.

use std::net::{Ipv4Addr, TcpStream};

use crate::wait::{PATIENCE, wait_for};

pub(crate) mod http;
pub(crate) mod redis;

/// Connects as soon as the server listens. A reply that takes longer than [`PATIENCE`] is a failure.
fn connect(port: u16) -> TcpStream {
    let stream = wait_for("the server to listen", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok());
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    stream
}
