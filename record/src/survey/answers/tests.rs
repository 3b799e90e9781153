//! What is found, and what is said of it.

use super::super::Survey;
use super::*;

fn possible(answers: Vec<Answer>) -> bool {
    Survey { kernel: "6.1.0".to_owned(), machine: "x86_64".to_owned(), answers, verified: Vec::new() }.can_record()
}

fn heard(hook: CheckHook) -> Tried {
    Tried { heard: Some(hook), ..Tried::default() }
}

fn refused() -> Tried {
    Tried {
        passed_over: vec![("fexit/cap_capable", "Operation not permitted".to_owned())],
        ..heard(CheckHook::Tracepoint)
    }
}

#[track_caller]
fn assert_says(answer: &Answer, state: State, needles: &[&str]) {
    assert_eq!(answer.state, state, "{answer:?}");
    for needle in needles {
        assert!(answer.text.contains(needle), "{needle} is not in {answer:?}");
    }
}

#[test]
fn what_cannot_be_done_without_is_missing_and_what_to_do_is_said() {
    let missing = [
        (permission(&Err(RecordError::NotRoot)), "sudo"),
        (permission(&Err(RecordError::NoProc)), "mount -t proc proc /proc"),
        (permission(&Err(RecordError::NoCapabilities { missing: vec!["CAP_BPF"] })), "--privileged"),
        (permission(&Err(RecordError::OtherUsers)), "user namespace"),
        (open_files(&Err(RecordError::FewFiles { limit: 64, least: 128 })), "ulimit -n"),
        (types(Err(&RecordError::NoSysfs)), "mount -t sysfs sysfs /sys"),
        (types(Err(&RecordError::NoBtf)), "CONFIG_DEBUG_INFO_BTF"),
        (needed("cgroup_mkdir", Some(false)), "Linux 5.10"),
        (programs(Some(Err("the kernel refused".to_owned()))), "the kernel refused; boot another kernel"),
        (tracefs(Some(true), Some(false)), "mount -t tracefs tracefs /sys/kernel/tracing"),
        (cgroups(Ok(&Hierarchies::default())), "mount -t cgroup2"),
        (cgroups(Err(&io::Error::from(io::ErrorKind::NotFound))), "/proc"),
    ];
    for (answer, advice) in missing {
        assert_says(&answer, State::Missing, &[advice]);
        assert!(!possible(vec![permission(&Ok(())), answer]));
    }
}

#[test]
fn what_a_recording_can_do_without_is_limited() {
    let limited = [
        (prepare_exec(Some(false)), "6.10"),
        (sys_enter(Some(false)), "--refused exact"),
        (check_hook(&Tried::default()), "no capability list"),
        (check_hook(&heard(CheckHook::Kprobe)), "kprobe/cap_capable; not seen: "),
        (check_hook(&heard(CheckHook::Tracepoint)), "tp_btf/cap_capable; not seen: whether a check is audited"),
        (check_hook(&refused()), "; fexit/cap_capable: Operation not permitted"),
        (symbols(Some(false)), "kernel.kptr_restrict=1"),
        (own_cgroup(Path::new("/sys/fs/cgroup"), Some(Err(Errno::EROFS))), "mount the host's cgroups writable"),
    ];
    for (answer, advice) in limited {
        assert_says(&answer, State::Limited, &[advice]);
        assert!(possible(vec![answer]));
    }
    assert_says(&engines(&[])[0], State::Limited, &["record -- COMMAND"]);
}

#[test]
fn what_is_there_is_ok() {
    let ok = [
        permission(&Ok(())),
        open_files(&Ok(())),
        types(Ok(())),
        needed("sys_exit", Some(true)),
        prepare_exec(Some(true)),
        sys_enter(Some(true)),
        programs(Some(Ok(Build::Today))),
        check_hook(&heard(CheckHook::Fexit)),
        symbols(Some(true)),
        own_cgroup(Path::new("/sys/fs/cgroup"), Some(Ok(()))),
    ];
    for answer in &ok {
        assert_says(answer, State::Ok, &[]);
    }
    assert!(possible(ok.into()));
}

#[test]
fn what_was_not_tried_is_no_answer_of_its_own() {
    let not_tried = [
        needed("sys_exit", None),
        prepare_exec(None),
        sys_enter(None),
        programs(None),
        untried_check_hook(),
        symbols(None),
        own_cgroup(Path::new("/"), None),
    ];
    for answer in &not_tried {
        assert_says(answer, State::NotTried, &[]);
    }
    assert!(possible(not_tried.to_vec()), "it is for what is missing to say no");
}

#[test]
fn an_engine_whose_socket_is_missed_is_limited() {
    let engine = |engine, place, asked_for| Installed { engine, place, asked_for };
    let found = engines(&[
        engine("docker", "/usr/bin/dockerd", ""),
        engine("podman", "/usr/bin/podman", "labels"),
        engine("containerd", "/run/containerd/containerd.sock", "images and labels"),
    ]);
    let states: Vec<_> = found.iter().map(|answer| (answer.subject.as_str(), answer.state)).collect();
    let limited = ("engine podman", State::Limited);
    assert_eq!(states, [("engine docker", State::Ok), limited, ("engine containerd", State::Ok)]);
    assert!(found[1].text.contains("labels of its containers"));
}

#[test]
fn tracefs_is_asked_for_where_calls_are_counted_by_way_of_perf() {
    for is_there in [Some(true), Some(false), None] {
        assert_says(&tracefs(Some(false), is_there), State::Ok, &["not needed"]);
        assert_eq!(tracefs(None, is_there).state, State::NotTried);
    }
    assert_says(&tracefs(Some(true), Some(true)), State::Ok, &["mounted, as"]);
    assert_eq!(tracefs(Some(true), None).state, State::NotTried);
}
