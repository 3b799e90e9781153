//! Rows of users, groups, signals and capability sets, and of user namespaces.

use nix::errno::Errno;

use super::places::Place::{Bare, Default, Dropped, InUserNamespace, User, UserAlone};
use super::{Asked, Row};

const CAPSET: &[&str] = &["cap_capset", "cap_inh_is_capped"];
const PRCTL: &[&str] = &["cap_task_prctl", "cap_prctl_drop"];
const KILL: &[&str] = &["check_kill_permission", "kill_ok_by_cred"];
const NEW: &[&str] = &["unshare_nsproxy_namespaces", "create_new_namespaces"];

const EPERM: i32 = Errno::EPERM as i32;

const fn refused(capability: &'static str, call: &'static str, functions: &'static [&'static str]) -> Asked {
    Asked::apart("refused", capability, call, functions)
}

const fn inside(capability: &'static str, call: &'static str, functions: &'static [&'static str]) -> Asked {
    Asked::apart("own_namespace", capability, call, functions).why(&["user namespace"])
}

const KEPT: Asked = Asked::apart("needless", "CAP_SETPCAP", "capset", CAPSET);
const LEAVES: Asked = Asked::need("CAP_SETUID", "setresuid", &["__sys_setresuid"], &["another user"]);
const STAYS: Asked = Asked::apart("needless", "CAP_SETUID", "setuid", &["__sys_setuid"]).why(&["arguments"]);
const STAYS_IN: Asked = Asked::apart("needless", "CAP_SETGID", "setgid", &["__sys_setgid"]).why(&["arguments"]);

pub(super) const ROWS: &[Row] = &[
    Row::new("kill_other", Default, 0, &[Asked::need("CAP_KILL", "kill", KILL, &["signal"])]),
    Row::new("kill_other", Dropped, EPERM, &[refused("CAP_KILL", "kill", KILL)]).wants(&["CAP_KILL"]),
    Row::new("become_user", Default, 0, &[Asked::need("CAP_SETUID", "setuid", &["__sys_setuid"], &["another user"])]),
    Row::new("become_user", Bare, EPERM, &[refused("CAP_SETUID", "setuid", &["__sys_setuid"])]).wants(&["CAP_SETUID"]),
    Row::new("stay_user", Default, 0, &[STAYS]),
    Row::new("stay_user", Bare, 0, &[STAYS]),
    Row::new("become_group", Default, 0, &[Asked::need("CAP_SETGID", "setgid", &["__sys_setgid"], &["another group"])]),
    Row::new("stay_group", Default, 0, &[STAYS_IN]),
    Row::new("stay_group", Bare, 0, &[STAYS_IN]),
    Row::new(
        "set_groups",
        Default,
        0,
        &[Asked::need("CAP_SETGID", "setgroups", &["may_setgroups", "sys_setgroups"], &["group"])],
    ),
    Row::new("set_groups", Bare, EPERM, &[refused("CAP_SETGID", "setgroups", &["may_setgroups", "sys_setgroups"])])
        .wants(&["CAP_SETGID"]),
    Row::new(
        "come_back",
        Default,
        EPERM,
        &[LEAVES, Asked::apart("unreachable", "CAP_SETUID", "setuid", &["__sys_setuid"]).why(&["not root"])],
    ),
    Row::new("keep_sets", Default, 0, &[KEPT]),
    Row::new("keep_sets", Dropped, 0, &[KEPT]),
    Row::new("inherit_more", Default, 0, &[KEPT, Asked::need("CAP_SETPCAP", "capset", CAPSET, &["inheritable"])]),
    Row::new("drop_bounding", Default, 0, &[Asked::need("CAP_SETPCAP", "prctl", PRCTL, &["bounding set"])]),
    Row::new("drop_bounding", Dropped, EPERM, &[refused("CAP_SETPCAP", "prctl", PRCTL)]).wants(&["CAP_SETPCAP"]),
    Row::new("secure_bits", Default, 0, &[Asked::need("CAP_SETPCAP", "prctl", PRCTL, &["secure bits"])]),
    Row::new("secure_bits", Dropped, EPERM, &[refused("CAP_SETPCAP", "prctl", PRCTL)]).wants(&["CAP_SETPCAP"]),
    Row::new(
        "keep_list",
        Default,
        0,
        &[KEPT, Asked::silent("CAP_CHOWN", "capset", &["list"]), Asked::silent("CAP_SYS_CHROOT", "capset", &["list"])],
    ),
    Row::new("keep_list", Dropped, EPERM, &[KEPT]),
    Row::new("drop_one", Default, 0, &[KEPT]),
    Row::new("raise_ambient", Default, 0, &[LEAVES, KEPT]),
    Row::executed("has_ambient", Default, &[Asked::silent("CAP_SYS_CHROOT", "ambient", &["ambient"])]),
    Row::new(
        "has_file_cap",
        Default,
        0,
        &[Asked::silent("CAP_NET_RAW", "file_capabilities", &["bounding set", "EPERM"])],
    ),
    Row::new("exec_file_cap", Default, 0, &[]),
    Row::new("exec_file_cap", Dropped, EPERM, &[]),
    Row::new("set_user", User, 0, &[]),
    Row::new(
        "chroot_below",
        Default,
        0,
        &[Asked::need("CAP_SYS_CHROOT", "chroot", &["sys_chroot"], &["root directory"])],
    ),
    Row::new("chroot_below", Dropped, EPERM, &[refused("CAP_SYS_CHROOT", "chroot", &["sys_chroot"])])
        .wants(&["CAP_SYS_CHROOT"]),
    Row::new(
        "chroot_below",
        User,
        EPERM,
        &[Asked::apart("unreachable", "CAP_SYS_CHROOT", "chroot", &["sys_chroot"]).why(&["not root", "bounding set"])],
    ),
    Row::new(
        "chroot_below",
        UserAlone,
        EPERM,
        &[Asked::apart("unreachable", "CAP_SYS_CHROOT", "chroot", &["sys_chroot"]).why(&["not root", "bounding set"])],
    ),
    Row::new(
        "raw_inside",
        Default,
        0,
        &[inside("CAP_SYS_ADMIN", "unshare", NEW), inside("CAP_NET_RAW", "socket", &["inet_create"])],
    ),
    Row::new(
        "name_inside",
        Default,
        0,
        &[inside("CAP_SYS_ADMIN", "unshare", NEW), inside("CAP_SYS_ADMIN", "sethostname", &["sys_sethostname"])],
    ),
    Row::new(
        "raw_outside",
        Default,
        EPERM,
        &[Asked::apart("unreachable", "CAP_NET_RAW", "socket", &["inet_create"]).why(&["user namespace"])],
    ),
    Row::new(
        "clock_outside",
        Default,
        EPERM,
        &[Asked::apart("unreachable", "CAP_SYS_TIME", "clock_settime", &["cap_settime"]).why(&["user namespace"])],
    ),
    // The clock belongs to the machine, and the whole container is in a user namespace.
    Row::new(
        "set_clock",
        InUserNamespace,
        EPERM,
        &[Asked::apart("unreachable", "CAP_SYS_TIME", "clock_settime", &["cap_settime"]).why(&["outside"])],
    ),
    Row::new(
        "chroot_below",
        InUserNamespace,
        0,
        &[Asked::need("CAP_SYS_CHROOT", "chroot", &["sys_chroot"], &["root directory"])],
    ),
];
