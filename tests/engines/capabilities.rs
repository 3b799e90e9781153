//! Capability checks of real containers: each kind is taken for what it is, with its reason, and counted exactly.

use std::collections::BTreeMap;

use ctrec_recording::Abi;

use crate::asks::Row;
use crate::asks::judged::Judged;
use crate::asks::places::Place;
use crate::docker::Dockerd;
use crate::gate;
use crate::image::{Image, text};
use crate::observer::bpftrace::{CheckObserver, Checks};
use crate::recorder::{Recorded, Recorder, ctrec, record_command};

const EXECVE: i64 = 59;

/// One test, since it is the engine and the recording that take long.
#[test]
fn every_kind_of_check_is_taken_for_what_it_is() {
    let test = "every_kind_of_check_is_taken_for_what_it_is";
    if !gate::open(test, &["dockerd", "docker", "runc", "gcc", "busybox", "mkfs.ext4"]) {
        return;
    }
    say_what_is_left_out();
    let dockerd = Dockerd::start();
    dockerd.import(Image::Asks);
    let recorder = Recorder::start();
    let ran = Place::ALL.map(|place| (place, place.run(&dockerd)));
    let store = recorder.stop();

    let mut wrong = Vec::new();
    for (place, ran) in ran {
        let caps = ["caps", "--container", &ran.name, text(store.path()), "--format", "json"];
        let judged = Judged::read(&ctrec(&caps).success());
        for row in place.rows() {
            let mut differences = judged.differences(row);
            differences.extend(other_ending(row, &ran.endings));
            wrong.extend(differences.into_iter().map(|it| format!("{place:?} {}: {it}", row.name)));
        }
        wrong.extend(missing_findings(place, &judged));
        assert_eq!(Recorded::read(store.path(), &ran.name).recording().losses, [], "nothing may be lost");
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

/// Older kernels have hooks that see a check's options, and ask for other things than the rows say: there what is held
/// against each other is what the same checks are taken for with the options and without.
#[test]
fn what_checks_are_taken_for_needs_no_options() {
    let test = "what_checks_are_taken_for_needs_no_options";
    if !gate::open(test, &["dockerd", "docker", "runc", "gcc", "busybox", "mkfs.ext4"]) {
        return;
    }
    if !hook_sees_options() {
        gate::tell_elsewhere(test, "no hook sees them here");
        return;
    }
    let dockerd = Dockerd::start();
    dockerd.import(Image::Asks);
    let recorder = Recorder::start();
    let ran = Place::ALL.map(|place| (place, place.run(&dockerd)));
    let store = recorder.stop();

    let (mut kinds, mut differences, mut grave) = (0, Vec::new(), Vec::new());
    for (place, ran) in ran {
        let recorded = Recorded::read(store.path(), &ran.name);
        assert_eq!(recorded.recording().losses, [], "nothing may be lost");
        let with = Judged::read(&recorded.caps());
        let without = Judged::read(&recorded.without_options().caps());
        kinds += with.classes().len();
        for (a, b, only) in [(&with, &without, "only with"), (&without, &with, "only without")] {
            let told = |class: String| format!("{place:?}: {only} options: {class}");
            differences.extend(a.classes().difference(&b.classes()).cloned().map(told));
            grave.extend(a.wanted().difference(&b.wanted()).cloned().map(told));
        }
    }
    differences.insert(0, format!("{kinds} kinds of checks, {} taken for another without options", differences.len()));
    gate::tell(&differences.join("\n  "));
    assert!(kinds > 100, "the rows ask for more than {kinds} kinds");
    assert!(grave.is_empty(), "what is recommended or was refused must be the same:\n{}", grave.join("\n"));
}

fn hook_sees_options() -> bool {
    let (outcome, recorded) = record_command(&["/bin/true"]);
    outcome.success();
    let hooks = &recorded.recording().header.hooks;
    hooks.iter().any(|hook| hook.name.ends_with("/cap_capable") && !hook.name.starts_with("tp_btf/"))
}

fn say_what_is_left_out() {
    for row in crate::asks::rows() {
        if let Some(condition) = row.condition.filter(|condition| !condition.is_met()) {
            gate::refuse(&format!("row {} in {:?}", row.name, row.place), condition.words);
        }
    }
}

/// A row whose program did not end as it was to: then it did not ask what it was to ask, either.
fn other_ending(row: &Row, endings: &BTreeMap<String, i32>) -> Option<String> {
    let wanted = row.ends?;
    let ended = endings.get(row.name).copied();
    (ended != Some(wanted)).then(|| format!("ended with {ended:?}, not with errno {wanted}"))
}

/// What a place as a whole must be told, by kind of finding and a word of it.
fn missing_findings(place: Place, judged: &Judged) -> Vec<String> {
    let wanted: &[(&str, &str)] = match place {
        Place::Quiet => &[
            ("network_settings", "below 1024 needs CAP_NET_BIND_SERVICE"),
            ("network_settings", "ping needs CAP_NET_RAW"),
        ],
        Place::Dropped => &[("execve_refused", "/rows/exec_file_cap"), ("capability_elsewhere", "CAP_AUDIT_WRITE")],
        Place::Default => &[("capability_elsewhere", "CAP_NET_ADMIN")],
        Place::User => &[("set_user_id", "/rows/set_user")],
        Place::UserAlone => &[("not_root", "user 1000")],
        _ => &[],
    };
    let is_missing = |(kind, words): &&(&str, &str)| !judged.findings(kind).iter().any(|it| it.contains(words));
    wanted.iter().filter(is_missing).map(|it| format!("{place:?}: no finding {it:?}: {:?}", judged.added())).collect()
}

#[test]
fn checks_are_counted_as_bpftrace_counts_them() {
    let test = "checks_are_counted_as_bpftrace_counts_them";
    if !gate::open(test, &["dockerd", "docker", "bpftrace", "gcc", "busybox"]) {
        return;
    }
    if !CheckObserver::is_possible() {
        gate::refuse(test, "the tracepoint capability:cap_capable (Linux 6.14+)");
        return;
    }
    let dockerd = Dockerd::start();
    dockerd.import(Image::Asks);
    let observer = CheckObserver::start();
    let recorder = Recorder::start();
    let name = Place::Default.run(&dockerd).name;
    let store = recorder.stop();
    let seen = observer.checks();

    let recorded = Recorded::read(store.path(), &name);
    let counted = checks_of(&recorded);
    for row in Place::Default.rows() {
        let of_row = |checks: &Checks| -> Checks {
            checks
                .iter()
                .filter(|((thread, ..), _)| thread == row.name)
                .map(|(key, count)| (key.clone(), *count))
                .collect()
        };
        assert_ne!(of_row(&seen), Checks::new(), "every program asks for memory, {} too", row.name);
        assert_eq!(of_row(&counted), of_row(&seen), "checks of {}", row.name);
    }
}

/// Checks by program, as the observer names them. What execve asks is on the edge between two programs.
fn checks_of(recorded: &Recorded) -> Checks {
    let recording = recorded.recording();
    let mut checks = Checks::new();
    for check in recorded.checks().filter(|check| (check.abi, check.number) != (Abi::X86_64, EXECVE)) {
        let mut programs = recording.programs.iter();
        let program = programs.find(|it| it.program == check.program).expect("a check's program is in the store");
        let thread = program.path.rsplit('/').next().unwrap_or_default().to_owned();
        *checks.entry((thread, check.capability, check.granted)).or_default() += check.count;
    }
    checks
}
