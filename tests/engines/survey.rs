//! `ctrec doctor` as root says what a recording made here says of itself, and what a machine lacks that cannot record.

use serde_json::Value;
use tempfile::TempDir;

use crate::broken::{NO_BTF, NO_CGROUPS, NO_PROC, NO_SYSFS, OTHER_BTF, hide_tracepoint, in_own_mounts};
use crate::gate;
use crate::image::text;
use crate::recorder::{Recorded, ctrec, record_command};

#[test]
fn the_doctor_names_the_hook_that_a_recording_uses() {
    if !gate::open("the_doctor_names_the_hook_that_a_recording_uses", &[]) {
        return;
    }
    let shown: Value = serde_json::from_str(&ctrec(&["doctor", "--format", "json"]).success()).unwrap();
    assert_eq!(shown["can_record"], true, "{shown:#}");
    let (outcome, recorded) = record_command(&["/bin/true"]);
    outcome.success();
    let header = &recorded.recording().header;
    assert_eq!((&shown["kernel"], &shown["machine"]), (&header.kernel.clone().into(), &header.arch.clone().into()));

    let answer = |subject: &str| {
        let mut all = shown["answers"].as_array().unwrap().iter();
        all.find(|answer| answer["subject"] == subject).unwrap_or_else(|| panic!("{subject} in {shown:#}"))
    };
    let text = |subject: &str| answer(subject)["text"].as_str().unwrap().to_owned();
    let hook = header.hooks.iter().find(|hook| hook.name.ends_with("/cap_capable"));
    match hook {
        Some(hook) => {
            let said = text("capability checks");
            assert!(said.contains(&hook.name), "{said}");
            assert!(hook.blind_to.iter().all(|blind| said.contains(blind)), "{said}: {:?}", hook.blind_to);
        }
        None => assert!(text("capability checks").contains("no hook"), "{shown:#}"),
    }
    let exact = header.hooks.iter().any(|hook| hook.name == "tp_btf/sched_process_exec" && hook.blind_to.is_empty());
    assert_eq!(answer("tracepoint sched_prepare_exec")["state"] == "ok", exact, "{:?}", header.hooks);
    let by_perf = header.hooks.iter().any(|hook| hook.name == "tp/raw_syscalls/sys_exit");
    let tracefs = if by_perf { "mounted, as counting by way of perf takes it" } else { "not needed, mounted or not" };
    assert_eq!((&answer("tracefs")["state"], text("tracefs").as_str()), (&"ok".into(), tracefs));
    // Linux before 5.15 takes a slower build, and where calls are counted by way of perf that costs more.
    let state = if by_perf || version(&header.kernel) < [5, 15] { "limited" } else { "ok" };
    assert_eq!(answer("recording programs")["state"], state);
}

/// The first two numbers of a kernel's release.
fn version(release: &str) -> [u32; 2] {
    let mut numbers = release.split(['.', '-']).map(|number| number.parse().expect("a number"));
    [(); 2].map(|()| numbers.next().expect("a release has two numbers"))
}

#[test]
fn a_hook_that_is_not_heard_is_not_recorded_with() {
    if !gate::open("a_hook_that_is_not_heard_is_not_recorded_with", &[]) {
        return;
    }
    let mut used = Vec::new();
    for (word, name) in [("fexit", "fexit/"), ("kprobe", "kprobe/"), ("tracepoint", "tp_btf/")] {
        let folder = TempDir::new().unwrap();
        let store = folder.path().join("store");
        let outcome = ctrec(&["record", "--check-hook", word, "--output", text(&store), "--", "/bin/true"]);
        if outcome.code == 0 {
            let header = Recorded::read(&store, "true").recording().header.clone();
            assert!(header.hooks.iter().any(|hook| hook.name == format!("{name}cap_capable")), "{:?}", header.hooks);
            used.push(word);
        } else {
            assert_eq!((outcome.code, store.exists()), (125, false), "{outcome:?}");
            assert!(outcome.stderr.contains(name) && outcome.stderr.contains("leave out --check-hook"), "{outcome:?}");
            assert_eq!(outcome.stderr.lines().count(), 1, "one clear error: {outcome:?}");
        }
    }
    assert!(!used.is_empty(), "every kernel that is tested on has a hook");
}

/// The doctor's exit code on a machine that a script has changed, and the lines that it has of each subject.
fn ask(change: &str, folder: &TempDir, subjects: [&str; 3]) -> (i32, [String; 3]) {
    let outcome = in_own_mounts(&format!("{change} \"$0\" doctor"), folder);
    let line = |subject: &str| {
        let mut lines = outcome.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        lines.find(|line| line.contains(subject)).unwrap_or_else(|| panic!("{subject} in {outcome:?}"))
    };
    (outcome.code, subjects.map(line))
}

#[track_caller]
fn assert_begin(lines: &[String; 3], beginnings: [&str; 3]) {
    for (line, beginning) in lines.iter().zip(beginnings) {
        assert!(line.starts_with(beginning), "{beginning}: {line}");
    }
}

#[test]
fn the_doctor_ends_with_3_where_a_recording_would_and_says_why() {
    if !gate::open("the_doctor_ends_with_3_where_a_recording_would_and_says_why", &[]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let (code, lines) = ask(NO_BTF, &folder, ["kernel types", "tracepoint sys_exit", "capability checks"]);
    assert_eq!(code, 3, "{lines:?}");
    assert_begin(&lines, ["missing kernel types", "not tried", "not tried"]);
    let (code, lines) = ask(NO_CGROUPS, &folder, ["cgroups", "recording programs", "permission"]);
    assert_eq!(code, 3, "{lines:?}");
    assert_begin(&lines, ["missing cgroups no cgroup hierarchy is mounted", "ok", "ok"]);
    let (code, lines) = ask(NO_PROC, &folder, ["permission", "cgroups", "recording programs"]);
    assert_eq!(code, 3, "{lines:?}");
    assert_begin(&lines, ["missing permission /proc is not mounted", "missing cgroups", "not tried"]);
    let (code, lines) = ask(NO_SYSFS, &folder, ["permission", "kernel types", "recording programs"]);
    assert_eq!(code, 3, "{lines:?}");
    assert_begin(&lines, ["ok", "missing kernel types (BTF) /sys is not mounted", "not tried"]);
    hide_tracepoint("cgroup_mkdir", &folder);
    let (code, lines) =
        ask(OTHER_BTF, &folder, ["tracepoint cgroup_mkdir", "tracepoint sys_exit", "recording programs"]);
    assert_eq!(code, 3, "{lines:?}");
    assert_begin(&lines, ["missing tracepoint cgroup_mkdir this kernel has no", "ok", "not tried"]);
}

#[test]
fn the_doctor_ends_with_0_where_a_recording_has_less_in_it() {
    if !gate::open("the_doctor_ends_with_0_where_a_recording_has_less_in_it", &[]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    hide_tracepoint("sched_prepare_exec", &folder);
    let subjects = ["tracepoint sched_prepare_exec", "recording programs", "this machine"];
    let (code, lines) = ask(OTHER_BTF, &folder, subjects);
    assert_eq!(code, 0, "{lines:?}");
    assert_begin(&lines, ["limited", "ok", "this machine can record"]);
}
