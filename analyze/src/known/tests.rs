//! The files of `profiles/` are whole, agree with each other, and give the numbers that are known of their sources.

use std::collections::BTreeSet;

use ctrec_recording::{Abi, Origin};

use super::*;
use crate::dialect::{ParseContext, parse};
use crate::{abi, names};

/// Calls that belong to a runtime's set-up, before its filter: in no baseline, whatever was recorded by mistake.
const SET_UP: [&str; 9] =
    ["mount", "umount2", "pivot_root", "unshare", "setns", "clone", "clone3", "mknodat", "sethostname"];

fn docker() -> &'static EngineDefault {
    engine_default("docker").unwrap()
}

fn capabilities(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| format!("CAP_{name}")).collect()
}

fn all_baselines() -> Vec<BaselineCall> {
    [Origin::Init, Origin::Exec].into_iter().flat_map(|origin| runtime_baseline(None, None, origin)).collect()
}

/// Names of the `x86_64` table of Debian 12's kernel headers, which the published counts are about: up to 450, without
/// two that later kernels put into the gap after 334.
fn debian_12_names() -> Vec<&'static str> {
    let old = |(number, _): &(i64, &str)| *number <= 450 && !matches!(number, 335 | 336);
    names::known(Abi::X86_64).filter(old).map(|(_, name)| name).collect()
}

#[test]
fn docker_default_gives_the_published_counts() {
    let names = debian_12_names();
    assert_eq!(names.len(), 362);
    let count = |caps: &BTreeSet<String>, wanted: fn(Verdict) -> bool| {
        names.iter().filter(|name| wanted(docker().verdict(name, Architecture::X86_64, caps))).count()
    };
    let granted = default_capabilities("docker");
    assert_eq!(count(&granted, |verdict| verdict == Verdict::Allowed), 292);
    assert_eq!(count(&granted, |verdict| verdict == Verdict::Conditional), 3);
    assert_eq!(count(&granted, |verdict| matches!(verdict, Verdict::Refused(_))), 67);
    assert_eq!(count(&BTreeSet::new(), |verdict| matches!(verdict, Verdict::Refused(_))), 68);
}

#[test]
fn docker_default_has_every_rule_and_name_of_its_source() {
    let source: serde_json::Value =
        serde_json::from_str(include_str!("../../../fixtures/profiles/docker-default/profile.json")).unwrap();
    let rules = source["syscalls"].as_array().unwrap();
    let names: BTreeSet<&str> =
        rules.iter().flat_map(|rule| rule["names"].as_array().unwrap()).map(|name| name.as_str().unwrap()).collect();
    assert_eq!((rules.len(), names.len()), (33, 426));
    // Whatever the host and the capabilities, both forms mean the same profile.
    let text = source.to_string();
    for architecture in [Architecture::X86_64, Architecture::Aarch64] {
        for granted in [&[][..], &["SYS_ADMIN"], &["SYS_PTRACE", "BPF"], &["SYS_TIME", "SYS_CHROOT", "SYSLOG"]] {
            for kernel in [(4, 7), (4, 8), (6, 18)] {
                let capabilities = capabilities(granted);
                let ours = docker().profile(architecture, &capabilities, kernel);
                let mut theirs = parse(&text, &ParseContext { capabilities, architecture, kernel }).unwrap();
                assert_eq!(theirs.warnings, [""; 0]);
                let rules = &mut theirs.profile.rules;
                rules.sort_by(|a, b| (&a.name, &a.conditions, a.action).cmp(&(&b.name, &b.conditions, b.action)));
                rules.dedup();
                assert_eq!(ours, theirs.profile, "{architecture:?} {granted:?} {kernel:?}");
            }
        }
    }
}

