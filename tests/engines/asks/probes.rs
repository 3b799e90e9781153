//! Rows of what the kernel asks on its own account: to choose between two ways, or with credentials that are not the
//! program's.

use nix::errno::Errno;

use super::places::Place::{Default, Narrow, SysAdmin, User};
use super::{Asked, Condition, Row};

/// The kernel keeps some memory back for root.
const MEMORY: &[&str] = &["cap_vm_enough_memory", "security_vm_enough_memory_mm", "__vm_enough_memory"];

const LANDLOCK: Condition = Condition {
    file: "/proc/kallsyms",
    holds: |symbols| symbols.contains("landlock_restrict_self"),
    words: "landlock",
};

const fn memory(call: &'static str) -> Asked {
    Asked::apart("probe", "CAP_SYS_ADMIN", call, MEMORY).why(&["memory"])
}

const STAT: Asked = Asked::apart("probe", "CAP_SYS_PTRACE", "read", &["__ptrace_may_access", "ptrace_may_access"])
    .why(&["/proc/PID/stat"]);
const NETWORK: &[&str] = &["net_ctl_permissions"];
const NET_SYSCTL: &[Asked] = &[
    Asked::apart("probe", "CAP_NET_ADMIN", "openat", NETWORK),
    Asked::apart("probe", "CAP_NET_ADMIN", "read", NETWORK),
];
/// Linux 6.14+.
const PID_SYSCTL: &[Asked] =
    &[Asked::apart("probe", "CAP_SYS_ADMIN", "openat", &["pid_table_root_permissions"]).maybe()];
const VSOCK: &[Asked] = &[Asked::apart("probe", "CAP_NET_ADMIN", "socket", &["__vsock_create"])];
/// Only processors that speculate are asked about.
const FILTER: Asked = Asked::apart("probe", "CAP_SYS_ADMIN", "setsockopt", &["do_jit", "bpf_int_jit_compile"]).maybe();
const OWN_FILTER: Asked = Asked::apart("probe", "CAP_SYS_ADMIN", "seccomp", &["do_jit", "bpf_int_jit_compile"]).maybe();
const SECCOMP: &[&str] = &["seccomp_prepare_filter", "seccomp_set_mode_filter", "do_seccomp"];
const CONFINE: &[&str] = &["sys_landlock_restrict_self"];
const XATTR: &[Asked] =
    &[Asked::apart("probe", "CAP_SYS_ADMIN", "listxattr", &["simple_xattr_list"]).why(&["trusted."])];
const CHROOT: Asked = Asked::need("CAP_SYS_CHROOT", "chroot", &["sys_chroot"], &["root directory"]);
const STATMOUNT: &[Asked] = &[CHROOT, Asked::apart("probe", "CAP_SYS_ADMIN", "statmount", &["sys_statmount"])];
const LISTMOUNT: &[Asked] =
    &[CHROOT, Asked::apart("probe", "CAP_SYS_ADMIN", "listmount", &["do_listmount", "sys_listmount"])];

/// Linux 6.8+.
const MOUNT_CALLS: Condition =
    Condition { file: "/proc/kallsyms", holds: |symbols| symbols.contains("sys_statmount"), words: "statmount" };

/// Root is let through without a question: it is who the blocks are kept back for.
const LAST_BLOCKS: &[Asked] =
    &[Asked::apart("probe", "CAP_SYS_RESOURCE", "write", &["ext4_has_free_clusters", "ext4_claim_free_clusters"])
        .why(&["kept back for root"])];
const LOOP_DEVICES: Condition =
    Condition { file: "/proc/devices", holds: |devices| devices.contains(" loop"), words: "loop devices" };

const fn overlay(capability: &'static str, call: &'static str) -> Asked {
    Asked::apart("overridden", capability, call, &[]).why(&["credentials"])
}

