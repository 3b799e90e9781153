//! Checks that are no need, whatever their verdict.

use ctrec_recording::{Audit, Namespace, Origin, Phase, Whose};

use super::*;
use crate::testing::{denied, granted};

#[test]
fn what_the_runtime_asks_for_is_its_own() {
    for phase in [Phase::Setup, Phase::Runtime] {
        let judged = judge(&run().phase(Origin::Init, phase).asked(granted("SYS_ADMIN", "mount")));
        assert_eq!(classes(&judged), [("SYS_ADMIN", Class::Runtime)]);
        assert!(judged.needs.is_empty());
    }
}

#[test]
fn overlayfs_asks_with_the_credentials_of_its_mounter() {
    let frames = ["xattr_permission", "vfs_getxattr", "ovl_get_inode"];
    let asked = granted("SYS_ADMIN", "openat").by(&frames);
    assert_eq!(class(Question { credentials: Whose::Overridden, ..asked }), Class::Overridden);
}

#[test]
fn memory_is_probed_for_under_each_of_its_names() {
    for function in ["cap_vm_enough_memory", "security_vm_enough_memory_mm", "__vm_enough_memory.part.0"] {
        for audit in [Audit::Probe, Audit::Unknown, Audit::Audited] {
            let asked = granted("SYS_ADMIN", "mmap").audit(audit).by(&[function, "mmap_region"]);
            assert_eq!(class(asked), Class::Probe, "{function} {audit:?}");
        }
    }
}

#[test]
fn a_probe_of_a_user_is_a_probe_too() {
    let asked = denied("SYS_ADMIN", "mmap").audit(Audit::Unknown).by(&["security_vm_enough_memory_mm"]);
    assert_eq!(class(Question { root: false, ..asked }), Class::Probe);
}

#[test]
fn an_unaudited_check_is_a_probe_without_any_symbol() {
    assert_eq!(class(granted("SYS_RESOURCE", "write").audit(Audit::Probe)), Class::Probe);
    assert_eq!(class(granted("SYS_RESOURCE", "write").audit(Audit::Unknown)), Class::Need, "judged as audited");
}

#[test]
fn known_probes_are_told_by_their_functions() {
    for (capability, call, frames) in [
        ("SYS_PTRACE", "read", &["__ptrace_may_access", "ptrace_may_access", "do_task_stat"][..]),
        ("SYS_PTRACE", "execve", &["ptracer_capable"]),
        ("NET_ADMIN", "openat", &["net_ctl_permissions"]),
        ("SYS_ADMIN", "socket", &["__vsock_create.constprop.0"]),
        ("SYS_ADMIN", "setsockopt", &["do_jit", "bpf_int_jit_compile"]),
        ("SYS_ADMIN", "listxattr", &["simple_xattr_list"]),
        ("SYS_ADMIN", "listxattr", &["ovl_listxattr"]),
        ("SYS_ADMIN", "listxattr", &["some_filesystem", "vfs_listxattr"]),
        ("SYS_ADMIN", "statmount", &["__do_sys_statmount"]),
        ("SYS_RESOURCE", "write", &["ext4_has_free_clusters"]),
        ("SYS_ADMIN", "write", &["oom_badness"]),
    ] {
        assert_eq!(class(granted(capability, call).audit(Audit::Unknown).by(frames)), Class::Probe, "{frames:?}");
        assert_eq!(class(denied(capability, call).audit(Audit::Unknown).by(frames)), Class::Probe, "{frames:?}");
    }
}

#[test]
fn a_filter_without_no_new_privs_needs_what_it_asks_for_without_audit() {
    for (call, frames) in [
        ("seccomp", &["seccomp_prepare_filter.isra.0", "seccomp_set_mode_filter"][..]),
        ("prctl", &["seccomp_set_mode_filter", "prctl_set_seccomp"]),
        ("landlock_restrict_self", &["__do_sys_landlock_restrict_self"]),
    ] {
        let judged = asked([granted("SYS_ADMIN", call).audit(Audit::Probe).by(frames)]);
        assert!(why(&judged, "SYS_ADMIN").contains("set no_new_privs"), "{judged:?}");
        let refused = asked([denied("SYS_ADMIN", call).audit(Audit::Probe).by(frames).failed(13)]);
        assert_eq!(classes(&refused), [("SYS_ADMIN", Class::Refused)]);
    }
}

#[test]
fn a_filter_that_is_compiled_is_told_from_one_that_is_loaded() {
    let asked_for = granted("SYS_ADMIN", "seccomp").audit(Audit::Probe);
    let compiled = ["do_jit", "bpf_int_jit_compile", "bpf_prog_create_from_user", "seccomp_set_mode_filter"];
    assert_eq!(class(asked_for.clone().by(&compiled)), Class::Probe);
    let both = asked([asked_for.sampled(3, &compiled).by(&["seccomp_set_mode_filter"])]);
    assert!(why(&both, "SYS_ADMIN").contains("1 of 4 samples"), "{both:?}");
}

#[test]
fn a_kind_with_probes_and_others_is_a_need_on_the_strength_of_the_others() {
    let mixed = granted("SYS_ADMIN", "clone").audit(Audit::Unknown);
    let mixed = mixed.sampled(13, &["security_vm_enough_memory_mm"]).sampled(3, &["create_new_namespaces"]);
    let judged = asked([mixed]);
    assert!(why(&judged, "SYS_ADMIN").contains("3 of 16 samples"), "{judged:?}");
    let functions: Vec<_> = judged.needs[0].reasons[0].functions.iter().map(|it| (&*it.name, it.samples)).collect();
    assert_eq!(functions, [("create_new_namespaces", 3), ("security_vm_enough_memory_mm", 13)]);
}

#[test]
fn the_workloads_own_user_namespace_is_no_business_of_the_container() {
    for holder in [Namespace::Container, Namespace::Inside] {
        let asked = granted("SYS_ADMIN", "mount").by(&["path_mount"]);
        assert_eq!(class(Question { target: Namespace::Inside, holder, ..asked }), Class::OwnNamespace);
    }
}

#[test]
fn no_added_capability_reaches_a_namespace_outside() {
    let clock = denied("SYS_TIME", "settimeofday").failed(1);
    assert_eq!(class(Question { target: Namespace::Outside, ..clock }), Class::Unreachable);
    let inside = denied("SYS_ADMIN", "mount").failed(1);
    assert_eq!(class(Question { holder: Namespace::Inside, ..inside }), Class::Unreachable);
    let joined = granted("SYS_ADMIN", "mount");
    assert_eq!(class(Question { holder: Namespace::Outside, ..joined }), Class::Unreachable);
}

#[test]
fn what_a_program_gave_up_itself_cannot_be_added() {
    let given_up = denied("CHOWN", "chown").failed(1);
    assert_eq!(class(Question { bounded: true, ..given_up }), Class::Unreachable);
}

#[test]
fn arguments_that_ask_for_nothing_need_nothing() {
    for (capability, call) in [("SETUID", "setuid"), ("SETGID", "setgid"), ("SETPCAP", "capset"), ("FSETID", "chmod")] {
        let of_user = Question { root: false, ..denied(capability, call) };
        for question in [granted(capability, call), denied(capability, call), of_user] {
            assert_eq!(class(Question { needless: true, ..question }), Class::Needless);
        }
    }
}