#[test]
fn verdicts_depend_on_capabilities_arguments_and_architecture() {
    let verdict = |name, architecture, caps: &[&str]| docker().verdict(name, architecture, &capabilities(caps));
    let x86_64 = Architecture::X86_64;
    assert_eq!(verdict("read", x86_64, &[]), Verdict::Allowed);
    assert_eq!(verdict("mount", x86_64, &[]), Verdict::Refused(1));
    assert_eq!(verdict("mount", x86_64, &["SYS_ADMIN"]), Verdict::Allowed);
    assert_eq!(verdict("clone", x86_64, &[]), Verdict::Conditional);
    assert_eq!(verdict("clone", x86_64, &["SYS_ADMIN"]), Verdict::Allowed);
    assert_eq!(verdict("clone3", x86_64, &[]), Verdict::Refused(38));
    assert_eq!(verdict("ptrace", x86_64, &[]), Verdict::Allowed);
    assert_eq!(verdict("no_such_call", x86_64, &[]), Verdict::Refused(1));
    assert_eq!(verdict("arch_prctl", Architecture::Aarch64, &[]), Verdict::Refused(1));
    assert_eq!(verdict("set_tls", Architecture::Arm, &[]), Verdict::Allowed);
    assert_eq!(verdict("modify_ldt", Architecture::X86, &[]), Verdict::Allowed, "a 32-bit call of a 64-bit host");
}

#[test]
fn allowed_names_are_those_of_the_architecture() {
    let none = BTreeSet::new();
    let x86_64 = docker().allowed_names(Architecture::X86_64, &none);
    let aarch64 = docker().allowed_names(Architecture::Aarch64, &none);
    assert!(x86_64.contains("open") && x86_64.contains("clone") && !x86_64.contains("mount"));
    assert!(!aarch64.contains("open") && aarch64.contains("openat"));
}

#[test]
fn docker_grants_fourteen_capabilities() {
    // The mask that /proc/PID/status shows, bit by bit.
    let granted = default_capabilities("docker");
    let bits = [
        "CHOWN",
        "DAC_OVERRIDE",
        "",
        "FOWNER",
        "FSETID",
        "KILL",
        "SETGID",
        "SETUID",
        "SETPCAP",
        "",
        "NET_BIND_SERVICE",
        "",
        "",
        "NET_RAW",
        "",
        "",
        "",
        "",
        "SYS_CHROOT",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "MKNOD",
        "",
        "AUDIT_WRITE",
        "",
        "SETFCAP",
    ];
    let mask = bits.iter().enumerate().filter(|(_, name)| granted.contains(&format!("CAP_{name}")));
    assert_eq!(mask.map(|(bit, _)| 1_u64 << bit).sum::<u64>(), 0xa804_25fb);
    assert_eq!(granted.len(), 14);
    assert!(default_capabilities("no such engine").is_empty());
    assert!(engine_default("no such engine").is_none());
}

#[test]
fn no_baseline_has_a_call_of_set_up() {
    for call in all_baselines() {
        assert!(!SET_UP.contains(&call.name), "{} in {}", call.name, call.baseline);
    }
}

#[test]
fn every_baseline_executes_and_says_why() {
    let calls = all_baselines();
    let baselines: BTreeSet<&str> = calls.iter().map(|call| call.baseline.as_str()).collect();
    assert_eq!(baselines.len(), 16, "two runtimes, two version ranges, two origins, with and without no_new_privs");
    for baseline in baselines {
        let executes = |call: &&BaselineCall| call.name == "execve" && call.need == Need::Always;
        assert!(calls.iter().filter(|call| call.baseline == baseline).any(|call| executes(&call)), "{baseline}");
    }
    for call in &calls {
        assert!(!call.why.is_empty() && !call.source.what.is_empty(), "{} in {}", call.name, call.baseline);
        assert!(names::number(Abi::X86_64, call.name).is_some(), "{} is a call of x86_64", call.name);
        assert!(names::number(Abi::Aarch64, call.name).is_some(), "{} is a call of aarch64", call.name);
    }
}