pub(super) const ROWS: &[Row] = &[
    Row::new("reserve_mmap", Default, 0, &[memory("mmap")]),
    Row::new("reserve_mmap", SysAdmin, 0, &[memory("mmap")]),
    Row::new("reserve_brk", Default, 0, &[memory("brk")]),
    Row::new("reserve_fork", Default, 0, &[memory("fork")]),
    Row::new("reserve_fork", SysAdmin, 0, &[memory("fork")]),
    Row::new("read_stat", Default, 0, &[STAT]),
    Row::new("read_stat", Narrow, 0, &[STAT]),
    Row::new("net_sysctl", Default, 0, NET_SYSCTL),
    Row::new("net_sysctl", Narrow, 0, NET_SYSCTL),
    Row::new("pid_sysctl", Default, 0, PID_SYSCTL),
    Row::new("pid_sysctl", SysAdmin, 0, PID_SYSCTL),
    Row::new("vsock", Default, 0, VSOCK),
    Row::new("vsock", Narrow, 0, VSOCK),
    Row::new("socket_filter", Default, 0, &[FILTER]),
    Row::new("socket_filter", SysAdmin, 0, &[FILTER]),
    Row::new(
        "seccomp_priv",
        Default,
        Errno::EACCES as i32,
        &[Asked::apart("refused", "CAP_SYS_ADMIN", "seccomp", SECCOMP).why(&["EACCES", "no_new_privs"])],
    )
    .wants(&["CAP_SYS_ADMIN"]),
    Row::new("seccomp_priv", SysAdmin, 0, &[Asked::need("CAP_SYS_ADMIN", "seccomp", SECCOMP, &["no_new_privs"])]),
    Row::new("seccomp_nnp", Default, 0, &[OWN_FILTER]),
    Row::new("seccomp_nnp", SysAdmin, 0, &[OWN_FILTER]),
    Row::new(
        "landlock_priv",
        Default,
        Errno::EPERM as i32,
        &[Asked::apart("refused", "CAP_SYS_ADMIN", "landlock_restrict_self", CONFINE).why(&["no_new_privs"])],
    )
    .wants(&["CAP_SYS_ADMIN"])
    .on(LANDLOCK),
    Row::new(
        "landlock_priv",
        SysAdmin,
        0,
        &[Asked::need("CAP_SYS_ADMIN", "landlock_restrict_self", CONFINE, &["no_new_privs"])],
    )
    .on(LANDLOCK),
    Row::new("landlock_nnp", Default, 0, &[]).on(LANDLOCK),
    Row::new("landlock_nnp", SysAdmin, 0, &[]).on(LANDLOCK),
    Row::new("fill_disk", User, Errno::ENOSPC as i32, LAST_BLOCKS).on(LOOP_DEVICES),
    Row::new("list_xattr", Default, 0, XATTR),
    Row::new("list_xattr", SysAdmin, 0, XATTR),
    Row::new("stat_mount", Default, Errno::EPERM as i32, STATMOUNT).on(MOUNT_CALLS),
    Row::new("stat_mount", SysAdmin, 0, STATMOUNT).on(MOUNT_CALLS),
    Row::new("list_mount", Default, Errno::EPERM as i32, LISTMOUNT).on(MOUNT_CALLS),
    Row::new("list_mount", SysAdmin, 0, LISTMOUNT).on(MOUNT_CALLS),
    Row::new(
        "exec_traced",
        Default,
        0,
        &[
            Asked::need("CAP_SETUID", "setresuid", &["__sys_setresuid"], &["another user"]),
            Asked::apart("overridden", "CAP_SYS_PTRACE", "execve", &["ptracer_capable"]),
            Asked::apart("unreachable", "CAP_SETUID", "execve", &["cap_bprm_creds_from_file"]).why(&["not root"]),
        ],
    ),
    Row::new(
        "access_other",
        Default,
        Errno::EACCES as i32,
        &[
            Asked::need("CAP_SETUID", "setresuid", &["__sys_setresuid"], &["another user"]),
            Asked::apart("overridden", "CAP_DAC_OVERRIDE", "access", &["generic_permission"]).why(&["credentials"]),
        ],
    ),
    Row::new("overlay_chmod", Default, 0, &[overlay("CAP_SYS_ADMIN", "chmod"), overlay("CAP_DAC_OVERRIDE", "chmod")]),
    Row::new(
        "overlay_chown",
        Default,
        0,
        &[
            Asked::need("CAP_CHOWN", "chown", &["setattr_prepare", "chown_ok"], &["another user"]),
            overlay("CAP_CHOWN", "chown"),
            overlay("CAP_SYS_ADMIN", "chown"),
        ],
    ),
    Row::new(
        "overlay_unlink",
        Default,
        0,
        &[overlay("CAP_SYS_ADMIN", "unlink"), overlay("CAP_DAC_OVERRIDE", "unlink")],
    ),
];
