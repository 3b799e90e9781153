//! Denied, and no need: fall-backs, and what the call does without. Denied, and a finding.

use ctrec_recording::{Audit, Ended};

use super::*;
use crate::testing::{denied, granted};

#[test]
fn denied_and_succeeded_is_harmless() {
    let judged = asked([denied("SYSLOG", "openat").by(&["kallsyms_show_value", "kallsyms_open"])]);
    assert_eq!(classes(&judged), [("SYSLOG", Class::Harmless)]);
    assert!(judged.apart[0].why.contains("zeroes"));
    assert_eq!(class(denied("SYS_NICE", "setpriority").by(&["some_new_function"])), Class::Harmless);
}

#[test]
fn what_only_shows_more_is_not_needed_where_it_was_granted() {
    assert_eq!(class(granted("SYSLOG", "openat").by(&["kallsyms_show_value"])), Class::Harmless);
}

#[test]
fn a_pair_resolves_to_the_one_that_was_granted() {
    let judged = asked([
        denied("NET_RAW", "setsockopt").by(&["sockopt_ns_capable", "sk_setsockopt"]),
        granted("NET_ADMIN", "setsockopt").by(&["sockopt_ns_capable", "sk_setsockopt"]),
    ]);
    assert_eq!(classes(&judged), [("NET_RAW", Class::Fallback)]);
    assert_eq!(judged.flags(), "--cap-drop=ALL --cap-add=NET_RAW", "the narrow one of the pair");
    assert!(why(&judged, "NET_RAW").contains("not seen granted"), "{judged:?}");
}

#[test]
fn the_broad_one_of_a_pair_is_never_recommended_where_the_narrow_one_does() {
    for (narrow, call, frames) in [
        ("PERFMON", "perf_event_open", &["perf_allow_kernel", "__do_sys_perf_event_open"][..]),
        ("BPF", "bpf", &["map_create", "__sys_bpf"]),
        ("SYSLOG", "syslog", &["check_syslog_permissions", "do_syslog"]),
        ("CHECKPOINT_RESTORE", "clone3", &["alloc_pid", "copy_process"]),
        ("SYS_RESOURCE", "fork", &["copy_process"]),
    ] {
        let judged = asked([denied(narrow, call).by(frames), granted("SYS_ADMIN", call).by(frames)]);
        assert_eq!(judged.names(), [narrow], "{judged:?}");
        assert_eq!(classes(&judged), [(narrow, Class::Fallback)]);
        let seen = asked([granted(narrow, call).by(frames)]);
        assert_eq!(seen.names(), [narrow]);
    }
}

#[test]
fn a_function_that_asks_for_the_broad_one_alone_needs_it() {
    let judged = asked([
        denied("BPF", "bpf").by(&["map_create"]),
        granted("SYS_ADMIN", "bpf").sampled(2, &["map_create"]).by(&["bpf_prog_query"]),
    ]);
    assert_eq!(judged.names(), ["BPF", "SYS_ADMIN"]);
    assert!(why(&judged, "SYS_ADMIN").contains("asked for alone by bpf_prog_query"), "{judged:?}");
    let apart = asked([
        denied("BPF", "bpf").by(&["map_create"]).failed(1),
        granted("SYS_ADMIN", "bpf").by(&["bpf_prog_query"]),
    ]);
    assert_eq!(apart.names(), ["SYS_ADMIN"], "calls that ended otherwise are others");
}

#[test]
fn the_broad_one_that_is_asked_for_first_hides_the_narrow_one() {
    let all = asked([granted("SYS_ADMIN", "ioprio_set").by(&["ioprio_check_cap.part.0"])]);
    assert_eq!(all.names(), ["SYS_NICE"]);
    let inlined = asked([granted("SYS_ADMIN", "ioprio_set").by(&["__do_sys_ioprio_set"])]);
    assert_eq!(inlined.names(), ["SYS_NICE"]);
    let fell_back = asked([
        denied("SYS_ADMIN", "ioprio_set").by(&["ioprio_check_cap"]),
        granted("SYS_NICE", "ioprio_set").by(&["ioprio_check_cap"]),
    ]);
    assert_eq!((fell_back.names(), classes(&fell_back)), (vec!["SYS_NICE"], vec![("SYS_ADMIN", Class::Fallback)]));
}