#[test]
fn what_is_not_known_is_answered_with_everything_it_could_be() {
    let names = |runtime, no_new_privs| -> BTreeSet<&str> {
        runtime_baseline(runtime, no_new_privs, Origin::Init).iter().map(|call| call.name).collect()
    };
    let union: BTreeSet<&str> = names(Some("runc"), Some(false))
        .into_iter()
        .chain(names(Some("runc"), Some(true)))
        .chain(names(Some("crun"), Some(false)))
        .chain(names(Some("crun"), Some(true)))
        .collect();
    assert_eq!(names(None, None), union);
    assert_eq!(names(Some("youki"), None), union, "a runtime without data may be like any other");
    assert!(!names(Some("crun"), None).contains("getdents64"), "crun's own list is shorter than the union");
}

#[test]
fn no_new_privs_makes_the_lists_shorter() {
    let needed = |runtime, no_new_privs| -> BTreeSet<&str> {
        let calls = runtime_baseline(Some(runtime), Some(no_new_privs), Origin::Init);
        calls.iter().filter(|call| call.need == Need::Always).map(|call| call.name).collect()
    };
    assert_eq!(needed("runc", true), BTreeSet::from(["close", "execve", "fstatfs", "getdents64", "openat", "write"]));
    assert_eq!(needed("crun", true), BTreeSet::from(["execve"]));
    for runtime in ["runc", "crun"] {
        assert!(needed(runtime, false).is_superset(&needed(runtime, true)));
        assert!(needed(runtime, false).contains("capset"));
    }
}

#[test]
fn always_needed_calls_exist_where_they_are_said_to() {
    let mut seen = BTreeSet::new();
    for call in always() {
        assert!(!call.architectures.is_empty() && !call.why.is_empty(), "{}", call.name);
        for architecture in &call.architectures {
            let abi = abi::of(*architecture);
            assert!(names::number(abi, call.name).is_some(), "{} has no {}", abi::text(abi), call.name);
            assert!(seen.insert((call.name, *architecture)), "{} is there twice for {architecture:?}", call.name);
        }
    }
    for name in ["exit_group", "rt_sigreturn", "restart_syscall", "futex", "munmap"] {
        let of_all = always().iter().any(|call| call.name == name && call.architectures.len() == 5);
        assert!(of_all, "{name} is needed everywhere");
    }
}

#[test]
fn dangerous_calls_are_old_enough_to_be_missed_and_are_in_no_baseline() {
    let mut seen = BTreeSet::new();
    let needed: BTreeSet<&str> =
        all_baselines().iter().map(|call| call.name).chain(always().iter().map(|call| call.name)).collect();
    for call in dangerous() {
        assert!(seen.insert(call.name), "{} is there once", call.name);
        assert!(!call.why.is_empty() && !needed.contains(call.name), "{}", call.name);
        let number = names::number(Abi::X86_64, call.name);
        assert!(number.is_none_or(|number| number < enosys_floor()), "{} must look absent", call.name);
    }
    for name in ["mount", "umount2", "pivot_root", "setns", "unshare", "bpf", "init_module", "kexec_load", "keyctl"] {
        assert!(seen.contains(name), "{name}");
    }
    assert_eq!(enosys_floor(), 424);
}

#[test]
fn what_no_filter_sees_is_a_call_of_its_architecture_alone() {
    for (name, number) in [("uretprobe", 335), ("uprobe", 336)] {
        assert_eq!(names::number(Abi::X86_64, name), Some(number));
        assert!(is_unfiltered(name, Architecture::X86_64));
        assert!(!is_unfiltered(name, Architecture::X86) && !is_unfiltered(name, Architecture::X32));
    }
    assert!(!is_unfiltered("read", Architecture::X86_64));
}

#[test]
fn data_says_where_it_comes_from() {
    assert!(docker().source.what.contains("moby/profiles"));
    assert!(docker().source.version.contains("cd3bed8"));
    assert_eq!(docker().source.licence, "Apache-2.0");
}

