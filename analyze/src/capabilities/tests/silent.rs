//! Needs that leave no check, and users that no added capability reaches.

use ctrec_recording::{Namespace, Origin, Phase};

use super::*;
use crate::testing::{denied, granted, mask};

#[test]
fn an_executed_file_needs_its_capabilities_in_the_bounding_set() {
    let ping = |bounding: u64, permitted: u64| {
        let run = run().program("/bin/ping").file(&["CAP_NET_RAW"]);
        judge(&run.ran(Cause::Execve, |it| {
            (it.root, it.user, it.bounding, it.permitted) = (false, 1000, bounding, permitted);
        }))
    };
    let net_raw = mask(&["NET_RAW"]);
    let judged = ping(net_raw, net_raw);
    assert_eq!(judged.names(), ["NET_RAW"]);
    assert_eq!(judged.needs[0].reasons[0].kind, crate::capabilities::ReasonKind::FileCapabilities);
    assert!(ping(0, 0).needs.is_empty(), "it ran without");
    assert!(ping(net_raw, 0).needs.is_empty(), "no_new_privs or nosuid took it");
}

#[test]
fn a_file_that_nobody_read_is_told_by_what_its_user_has() {
    let ran = |permitted: &[&str], bounding: &[&str], ambient: &[&str]| {
        judge(&run().program("/bin/ping").ran(Cause::Execve, |it| {
            (it.root, it.user) = (false, 1000);
            (it.permitted, it.bounding, it.ambient) = (mask(permitted), mask(bounding), mask(ambient));
        }))
    };
    let judged = ran(&["NET_RAW"], &["NET_RAW", "CHOWN"], &[]);
    assert_eq!(judged.names(), ["NET_RAW"]);
    assert!(judged.findings.iter().all(|finding| finding.kind != Kind::FilesUnread), "nothing is left to know");
    let handed = ran(&["NET_RAW"], &["NET_RAW", "CHOWN"], &["NET_RAW"]);
    assert_eq!(handed.needs[0].reasons[0].kind, crate::capabilities::ReasonKind::Ambient);
    let real_root = ran(&["NET_RAW", "CHOWN"], &["NET_RAW", "CHOWN"], &[]);
    assert!(real_root.needs.is_empty(), "root by its real user has all");
    found(&real_root, Kind::FilesUnread);
}

#[test]
fn files_need_the_bounding_set_with_no_new_privs_too() {
    let run = run().that(|container| container.no_new_privs = Some(true)).program("/bin/ping").file(&["CAP_NET_RAW"]);
    assert_eq!(judge(&run.ran(Cause::Execve, |it| it.bounding = mask(&["NET_RAW"]))).names(), ["NET_RAW"]);
}

#[test]
fn a_file_that_was_not_read_is_a_finding() {
    let judged = judge(&run().program("/bin/ping").ran(Cause::Execve, |_| ()));
    assert_eq!(found(&judged, Kind::FilesUnread).evidence, ["/bin/ping"]);
}

#[test]
fn a_list_of_a_few_fails_as_a_whole() {
    let capset = |permitted: &[&str]| {
        let before = mask(&["CHOWN", "SETUID", "SETGID", "NET_RAW", "KILL"]);
        judge(&run().ran(Cause::Capset, |it| (it.before, it.permitted) = (before, mask(permitted))))
    };
    let few = capset(&["NET_RAW"]);
    assert_eq!(few.names(), ["NET_RAW"]);
    assert_eq!(few.needs[0].reasons[0].call.as_deref(), Some("capset"));
    let most = capset(&["CHOWN", "SETUID", "SETGID"]);
    assert!(most.needs.is_empty());
    assert_eq!(most.apart.len(), 3);
    for list in [&[][..], &["CHOWN", "SETUID", "SETGID", "NET_RAW", "KILL"]] {
        let judged = capset(list);
        assert!(judged.needs.is_empty() && judged.apart.is_empty(), "{list:?}");
    }
}

#[test]
fn an_ambient_set_that_the_workload_raised_is_needed() {
    let raised = judge(&run().program("/bin/child").file(&[]).ran(Cause::Execve, |it| it.ambient = mask(&["NET_RAW"])));
    assert_eq!(raised.names(), ["NET_RAW"]);
    assert_eq!(raised.needs[0].reasons[0].kind, crate::capabilities::ReasonKind::Ambient);
}