#[test]
fn of_a_pair_that_was_refused_the_narrow_one_is_named() {
    for (narrow, broad, call) in [
        ("PERFMON", "SYS_ADMIN", "perf_event_open"),
        ("SYS_NICE", "SYS_ADMIN", "ioprio_set"),
        ("NET_RAW", "NET_ADMIN", "setsockopt"),
    ] {
        let judged = asked([denied(narrow, call).failed(1), denied(broad, call).failed(1)]);
        assert!(judged.needs.is_empty());
        let named: Vec<_> = judged.findings.iter().filter(|it| it.kind == Kind::CapabilityRefused).collect();
        assert_eq!(named.len(), 1, "{named:?}");
        assert!(named[0].text.starts_with(&format!("CAP_{narrow} was wanted")), "{named:?}");
        assert!(named[0].advice.contains(&format!("--cap-add={narrow}")), "{named:?}");
        assert_eq!(named[0].evidence, [format!("/usr/sbin/nginx: {call}, EPERM, 1 time")]);
    }
}

#[test]
fn denied_and_failed_is_a_finding_with_any_errno() {
    for errno in [1, 13] {
        let judged = asked([denied("CHOWN", "fchownat").by(&["chown_ok", "setattr_prepare"]).failed(errno)]);
        assert_eq!(classes(&judged), [("CHOWN", Class::Refused)]);
        assert_eq!(found(&judged, Kind::CapabilityRefused).severity, crate::finding::Severity::Incomplete);
    }
}

#[test]
fn programs_go_on_without_what_they_may_be_refused() {
    for (capability, call, frames) in [
        ("SYS_RESOURCE", "prlimit64", &["do_prlimit"][..]),
        ("SYS_RESOURCE", "fcntl", &["pipe_fcntl"]),
        ("SYS_RESOURCE", "write", &["__set_oom_adj.isra.0"]),
        ("SYS_NICE", "setpriority", &["can_nice"]),
        ("SYS_NICE", "sched_setscheduler", &["__sched_setscheduler"]),
        ("IPC_LOCK", "mmap", &["hugetlb_file_setup"]),
        ("FOWNER", "openat", &["inode_owner_or_capable", "may_open"]),
        ("FOWNER", "openat", &["may_open", "path_openat"]),
        ("SYS_PTRACE", "userfaultfd", &["__do_sys_userfaultfd"]),
        ("SYS_PTRACE", "readlink", &["__ptrace_may_access", "ptrace_may_access", "proc_pid_readlink"]),
    ] {
        let judged = asked([denied(capability, call).by(frames).failed(1)]);
        assert_eq!(classes(&judged), [(capability, Class::Refused)]);
        assert!(
            ["userfaultfd", "openat"].contains(&call) || judged.apart[0].why.contains("go on"),
            "{}",
            judged.apart[0].why
        );
        let finding = found(&judged, Kind::CapabilityRefused);
        assert_eq!(finding.severity, crate::finding::Severity::Note);
        assert!(finding.advice.contains(&format!("--cap-add={capability}")), "{finding:?}");
    }
}

#[test]
fn netlink_tells_the_outcome_later() {
    for frames in [&["netlink_capable", "rtnetlink_rcv_msg"][..], &["netlink_net_capable"], &["audit_receive_msg"]] {
        for question in [denied("NET_ADMIN", "sendto"), denied("NET_ADMIN", "sendto").failed(1)] {
            let judged = asked([question.by(frames)]);
            assert_eq!(classes(&judged), [("NET_ADMIN", Class::Elsewhere)]);
            found(&judged, Kind::CapabilityElsewhere);
        }
        assert_eq!(class(granted("NET_ADMIN", "sendto").by(frames)), Class::Need);
    }
}

#[test]
fn an_outcome_that_nobody_knows_makes_a_need_or_a_finding() {
    for ended in [Ended::Interrupted, Ended::Unfinished, Ended::NoCall, Ended::Unknown] {
        let judged = asked([granted("CHOWN", "fchownat").ended(ended)]);
        assert!(why(&judged, "CHOWN").contains("so it counts as needed"), "{judged:?}");
        assert_eq!(judged.needs[0].reasons[0].call.is_none(), ended == Ended::NoCall);
        assert_eq!(class(denied("CHOWN", "fchownat").ended(ended)), Class::Elsewhere);
    }
}

#[test]
fn granted_and_failed_is_no_need() {
    let judged = asked([granted("SYS_ADMIN", "mount").failed(22).audit(Audit::Unknown)]);
    assert_eq!(classes(&judged), [("SYS_ADMIN", Class::FailedAnyway)]);
    assert!(judged.apart[0].why.contains("EINVAL"));
}

#[test]
fn a_capability_that_older_engines_do_not_know_is_said() {
    let said = |judged: &Capabilities| judged.findings.iter().any(|finding| finding.kind == Kind::NewName);
    assert!(said(&asked([granted("PERFMON", "perf_event_open")])));
    assert!(!said(&asked([granted("CHOWN", "fchownat")])));
}
