//! Rows of others' files: reading, writing and searching them, their owners, modes and bits.

use nix::errno::Errno;

use super::places::Place::{Default, Dropped, Narrow};
use super::{Asked, Row};

const DAC: &[&str] = &["generic_permission"];
const ATTRIBUTES: &[&str] = &["setattr_prepare", "chown_ok", "inode_owner_or_capable"];
const MODE_BITS: &[&str] = &["setattr_prepare", "setattr_copy", "in_group_or_capable"];
const STRIPPED: &[&str] = &["setattr_should_drop_suidgid", "should_remove_suid", "setattr_should_drop_sgid"];
const HANDLE: &[&str] = &["may_decode_fh", "do_handle_open", "handle_to_path"];

/// For reading and searching the kernel asks for `CAP_DAC_READ_SEARCH` first, then for `CAP_DAC_OVERRIDE`.
const fn reads(call: &'static str) -> [Asked; 2] {
    [
        Asked::need("CAP_DAC_OVERRIDE", call, DAC, &["CAP_DAC_READ_SEARCH"]),
        Asked::apart("fallback", "CAP_DAC_READ_SEARCH", call, DAC),
    ]
}

/// Whoever has both is never asked for the second.
const fn read_by_search(call: &'static str) -> Asked {
    Asked::need("CAP_DAC_OVERRIDE", call, DAC, &["CAP_DAC_READ_SEARCH"])
}

const fn reads_refused(call: &'static str) -> [Asked; 2] {
    [refused("CAP_DAC_READ_SEARCH", call, DAC), refused("CAP_DAC_OVERRIDE", call, DAC)]
}

const fn refused(capability: &'static str, call: &'static str, functions: &'static [&'static str]) -> Asked {
    Asked::apart("refused", capability, call, functions)
}

const PLAIN_MODE: Asked = Asked::apart("needless", "CAP_FSETID", "chmod", MODE_BITS).why(&["arguments"]);

const EPERM: i32 = Errno::EPERM as i32;
const EACCES: i32 = Errno::EACCES as i32;

pub(super) const ROWS: &[Row] = &[
    Row::new("write_other", Default, 0, &[Asked::need("CAP_DAC_OVERRIDE", "openat", DAC, &["owner"])]),
    Row::new("write_other", Narrow, 0, &[Asked::need("CAP_DAC_OVERRIDE", "openat", DAC, &["owner"])]),
    Row::new("write_other", Dropped, EACCES, &[refused("CAP_DAC_OVERRIDE", "openat", DAC).why(&["EACCES"])])
        .wants(&["CAP_DAC_OVERRIDE"]),
    Row::new("read_other", Default, 0, &reads("openat")),
    Row::new("read_other", Narrow, 0, &[read_by_search("openat")]),
    Row::new("read_other", Dropped, EACCES, &reads_refused("openat")).wants(&["CAP_DAC_OVERRIDE"]),
    Row::new("search_other", Default, 0, &reads("newfstatat")),
    Row::new("search_other", Narrow, 0, &[read_by_search("newfstatat")]),
    Row::new("search_other", Dropped, EACCES, &reads_refused("newfstatat")).wants(&["CAP_DAC_OVERRIDE"]),
    Row::new("list_other", Default, 0, &reads("openat")),
    Row::new("list_other", Narrow, 0, &[read_by_search("openat")]),
    Row::new("list_other", Dropped, EACCES, &reads_refused("openat")).wants(&["CAP_DAC_OVERRIDE"]),
    Row::new("exec_other", Default, EACCES, &[]),
    Row::new("open_handle", Default, EPERM, &[refused("CAP_DAC_READ_SEARCH", "open_by_handle_at", HANDLE)])
        .wants(&["CAP_DAC_READ_SEARCH"]),
    Row::new("open_handle", Narrow, 0, &[Asked::need("CAP_DAC_READ_SEARCH", "open_by_handle_at", HANDLE, &["handle"])]),
    Row::new("change_owner", Default, 0, &[Asked::need("CAP_CHOWN", "chown", ATTRIBUTES, &["another user"])]),
    Row::new("change_owner", Dropped, EPERM, &[refused("CAP_CHOWN", "chown", ATTRIBUTES)]).wants(&["CAP_CHOWN"]),
    Row::new(
        "change_mode",
        Default,
        0,
        &[Asked::need("CAP_FOWNER", "chmod", ATTRIBUTES, &["belongs to another"]), PLAIN_MODE],
    ),
    Row::new("change_mode", Dropped, EPERM, &[refused("CAP_FOWNER", "chmod", ATTRIBUTES)]).wants(&["CAP_FOWNER"]),
    Row::new(
        "change_times",
        Default,
        0,
        &[Asked::need("CAP_FOWNER", "utimensat", ATTRIBUTES, &["belongs to another"])],
    ),
    Row::new("change_times", Dropped, EPERM, &[refused("CAP_FOWNER", "utimensat", ATTRIBUTES)]).wants(&["CAP_FOWNER"]),
    Row::new(
        "unlink_sticky",
        Default,
        0,
        &[Asked::need("CAP_FOWNER", "unlink", &["may_delete", "__check_sticky"], &["belongs to another"])],
    ),
    Row::new("unlink_sticky", Dropped, EPERM, &[refused("CAP_FOWNER", "unlink", &["may_delete", "__check_sticky"])])
        .wants(&["CAP_FOWNER"]),
    Row::new(
        "open_noatime",
        Default,
        0,
        &[Asked::need("CAP_FOWNER", "openat", &["may_open", "inode_owner_or_capable"], &[])],
    ),
    Row::new(
        "open_noatime",
        Dropped,
        EPERM,
        &[refused("CAP_FOWNER", "openat", &["may_open", "inode_owner_or_capable"])],
    )
    .wants(&["CAP_FOWNER"]),
    Row::new("chmod_setgid", Default, 0, &[Asked::need("CAP_FSETID", "chmod", MODE_BITS, &["set-group-id"])]),
    Row::new(
        "chmod_setgid",
        Dropped,
        0,
        &[Asked::apart("harmless", "CAP_FSETID", "chmod", MODE_BITS).why(&["set-group-id", "silence"])],
    ),
    Row::new("chmod_plain", Default, 0, &[PLAIN_MODE]),
    Row::new("chmod_plain", Dropped, 0, &[PLAIN_MODE]),
    Row::new("write_setgid", Default, 0, &[Asked::need("CAP_FSETID", "write", STRIPPED, &["set-group-id"])]),
    Row::new("write_setgid", Dropped, 0, &[Asked::apart("harmless", "CAP_FSETID", "write", STRIPPED)]),
    Row::new("make_device", Default, 0, &[Asked::need("CAP_MKNOD", "mknodat", &["vfs_mknod"], &["device"])]),
    Row::new("make_device", Dropped, EPERM, &[refused("CAP_MKNOD", "mknodat", &["vfs_mknod"])]).wants(&["CAP_MKNOD"]),
    Row::new("make_fifo", Default, 0, &[]),
    Row::new("make_fifo", Dropped, 0, &[]),
    Row::new("set_file_cap", Default, 0, &[Asked::need("CAP_SETFCAP", "setxattr", &["cap_convert_nscap"], &["file"])]),
    Row::new("set_file_cap", Dropped, EPERM, &[refused("CAP_SETFCAP", "setxattr", &["cap_convert_nscap"])])
        .wants(&["CAP_SETFCAP"]),
];
