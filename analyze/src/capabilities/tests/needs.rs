//! Checks that matter, and what they are for.

use super::*;
use crate::testing::{denied, granted};

#[test]
fn each_site_that_matters_makes_a_need_and_says_what_for() {
    for (capability, call, function, word) in [
        ("CHOWN", "fchownat", "setattr_prepare", "gives a file"),
        ("FOWNER", "fchmodat", "setattr_prepare", "belongs to another user"),
        ("FOWNER", "unlinkat", "may_delete", "removes"),
        ("FOWNER", "setxattr", "inode_owner_or_capable", "belongs to another user"),
        ("FOWNER", "openat", "may_open", "O_NOATIME"),
        ("FSETID", "chmod", "setattr_prepare", "set-group-id"),
        ("FSETID", "chown", "setattr_copy", "cleared in silence"),
        ("FSETID", "openat", "mode_strip_sgid", "cleared in silence"),
        ("KILL", "kill", "check_kill_permission", "signal"),
        ("SETGID", "setgid", "__sys_setgid", "another group"),
        ("SETGID", "setgroups", "may_setgroups", "another group"),
        ("SETUID", "setuid", "__sys_setuid", "another user"),
        ("SETPCAP", "prctl", "cap_task_prctl", "bounding set"),
        ("SETPCAP", "capset", "cap_capset", "inheritable"),
        ("NET_BIND_SERVICE", "bind", "__inet_bind", "ip_unprivileged_port_start"),
        ("NET_BIND_SERVICE", "bind", "__inet6_bind", "ip_unprivileged_port_start"),
        ("NET_RAW", "socket", "inet_create.part.0", "raw socket"),
        ("NET_RAW", "socket", "packet_create", "packet socket"),
        ("NET_RAW", "setsockopt", "sock_bindtoindex", "device"),
        ("SYS_CHROOT", "chroot", "__x64_sys_chroot", "root directory"),
        ("MKNOD", "mknodat", "vfs_mknod", "device file"),
        ("SETFCAP", "setxattr", "cap_convert_nscap", "gives capabilities to a file"),
        ("SYS_ADMIN", "unshare", "unshare_nsproxy_namespaces", "namespaces"),
        ("SYS_ADMIN", "mount", "may_mount", "mounts"),
        ("SYS_ADMIN", "sethostname", "__do_sys_sethostname", "name of the host"),
        ("AUDIT_WRITE", "sendto", "audit_receive", "audit log"),
        ("IPC_LOCK", "mlock", "can_do_mlock", "RLIMIT_MEMLOCK"),
        ("SYS_BOOT", "reboot", "__do_sys_reboot", "restarts"),
        ("SYS_PACCT", "acct", "__x64_sys_acct", "accounting"),
        ("SYS_TTY_CONFIG", "vhangup", "__do_sys_vhangup", "terminal"),
        ("SYS_TIME", "clock_settime", "cap_settime", "clock"),
        ("SYS_PTRACE", "ptrace", "__ptrace_may_access", "traces"),
    ] {
        let judged = asked([granted(capability, call).by(&[function])]);
        assert_eq!(judged.names(), [capability]);
        assert!(why(&judged, capability).contains(word), "{function}: {judged:?}");
        let reason = &judged.needs[0].reasons[0];
        assert_eq!((reason.call.as_deref(), reason.program.as_str()), (Some(call), "/usr/sbin/nginx"));
    }
}

#[test]
fn reading_is_asked_for_first_and_override_stands_for_both() {
    let both = [
        denied("DAC_READ_SEARCH", "openat").by(&["generic_permission"]).times(2),
        granted("DAC_OVERRIDE", "openat").by(&["generic_permission"]).times(2),
    ];
    let judged = asked(both.clone());
    assert_eq!((judged.names(), classes(&judged)), (vec!["DAC_OVERRIDE"], vec![("DAC_READ_SEARCH", Class::Fallback)]));
    assert!(why(&judged, "DAC_OVERRIDE").contains("CAP_DAC_READ_SEARCH would do"), "{judged:?}");

    let [read, write] = both;
    let written = asked([read, write.times(3)]);
    assert!(!why(&written, "DAC_OVERRIDE").contains("READ_SEARCH"), "{written:?}");
}

#[test]
fn a_privileged_container_shows_reading_alone() {
    let judged = asked([granted("DAC_READ_SEARCH", "openat").by(&["generic_permission", "inode_permission"])]);
    assert_eq!(judged.names(), ["DAC_OVERRIDE"]);
    assert!(why(&judged, "DAC_OVERRIDE").contains("DAC_READ_SEARCH alone would do"), "{judged:?}");
    for question in [granted("DAC_READ_SEARCH", "newfstatat"), granted("DAC_READ_SEARCH", "newfstatat").by(&["", ""])] {
        assert_eq!(asked([question]).names(), ["DAC_OVERRIDE"], "without any symbol");
    }
}

#[test]
fn opening_by_handle_needs_reading_itself() {
    let frames = ["do_handle_open", "__x64_sys_open_by_handle_at"];
    let opened = granted("DAC_READ_SEARCH", "open_by_handle_at");
    assert_eq!(asked([opened.clone().by(&frames)]).names(), ["DAC_READ_SEARCH"]);
    assert_eq!(asked([opened]).names(), ["DAC_READ_SEARCH"], "without any symbol");
}

#[test]
fn refused_reading_speaks_of_override() {
    let judged = asked([
        denied("DAC_READ_SEARCH", "openat").by(&["generic_permission"]).failed(13),
        denied("DAC_OVERRIDE", "openat").by(&["generic_permission"]).failed(13),
    ]);
    let finding = found(&judged, Kind::CapabilityRefused);
    assert!(finding.text.starts_with("CAP_DAC_OVERRIDE"), "{finding:?}");
    assert_eq!(judged.findings.iter().filter(|it| it.kind == Kind::CapabilityRefused).count(), 1);
}
