//! The recorder with what its systemd unit leaves it. systemd itself is not started: its settings are applied by hand.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use crate::bundle::{Bundle, Runtime, Spec};
use crate::gate;
use crate::image::{Image, text};
use crate::process::run;
use crate::recorder::{Recorded, Recorder};

const UNIT: &str = include_str!("../../packaging/ctrec.service");

/// The words of a setting, of all lines that have it.
fn setting(key: &str) -> Vec<Vec<&'static str>> {
    let values = UNIT.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    values.map(|value| value.split_whitespace().collect()).collect()
}

/// Capabilities as setpriv names them.
fn capabilities() -> Vec<String> {
    let all = setting("CapabilityBoundingSet").concat();
    all.iter().map(|name| name.strip_prefix("CAP_").unwrap().to_lowercase()).collect()
}

/// What runs a command with these capabilities and no others.
fn confined(capabilities: &[String]) -> Vec<String> {
    let kept: Vec<String> = capabilities.iter().map(|name| format!("+{name}")).collect();
    let bounding = format!("-all,{}", kept.join(","));
    assert_eq!(setting("NoNewPrivileges"), [["yes"]]);
    ["setpriv", "--no-new-privs", "--bounding-set", &bounding].map(str::to_owned).to_vec()
}

/// What the recorder found out of a container of another user, while that one was there.
#[derive(Debug, PartialEq, Eq)]
struct Learned {
    filter: bool,
    files: bool,
    functions: bool,
    hooks: Vec<String>,
}

const EVERYTHING: (bool, bool, bool) = (true, true, true);

impl Learned {
    fn facts(&self) -> (bool, bool, bool) {
        (self.filter, self.files, self.functions)
    }
}

/// Records a container under a wrapper.
fn record(wrapper: &[String]) -> Learned {
    let root = Image::Tiny.unpack();
    let spec = Spec::of(root.path(), ["/programs/blocked", "pause"]);
    let mut bundle = Bundle::new(Runtime::Runc, &spec);
    // As a user's own engine leaves it.
    run(&["chown", "--recursive", "12345", text(bundle.folder())]).success();
    run(&["chmod", "0700", text(bundle.folder())]).success();
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    let recorder = Recorder::start_under(&wrapper, &["--container", bundle.id()]);
    let said = recorder.process().stderr();
    assert!(!said.contains("privileges"), "it could confine itself: {said}");
    bundle.start();
    bundle.pid();
    let store = recorder.stop();
    let recorded = Recorded::read(store.path(), bundle.id());
    let recording = recorded.recording();
    let mut workload = recording.programs.iter().filter(|program| program.path.starts_with("/programs/"));
    Learned {
        filter: recorded.container().seccomp_json.is_some(),
        files: workload.all(|program| program.file_capabilities_json.is_some()),
        functions: recording.askers.iter().any(|asker| !asker.function.is_empty()),
        hooks: recording.header.hooks.iter().map(|hook| hook.name.clone()).collect(),
    }
}

#[test]
fn the_units_capabilities_are_enough_and_none_is_too_many() {
    if !gate::open("the_units_capabilities_are_enough_and_none_is_too_many", &["runc", "gcc", "setpriv"]) {
        return;
    }
    let all = capabilities();
    let learned = record(&confined(&all));
    assert_eq!(learned.facts(), EVERYTHING);
    assert_eq!(learned, record(&[]), "as with every capability");
    // Where the kernel hides no symbols, nothing is lost without it.
    let symbols_are_hidden = fs::read_to_string("/proc/sys/kernel/kptr_restrict").unwrap().trim() != "0";
    for without in all.iter().filter(|name| *name != "syslog" || symbols_are_hidden) {
        let others: Vec<String> = all.iter().filter(|name| *name != without).cloned().collect();
        let wrapper = confined(&others);
        match without.as_str() {
            "bpf" | "perfmon" => {
                let store = TempDir::new().unwrap();
                let ctrec = [env!("CARGO_BIN_EXE_ctrec"), "record", "--duration", "1s", "--output", text(store.path())];
                let words: Vec<&str> = wrapper.iter().map(String::as_str).chain(ctrec).collect();
                let outcome = run(&words);
                assert_eq!(outcome.code, 3, "without {without}: {outcome:?}");
            }
            _ => assert_ne!(record(&wrapper).facts(), EVERYTHING, "without {without}"),
        }
    }
}

/// Names of a set of calls, with those of the sets in it.
fn calls_of(set: &str, into: &mut BTreeSet<String>) {
    let listed = run(&["systemd-analyze", "--no-pager", "syscall-filter", set]).success();
    for name in listed.lines().skip(1).map(str::trim).filter(|name| !name.is_empty() && !name.starts_with('#')) {
        if name.starts_with('@') {
            calls_of(name, into);
        } else {
            into.insert(name.to_owned());
        }
    }
}

/// What the unit's filter allows: the first line says that it is a list of what is allowed.
fn allowed() -> BTreeSet<String> {
    let mut allowed = BTreeSet::new();
    for line in setting("SystemCallFilter") {
        let mut named = BTreeSet::new();
        for name in line.iter().map(|name| name.trim_start_matches('~')) {
            if name.starts_with('@') {
                calls_of(name, &mut named);
            } else {
                named.insert(name.to_owned());
            }
        }
        if line[0].starts_with('~') {
            allowed.retain(|name| !named.contains(name));
        } else {
            allowed.extend(named);
        }
    }
    // systemd allows these whatever the list says.
    allowed.extend(["execve", "exit", "exit_group", "rt_sigreturn"].map(str::to_owned));
    allowed
}

#[test]
fn the_units_calls_are_enough() {
    if !gate::open("the_units_calls_are_enough", &["runc", "gcc", "setpriv", "systemd-analyze"]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let profile = folder.path().join("unit.json");
    let rule = json!({ "names": allowed(), "action": "SCMP_ACT_ALLOW" });
    let filter = json!({
        "defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [rule],
    });
    fs::write(&profile, filter.to_string()).unwrap();
    let under_filter = [env!("CARGO_BIN_EXE_ctrec"), "run", "--profile", text(&profile), "--"].map(str::to_owned);
    // The filter is loaded first, as setpriv itself would need more than the recorder.
    let without_setpriv = record(&under_filter);
    assert_eq!(without_setpriv.facts(), EVERYTHING);
}

#[test]
fn systemd_understands_the_unit() {
    if !gate::open("systemd_understands_the_unit", &["systemd-analyze"]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let unit = folder.path().join("ctrec.service");
    // It asks whether the program is there.
    fs::write(&unit, UNIT.replace("/usr/bin/ctrec", env!("CARGO_BIN_EXE_ctrec"))).unwrap();
    let verified = run(&["systemd-analyze", "verify", "--man=no", text(&unit)]);
    assert_eq!((verified.code, verified.stderr.as_str()), (0, ""));
    let exposure = run(&["systemd-analyze", "security", "--offline=true", "--threshold=30", text(&unit)]);
    assert_eq!(exposure.code, 0, "more exposed than 3.0 of 10: {}", exposure.stdout);
    let start = setting("ExecStart").concat();
    assert!(Path::new(start[0]).is_absolute() && start.contains(&"--max-size"), "{start:?}");
}
