//! Independent observers: what strace and bpftrace saw of the same run that ctrec recorded. One module each.

pub(crate) mod bpftrace;
pub(crate) mod strace;
