//! From a recording to a profile in force with nothing else in between: the names and architectures are this machine's.

use std::collections::BTreeSet;
use std::fs;

use ctrec_analyze::names;
use ctrec_recording::Phase;
use serde_json::Value;
use tempfile::TempDir;

use crate::counting::can_record;
use crate::image::text;
use crate::native::{ARCHITECTURES, NATIVE, OF_32_BITS};
use crate::program::Program;
use crate::recorder::{Recorded, ctrec};

/// Words of a list in a profile.
fn words(list: &Value) -> BTreeSet<&str> {
    list.as_array().expect("a list").iter().map(|word| word.as_str().expect("a word")).collect()
}

#[test]
fn what_was_recorded_runs_under_what_is_recommended() {
    if !can_record("what_was_recorded_runs_under_what_is_recommended") {
        return;
    }
    let folder = TempDir::with_prefix("ctrec-recommended-").unwrap();
    let [store, profile] = ["store", "profile.json"].map(|name| folder.path().join(name));
    let script = format!("{} 2 1 5 && exec {}", Program::Counts.binary().display(), Program::Compat.binary().display());
    let command = ["--", "sh", "-c", &script];
    ctrec(&[&["record", "--output", text(&store)], command.as_slice()].concat()).success();

    let recorded = Recorded::read(&store, "sh");
    let made = recorded.counts(|row| row.phase == Phase::Workload && row.succeeded > 0);
    let made: BTreeSet<_> = made.keys().map(|(abi, number)| names::name(*abi, *number).expect("a name")).collect();
    assert!(made.is_superset(&["getppid", "sched_yield", "pread64", "wait4", "exit", "exit_group"].into()), "{made:?}");
    assert_eq!(recorded.rows().map(|row| row.abi).collect::<BTreeSet<_>>(), [NATIVE, OF_32_BITS].into());

    let recommended =
        ctrec(&["recommend", "--container", "sh", "--dialect", "oci", "--without-exec", text(&store)]).success();
    let found: Value = serde_json::from_str(&recommended).unwrap();
    assert_eq!(words(&found["architectures"]), ARCHITECTURES.into());
    let allowed = found["syscalls"].as_array().unwrap().iter().filter(|rule| rule["action"] == "SCMP_ACT_ALLOW");
    let allowed: BTreeSet<_> = allowed.flat_map(|rule| words(&rule["names"])).collect();
    assert!(allowed.is_superset(&made), "{:?} is missing", made.difference(&allowed).collect::<Vec<_>>());

    fs::write(&profile, &recommended).unwrap();
    ctrec(&["verify", "--profile", text(&profile), "--container", "sh", text(&store)]).success();
    ctrec(&[&["run", "--profile", text(&profile)], command.as_slice()].concat()).success();
}
