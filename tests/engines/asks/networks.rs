//! Rows of ports, sockets and netlink.

use nix::errno::Errno;

use super::places::Place::{Default, Dropped, Host, Narrow, Quiet};
use super::{Asked, Condition, Row};

const EPERM: i32 = Errno::EPERM as i32;
const AUDIT: &[&str] = &["audit_netlink_ok", "audit_receive_msg", "audit_receive"];
const ROUTE: &[&str] = &["rtnetlink_rcv_msg", "rtnl_link_get_net_capable", "rtnl_newlink", "netlink_net_capable"];
const DEVICE: &[&str] = &["sock_bindtoindex", "sock_bindtoindex_locked", "sock_setbindtodevice"];

const LOW_PORTS: Condition = Condition {
    file: "/proc/sys/net/ipv4/ip_unprivileged_port_start",
    holds: |start| start == "1024",
    words: "net.ipv4.ip_unprivileged_port_start of 1024",
};

const fn refused(capability: &'static str, call: &'static str, functions: &'static [&'static str]) -> Asked {
    Asked::apart("refused", capability, call, functions)
}

const fn port(functions: &'static [&'static str]) -> Asked {
    Asked::need("CAP_NET_BIND_SERVICE", "bind", functions, &["ip_unprivileged_port_start"])
}

pub(super) const ROWS: &[Row] = &[
    Row::new("bind_low", Host, 0, &[port(&["__inet_bind", "inet_bind"])]).on(LOW_PORTS),
    Row::new("bind_low_6", Host, 0, &[port(&["__inet6_bind", "inet6_bind"])]).on(LOW_PORTS),
    // Docker lets everybody bind every port, and ping, in a network of its own.
    Row::new("bind_low", Quiet, 0, &[]),
    Row::new("ping_socket", Quiet, 0, &[]),
    Row::new("raw_socket", Default, 0, &[Asked::need("CAP_NET_RAW", "socket", &["inet_create"], &["raw socket"])]),
    Row::new("raw_socket", Dropped, EPERM, &[refused("CAP_NET_RAW", "socket", &["inet_create"])])
        .wants(&["CAP_NET_RAW"]),
    Row::new(
        "packet_socket",
        Default,
        0,
        &[Asked::need("CAP_NET_RAW", "socket", &["packet_create"], &["packet socket"])],
    ),
    Row::new("packet_socket", Dropped, EPERM, &[refused("CAP_NET_RAW", "socket", &["packet_create"])])
        .wants(&["CAP_NET_RAW"]),
    Row::new("bind_device", Default, 0, &[Asked::need("CAP_NET_RAW", "setsockopt", DEVICE, &["device"])]),
    Row::new("bind_device", Dropped, EPERM, &[refused("CAP_NET_RAW", "setsockopt", DEVICE)]).wants(&["CAP_NET_RAW"]),
    Row::new("audit_user", Default, 0, &[Asked::need("CAP_AUDIT_WRITE", "sendto", AUDIT, &["audit"])]),
    Row::new(
        "audit_user",
        Dropped,
        0,
        &[Asked::apart("elsewhere", "CAP_AUDIT_WRITE", "sendto", AUDIT).why(&["later message"])],
    ),
    Row::new(
        "set_link",
        Default,
        0,
        &[Asked::apart("elsewhere", "CAP_NET_ADMIN", "sendto", ROUTE).why(&["later message"])],
    ),
    Row::new("set_link", Narrow, 0, &[Asked::need("CAP_NET_ADMIN", "sendto", ROUTE, &["netlink"])]),
];