/// A container whose runtime executes a server as another user than root.
fn as_user(change: impl FnOnce(&mut ctrec_recording::Identity)) -> Run {
    let run = Run::new("r").counting().program("/usr/bin/runc").phase(Origin::Init, Phase::Runtime).made("read", 1);
    let run = run.program("/server").file(&[]).phase(Origin::Init, Phase::Workload).started_by(2);
    run.ran(Cause::Execve, |it| {
        (it.root, it.user) = (false, 33);
        change(it);
    })
}

#[test]
fn an_ambient_set_of_the_runtimes_is_not() {
    assert!(judge(&as_user(|it| it.ambient = mask(&["NET_RAW"]))).needs.is_empty());
}

#[test]
fn a_container_that_is_never_root_is_told_so() {
    let judged = judge(&as_user(|_| ()).asked(Question { root: false, ..denied("CHOWN", "chown").failed(1) }));
    assert_eq!(found(&judged, Kind::NotRoot).evidence, ["/server: user 33"]);
    assert_eq!(classes(&judged), [("CHOWN", Class::Unreachable)]);
    assert!(
        judged.findings.iter().all(|finding| finding.kind != Kind::CapabilityRefused),
        "no advice that cannot help"
    );
    let ambient = judge(&as_user(|it| it.ambient = mask(&["NET_RAW"])));
    assert!(ambient.findings.iter().all(|finding| finding.kind != Kind::NotRoot));
    let exec = as_user(|_| ()).program("/bin/chown").phase(Origin::Exec, Phase::Workload);
    let exec = judge(&exec.ran(Cause::Execve, |it| it.root = true));
    assert!(exec.findings.iter().all(|finding| finding.kind != Kind::NotRoot), "docker exec as root");
}

#[test]
fn file_capabilities_and_set_user_id_reach_a_user() {
    let asked = || Question { root: false, ..denied("NET_RAW", "socket").failed(1) };
    let with_file = as_user(|_| ()).file(&["CAP_NET_RAW"]).asked(asked());
    assert_eq!(classes(&judge(&with_file)), [("NET_RAW", Class::Refused)]);
    let judged = judge(&as_user(|it| it.set_user_id = true).asked(asked()));
    assert_eq!(classes(&judged), [("NET_RAW", Class::Refused)]);
    assert_eq!(found(&judged, Kind::SetUserId).evidence, ["/server"]);
}

#[test]
fn an_execve_that_the_bounding_set_refused_is_a_finding() {
    let judged = judge(&run().failed("execve", 1, 2).failed("execve", 2, 7));
    assert_eq!(found(&judged, Kind::ExecveRefused).evidence, ["/usr/sbin/nginx: 2 times"]);
}

#[test]
fn settings_of_the_network_that_spare_a_capability_are_told() {
    let with = |json: &str| {
        let run = run().that(|container| container.network_json = Some(json.to_owned()));
        judge(&run.made("bind", 1).made("socket", 1))
    };
    let json = r#"{"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0\t2147483647"}"#;
    let finding = with(json);
    let lines = &found(&finding, Kind::NetworkSettings).evidence;
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains("CAP_NET_BIND_SERVICE") && lines[1].contains("0 2147483647"), "{lines:?}");
    let json = r#"{"net.ipv4.ip_unprivileged_port_start": 1024, "net.ipv4.ping_group_range": "1 0"}"#;
    assert!(with(json).findings.iter().all(|finding| finding.kind != Kind::NetworkSettings));
}

#[test]
fn what_leaves_no_check_and_may_be_needed_is_said() {
    let said = |judged: &Capabilities, kind: Kind| judged.findings.iter().any(|finding| finding.kind == kind);
    let lookup = |errno| asked([granted("DAC_OVERRIDE", "newfstatat").by(&["generic_permission"]).failed(errno)]);
    assert!(said(&lookup(2), Kind::OtherErrno), "ENOENT becomes EACCES");
    assert!(!said(&lookup(13), Kind::OtherErrno));
    let mount = granted("SYS_ADMIN", "mount").by(&["path_mount"]);
    let own_namespace = asked([Question { target: Namespace::Inside, ..mount }]);
    assert!(said(&own_namespace, Kind::Unasked), "root of a user namespace");
    assert!(!said(&asked([granted("CHOWN", "fchownat")]), Kind::Unasked));
    assert!(said(&judge(&Run::new("r").counting()), Kind::NothingSeen));
    assert!(!said(&judge(&run()), Kind::NothingSeen));
}
