//! Values of arguments where slots are used again, and what no argument shows: `io_uring`.

use std::path::Path;

use ctrec_recording::{Abi, Phase, Store};
use serde_json::Value;
use tempfile::TempDir;

use crate::bundle::{Bundle, Runtime, Spec};
use crate::counting::can_record;
use crate::counting_values::{Seen, second, seen};
use crate::gate;
use crate::image::{Image, text};
use crate::program::Program;
use crate::recorder::{Recorded, Recorder, ctrec};
use crate::wait::wait_for;

/// Slots are used again: what the kernel side remembers of one must not hide what the next one does there.
#[test]
fn values_in_a_slot_that_is_used_again_are_its_own() {
    if !gate::open("values_in_a_slot_that_is_used_again_are_its_own", &["runc", "gcc"]) {
        return;
    }
    let root = Image::Tiny.unpack();
    let bundle = Bundle::new(Runtime::Runc, &Spec::of(root.path(), ["/programs/values", "known", "1", "0", "1"]));
    let recorder = Recorder::start_with(&["--window", "100ms"]);
    let names: Vec<String> = (0..12).map(|number| format!("{}-{number}", bundle.id())).collect();
    for name in &names {
        bundle.run_as(name).success();
        let windows = sealed(recorder.store());
        wait_for("the slots to be given back", || (sealed(recorder.store()) > windows + 4).then_some(()));
    }
    let store = recorder.stop();
    for name in &names {
        let recorded = Recorded::read(store.path(), name);
        assert_eq!(seen(&recorded, Abi::X86_64, 308), Seen::from([(second(0x4000_0000), false)]), "{name}");
        assert_eq!(seen(&recorded, Abi::X86_64, 41).len(), 2, "{name}");
    }
}

/// How many windows a recorder has written.
fn sealed(store: &Path) -> u32 {
    let runs = Store::open(store).and_then(|store| store.read_all()).unwrap_or_default();
    runs.iter().flat_map(|run| &run.windows).map(|window| window.window).max().unwrap_or_default()
}

#[test]
fn what_goes_through_io_uring_is_no_call_and_the_report_says_so() {
    if !can_record("what_goes_through_io_uring_is_no_call_and_the_report_says_so") {
        return;
    }
    let folder = TempDir::with_prefix("ctrec-ring-").unwrap();
    let (file, store) = (folder.path().join("made"), folder.path().join("store"));
    let (program, file) = (Program::Ring.binary(), text(&file));
    let outcome = ctrec(&["record", "--output", text(&store), "--", text(&program), file]);
    if outcome.code == 77 {
        gate::refuse("what_goes_through_io_uring_is_no_call_and_the_report_says_so", "io_uring");
        return;
    }
    outcome.success();
    assert!(Path::new(file).exists());
    let name = program.file_name().and_then(|name| name.to_str()).unwrap();
    let recorded = Recorded::read(&store, name);
    let calls = recorded.counts(|row| row.phase == Phase::Workload);
    let count = |number| calls.get(&(Abi::X86_64, number)).copied().unwrap_or_default();
    assert_eq!((count(425), count(426)), (1, 1), "io_uring_setup, io_uring_enter");
    assert_eq!((count(2), count(257)), (0, 0), "open, openat");
    let report = ctrec(&["report", "--format", "json", text(&store)]).success();
    let report: Value = serde_json::from_str(&report).unwrap();
    let findings = report["containers"][0]["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["kind"] == "io_uring").expect("a finding says it");
    assert!(finding["text"].as_str().unwrap().contains("makes no call"), "{finding}");
    assert_eq!(finding["evidence"][0], text(&program));
}
