//! Rows of denials that programs mostly take in their stride: other processes' secrets, limits, priorities.

use nix::errno::Errno;

use super::places::Place::{Default, Narrow, SysAdmin};
use super::{Asked, Condition, Row};

/// Where the kernel has decided about another process.
const TRACE: &[&str] = &["__ptrace_may_access", "ptrace_may_access", "ptrace_has_cap"];
/// Linux 6.16+ lets whoever may measure a process read its memory map as well.
const MEASURE: &[&str] = &["mm_access", "perfmon_capable", "may_access_mm"];
const CAN_NICE: &[&str] = &["can_nice", "is_nice_reduction", "set_one_prio"];
const HUGE: &[&str] = &["hugetlb_file_setup", "can_do_hugetlb_shm"];
const OPTION: &[&str] = &["sk_setsockopt", "sock_setsockopt", "sockopt_ns_capable"];
const LOCK: &[&str] = &["do_mlock", "can_do_mlock"];

const ADDRESSES: Condition = Condition {
    file: "/proc/sys/kernel/kptr_restrict",
    holds: |level| level == "0" || level == "1",
    words: "kernel.kptr_restrict of 0 or 1",
};
const HUGE_PAGES: Condition = Condition {
    file: "/proc/sys/vm/hugetlb_shm_group",
    holds: |group| group == "0",
    words: "vm.hugetlb_shm_group of 0",
};
const FAULTS: Condition = Condition {
    file: "/proc/sys/vm/unprivileged_userfaultfd",
    holds: |value| value == "0",
    words: "vm.unprivileged_userfaultfd of 0",
};

const LOOK_REFUSED: &[Asked] = &[
    Asked::apart("refused", "CAP_SYS_PTRACE", "openat", TRACE).why(&["EACCES", "/proc/PID"]),
    Asked::apart("refused", "CAP_PERFMON", "openat", MEASURE).maybe(),
    Asked::apart("refused", "CAP_SYS_ADMIN", "openat", MEASURE).maybe(),
];
const LOOK: &[Asked] = &[Asked::need("CAP_SYS_PTRACE", "openat", TRACE, &["/proc/PID"])];

const fn refused(capability: &'static str, call: &'static str, functions: &'static [&'static str]) -> Asked {
    Asked::apart("refused", capability, call, functions)
}

pub(super) const ROWS: &[Row] = &[
    Row::new(
        "read_kallsyms",
        Default,
        0,
        &[Asked::apart("harmless", "CAP_SYSLOG", "openat", &["kallsyms_show_value"]).why(&["zeroes"])],
    )
    .on(ADDRESSES),
    Row::new(
        "read_kallsyms",
        Narrow,
        0,
        &[Asked::apart("harmless", "CAP_SYSLOG", "openat", &["kallsyms_show_value"]).why(&["zeroes"])],
    )
    .on(ADDRESSES),
    Row::new("read_environ", Default, Errno::EACCES as i32, LOOK_REFUSED).wants(&["CAP_SYS_PTRACE"]),
    Row::new("read_environ", Narrow, 0, LOOK),
    Row::new("read_maps", Default, Errno::EACCES as i32, LOOK_REFUSED).wants(&["CAP_SYS_PTRACE"]),
    Row::new("read_maps", Narrow, 0, LOOK),
    Row::new(
        "read_exe",
        Default,
        Errno::EACCES as i32,
        &[refused("CAP_SYS_PTRACE", "readlink", TRACE).why(&["EACCES", "/proc/PID"])],
    )
    .wants(&["CAP_SYS_PTRACE"]),
    Row::new("read_exe", Narrow, 0, &[Asked::need("CAP_SYS_PTRACE", "readlink", TRACE, &["/proc/PID"])]),
    Row::new(
        "raise_limit",
        Default,
        Errno::EPERM as i32,
        &[refused("CAP_SYS_RESOURCE", "prlimit64", &["do_prlimit"]).why(&["EPERM", "limit"])],
    )
    .wants(&["CAP_SYS_RESOURCE"]),
    Row::new(
        "pipe_size",
        Default,
        Errno::EPERM as i32,
        &[refused("CAP_SYS_RESOURCE", "fcntl", &["pipe_fcntl", "pipe_set_size"]).why(&["pipe-max-size"])],
    )
    .wants(&["CAP_SYS_RESOURCE"]),
    Row::new(
        "lower_oom",
        Default,
        Errno::EACCES as i32,
        &[refused("CAP_SYS_RESOURCE", "write", &["__set_oom_adj", "oom_score_adj_write"]).why(&["oom_score_adj"])],
    )
    .wants(&["CAP_SYS_RESOURCE"]),
    Row::new(
        "lower_nice",
        Default,
        Errno::EACCES as i32,
        &[refused("CAP_SYS_NICE", "setpriority", CAN_NICE).why(&["priority"])],
    )
    .wants(&["CAP_SYS_NICE"]),
    Row::new("lower_nice", Narrow, 0, &[Asked::need("CAP_SYS_NICE", "setpriority", CAN_NICE, &["priority"])]),
    Row::new(
        "real_time",
        Default,
        Errno::EPERM as i32,
        &[refused("CAP_SYS_NICE", "sched_setscheduler", &["__sched_setscheduler", "user_check_sched_setscheduler"])
            .why(&["scheduled"])],
    )
    .wants(&["CAP_SYS_NICE"]),
    Row::new(
        "huge_pages",
        Default,
        0,
        &[Asked::apart("harmless", "CAP_IPC_LOCK", "shmget", HUGE).why(&["succeeded all the same", "huge pages"])],
    )
    .on(HUGE_PAGES),
    Row::new("huge_pages", Narrow, 0, &[Asked::need("CAP_IPC_LOCK", "shmget", HUGE, &["huge pages"])]).on(HUGE_PAGES),
    Row::new(
        "userfault",
        Default,
        Errno::EPERM as i32,
        &[refused("CAP_SYS_PTRACE", "userfaultfd", &["sys_userfaultfd", "userfaultfd_syscall_allowed"])],
    )
    .wants(&["CAP_SYS_PTRACE"])
    .on(FAULTS),
    Row::new(
        "userfault",
        Narrow,
        0,
        &[Asked::need(
            "CAP_SYS_PTRACE",
            "userfaultfd",
            &["sys_userfaultfd", "userfaultfd_syscall_allowed"],
            &["faults"],
        )],
    )
    .on(FAULTS),
    Row::new("force_buffer", Default, Errno::EPERM as i32, &[refused("CAP_NET_ADMIN", "setsockopt", OPTION)])
        .wants(&["CAP_NET_ADMIN"]),
    Row::new("force_buffer", Narrow, 0, &[Asked::need("CAP_NET_ADMIN", "setsockopt", OPTION, &["SO_RCVBUFFORCE"])]),
    Row::new(
        "lock_memory",
        Default,
        Errno::ENOMEM as i32,
        &[refused("CAP_IPC_LOCK", "mlock", LOCK).why(&["ENOMEM", "RLIMIT_MEMLOCK"])],
    )
    .wants(&["CAP_IPC_LOCK"]),
    Row::new("lock_memory", Narrow, 0, &[Asked::need("CAP_IPC_LOCK", "mlock", LOCK, &["RLIMIT_MEMLOCK"])]),
    Row::new(
        "mount_nothing",
        SysAdmin,
        Errno::ENODEV as i32,
        &[Asked::apart("failed_anyway", "CAP_SYS_ADMIN", "mount", &["path_mount", "may_mount"]).why(&["ENODEV"])],
    ),
];
