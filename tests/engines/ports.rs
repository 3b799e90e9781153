//! Ports that nobody listens on. Another process could take one before the server does; then the server fails to
//! start, and says so.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

/// Any free port.
pub(crate) fn free() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port can be bound");
    listener.local_addr().expect("a bound port has a number").port()
}

/// This port if it is free, else another one that takes a capability to bind. Free on either loopback.
pub(crate) fn free_low(wanted: u16) -> u16 {
    let is_free = |port: &u16| {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, *port));
        first.is_ok() && TcpListener::bind((Ipv6Addr::LOCALHOST, *port)).is_ok()
    };
    std::iter::once(wanted).chain(600..1024).find(is_free).expect("a low port is free")
}
