//! Rows of calls that take either of two capabilities: the narrow one is recommended, whichever was there.

use nix::errno::Errno;

use super::places::Place::{Default, Dropped, Narrow, NetAdmin, Newer, SysAdmin};
use super::{Asked, Condition, Row};

const PERF: &[&str] = &["perf_allow_kernel", "sys_perf_event_open"];
const BPF: &[&str] = &["bpf_token_capable", "map_create", "__sys_bpf"];
const OPTION: &[&str] = &["sk_setsockopt", "sock_setsockopt", "sockopt_ns_capable"];
const LOG: &[&str] = &["check_syslog_permissions", "do_syslog"];
const PRIORITY: &[&str] = &["ioprio_check_cap", "sys_ioprio_set"];
const MAP_FILES: &[&str] = &["proc_map_files_get_link"];

const PARANOID: Condition = Condition {
    file: "/proc/sys/kernel/perf_event_paranoid",
    holds: |level| level.parse::<i32>().is_ok_and(|level| level >= 2),
    words: "kernel.perf_event_paranoid of 2 or more",
};
const NO_BPF: Condition = Condition {
    file: "/proc/sys/kernel/unprivileged_bpf_disabled",
    holds: |value| value != "0",
    words: "kernel.unprivileged_bpf_disabled",
};
const LOG_KEPT: Condition =
    Condition { file: "/proc/sys/kernel/dmesg_restrict", holds: |value| value != "0", words: "kernel.dmesg_restrict" };

/// Only where the processor is guarded against speculation.
const SPECULATION: Asked =
    Asked::apart("probe", "CAP_PERFMON", "bpf", &["bpf_token_capable", "array_map_alloc"]).maybe();

const fn refused(capability: &'static str, call: &'static str, functions: &'static [&'static str]) -> Asked {
    Asked::apart("refused", capability, call, functions).why(&["EPERM"])
}

const fn fallback(capability: &'static str, call: &'static str, functions: &'static [&'static str]) -> Asked {
    Asked::apart("fallback", capability, call, functions)
}

const MARK_GRANTED: &[Asked] = &[Asked::need("CAP_NET_RAW", "setsockopt", OPTION, &["SO_MARK"])];
const MARK_REFUSED: &[Asked] =
    &[refused("CAP_NET_RAW", "setsockopt", OPTION), refused("CAP_NET_ADMIN", "setsockopt", OPTION)];
const MARK_BROAD: &[Asked] = &[
    Asked::need("CAP_NET_RAW", "setsockopt", OPTION, &["CAP_NET_ADMIN was granted"]),
    fallback("CAP_NET_RAW", "setsockopt", OPTION),
];

pub(super) const ROWS: &[Row] = &[
    Row::new(
        "perf_event",
        Default,
        Errno::EACCES as i32,
        &[
            Asked::apart("refused", "CAP_PERFMON", "perf_event_open", PERF).why(&["EACCES", "perf"]),
            Asked::apart("refused", "CAP_SYS_ADMIN", "perf_event_open", PERF).why(&["EACCES", "perf"]),
        ],
    )
    .wants(&["CAP_PERFMON"])
    .on(PARANOID),
    Row::new(
        "perf_event",
        SysAdmin,
        0,
        &[
            Asked::need("CAP_PERFMON", "perf_event_open", PERF, &["CAP_SYS_ADMIN was granted"]),
            fallback("CAP_PERFMON", "perf_event_open", PERF),
        ],
    )
    .on(PARANOID),
    Row::new("perf_event", Newer, 0, &[Asked::need("CAP_PERFMON", "perf_event_open", PERF, &["perf"])]).on(PARANOID),
    Row::new(
        "bpf_map",
        Default,
        Errno::EPERM as i32,
        &[refused("CAP_BPF", "bpf", BPF), refused("CAP_SYS_ADMIN", "bpf", BPF)],
    )
    .wants(&["CAP_BPF"])
    .on(NO_BPF),
    Row::new(
        "bpf_map",
        SysAdmin,
        0,
        &[Asked::need("CAP_BPF", "bpf", BPF, &["CAP_SYS_ADMIN was granted"]), fallback("CAP_BPF", "bpf", BPF)],
    )
    .on(NO_BPF),
    Row::new("bpf_map", Newer, 0, &[Asked::need("CAP_BPF", "bpf", BPF, &["BPF"])]).on(NO_BPF),
    Row::new(
        "bpf_array",
        SysAdmin,
        0,
        &[
            Asked::need("CAP_BPF", "bpf", BPF, &["CAP_SYS_ADMIN was granted"]),
            fallback("CAP_BPF", "bpf", BPF),
            SPECULATION,
        ],
    )
    .on(NO_BPF),
    Row::new("bpf_array", Newer, 0, &[Asked::need("CAP_BPF", "bpf", BPF, &["BPF"]), SPECULATION]).on(NO_BPF),
    Row::new("mark", Default, 0, MARK_GRANTED),
    Row::new("mark", Dropped, Errno::EPERM as i32, MARK_REFUSED).wants(&["CAP_NET_RAW"]),
    Row::new("mark", NetAdmin, 0, MARK_BROAD),
    Row::new("priority", Default, 0, MARK_GRANTED),
    Row::new("priority", Dropped, Errno::EPERM as i32, MARK_REFUSED).wants(&["CAP_NET_RAW"]),
    Row::new("priority", NetAdmin, 0, MARK_BROAD),
    Row::new("kernel_log", Default, Errno::EPERM as i32, &[refused("CAP_SYSLOG", "syslog", LOG)])
        .wants(&["CAP_SYSLOG"])
        .on(LOG_KEPT),
    Row::new("kernel_log", Narrow, 0, &[Asked::need("CAP_SYSLOG", "syslog", LOG, &["log"])]).on(LOG_KEPT),
    Row::new(
        "io_priority",
        Default,
        Errno::EPERM as i32,
        &[refused("CAP_SYS_ADMIN", "ioprio_set", PRIORITY), refused("CAP_SYS_NICE", "ioprio_set", PRIORITY)],
    )
    .wants(&["CAP_SYS_NICE"]),
    // The kernel asks for the broad one first, and so never for the narrow one.
    Row::new(
        "io_priority",
        SysAdmin,
        0,
        &[Asked::need("CAP_SYS_NICE", "ioprio_set", PRIORITY, &["CAP_SYS_ADMIN was granted"])],
    ),
    Row::new(
        "io_priority",
        Narrow,
        0,
        &[
            Asked::need("CAP_SYS_NICE", "ioprio_set", PRIORITY, &["real-time"]),
            fallback("CAP_SYS_ADMIN", "ioprio_set", PRIORITY),
        ],
    ),
    Row::new(
        "map_files",
        Default,
        Errno::EPERM as i32,
        &[refused("CAP_CHECKPOINT_RESTORE", "openat", MAP_FILES), refused("CAP_SYS_ADMIN", "openat", MAP_FILES)],
    )
    .wants(&["CAP_CHECKPOINT_RESTORE"]),
    Row::new(
        "map_files",
        SysAdmin,
        0,
        &[
            Asked::need("CAP_CHECKPOINT_RESTORE", "openat", MAP_FILES, &["CAP_SYS_ADMIN was granted"]),
            fallback("CAP_CHECKPOINT_RESTORE", "openat", MAP_FILES),
        ],
    ),
    Row::new("map_files", Newer, 0, &[Asked::need("CAP_CHECKPOINT_RESTORE", "openat", MAP_FILES, &[])]),
];