#[test]
fn capabilities_have_the_kernels_numbers() {
    for (number, name) in [(0, "CHOWN"), (10, "NET_BIND_SERVICE"), (21, "SYS_ADMIN"), (38, "PERFMON"), (39, "BPF")] {
        assert_eq!(capability_label(number), format!("CAP_{name}"));
        assert_eq!(capability_number(&format!("CAP_{name}")), Some(number));
    }
    assert_eq!((capability_name(40), capability_name(41)), (Some("CAP_CHECKPOINT_RESTORE"), None));
    assert_eq!((capability_label(41).as_str(), capability_number("CAP_41")), ("CAP_41", None));
}

#[test]
fn what_is_said_of_capabilities_names_only_what_there_is() {
    let file: serde_json::Value = serde_json::from_str(include_str!("../../../profiles/capabilities.json")).unwrap();
    let texts = |value: &serde_json::Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let list = |key: &str| file[key].as_array().unwrap();
    let mut capabilities: Vec<String> = list("askers").iter().flat_map(|group| texts(&group["capabilities"])).collect();
    for pair in list("pairs") {
        capabilities.extend(["narrow", "broad"].map(|key| pair[key].as_str().unwrap().to_owned()));
    }
    let mut calls = texts(&file["useful_without"]);
    for it in list("closed").iter().chain(list("useless_without")) {
        capabilities.push(it["capability"].as_str().unwrap().to_owned());
        calls.extend(texts(&it["calls"]));
    }
    calls.extend(list("pairs").iter().flat_map(|pair| texts(&pair["calls"])));
    calls.extend(texts(&file["dac"]["read_search_alone"]));
    assert!(capabilities.len() > 60 && calls.len() > 40);
    for name in &capabilities {
        assert!(capability_number(name).is_some(), "{name}");
    }
    for name in &calls {
        assert!(names::canonical(name).is_some(), "{name}");
    }
    for group in list("askers") {
        for function in texts(&group["functions"]).into_iter().chain(texts(&group["within"])) {
            assert_eq!(function_name(&function), function, "as symbols are spelt once suffixes and entries are off");
        }
    }
}

#[test]
fn symbols_lose_what_compilers_and_entries_add() {
    for (symbol, function) in [
        ("do_execveat_common.isra.0", "do_execveat_common"),
        ("__set_oom_adj.constprop.0.isra.0", "__set_oom_adj"),
        ("capable.part.0.cold", "capable"),
        ("__x64_sys_chroot", "sys_chroot"),
        ("__do_sys_reboot.llvm.123", "sys_reboot"),
        ("__ia32_compat_sys_ioctl", "sys_ioctl"),
        ("", ""),
    ] {
        assert_eq!(function_name(symbol), function);
    }
}

#[test]
fn a_group_that_wants_a_function_farther_out_looks_for_it() {
    let meaning = |frames: &[&str]| {
        let frames: Vec<String> = frames.iter().map(ToString::to_string).collect();
        asking(&frames, "CAP_SYS_PTRACE").map(|it| it.meaning)
    };
    assert_eq!(meaning(&["__ptrace_may_access", "ptrace_may_access", "do_task_stat"]), Some(Meaning::Probe));
    assert_eq!(meaning(&["__ptrace_may_access", "proc_pid_readlink"]), Some(Meaning::Tolerated));
    assert_eq!(meaning(&["__ptrace_may_access", "ptrace_attach"]), Some(Meaning::Need));
    assert_eq!(meaning(&["do_task_stat"]), None);
    assert_eq!(asking(&["__inet_bind".to_owned()], "CAP_SYS_ADMIN"), None);
}

#[test]
fn docker_ties_calls_to_capabilities_and_some_are_of_use_without() {
    assert_eq!(useless_without("mount"), [["CAP_SYS_ADMIN"]]);
    assert_eq!(useless_without("chroot"), [["CAP_SYS_CHROOT"]]);
    assert_eq!(useless_without("swapon"), [["CAP_SYS_ADMIN"]]);
    for name in ["read", "clone", "unshare", "bpf", "ptrace", "mbind"] {
        assert!(useless_without(name).is_empty(), "{name}");
    }
}
