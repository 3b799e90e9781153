//! Rows of what concerns a whole machine.

use nix::errno::Errno;

use super::places::Place::{Default, SysAdmin};
use super::{Asked, Row};

const EPERM: i32 = Errno::EPERM as i32;
const NAME: &[&str] = &["sys_sethostname"];
const NEW: &[&str] = &["unshare_nsproxy_namespaces", "create_new_namespaces"];
const MOUNT: &[&str] = &["path_mount", "may_mount"];
const WATCH: &[&str] = &["sys_fanotify_init"];

const fn refused(capability: &'static str, call: &'static str, functions: &'static [&'static str]) -> Asked {
    Asked::apart("refused", capability, call, functions).why(&["EPERM"])
}

const fn admin(call: &'static str, functions: &'static [&'static str]) -> Asked {
    Asked::need("CAP_SYS_ADMIN", call, functions, &[])
}

pub(super) const ROWS: &[Row] = &[
    Row::new("host_name", SysAdmin, 0, &[admin("sethostname", NAME)]),
    Row::new("host_name", Default, EPERM, &[refused("CAP_SYS_ADMIN", "sethostname", NAME)]).wants(&["CAP_SYS_ADMIN"]),
    Row::new("unshare_mounts", SysAdmin, 0, &[admin("unshare", NEW)]),
    Row::new("unshare_mounts", Default, EPERM, &[refused("CAP_SYS_ADMIN", "unshare", NEW)]).wants(&["CAP_SYS_ADMIN"]),
    Row::new("mount_memory", SysAdmin, 0, &[admin("mount", MOUNT)]),
    Row::new("mount_memory", Default, EPERM, &[refused("CAP_SYS_ADMIN", "mount", MOUNT)]).wants(&["CAP_SYS_ADMIN"]),
    Row::new("watch_mounts", SysAdmin, 0, &[admin("fanotify_init", WATCH)]),
    Row::new("watch_mounts", Default, EPERM, &[refused("CAP_SYS_ADMIN", "fanotify_init", WATCH)])
        .wants(&["CAP_SYS_ADMIN"]),
    Row::new("swap_on", Default, EPERM, &[refused("CAP_SYS_ADMIN", "swapon", &["sys_swapon"])])
        .wants(&["CAP_SYS_ADMIN"]),
    Row::new("restart", Default, EPERM, &[refused("CAP_SYS_BOOT", "reboot", &["sys_reboot"])]).wants(&["CAP_SYS_BOOT"]),
    Row::new("account", Default, EPERM, &[refused("CAP_SYS_PACCT", "acct", &["sys_acct"])]).wants(&["CAP_SYS_PACCT"]),
    Row::new("hang_up", Default, EPERM, &[refused("CAP_SYS_TTY_CONFIG", "vhangup", &["sys_vhangup"])])
        .wants(&["CAP_SYS_TTY_CONFIG"]),
    Row::new("set_clock", Default, EPERM, &[refused("CAP_SYS_TIME", "clock_settime", &["cap_settime"])])
        .wants(&["CAP_SYS_TIME"]),
];
