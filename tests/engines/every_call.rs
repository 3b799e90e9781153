//! A program that makes every call under Docker's default profile: what an exact recording says was refused is what the
//! filter in force refuses.

use std::collections::BTreeMap;

use ctrec_analyze::{abi, names};
use ctrec_recording::{Abi, Phase};
use serde_json::Value;

use crate::docker::Dockerd;
use crate::gate;
use crate::image::{Image, text};
use crate::recorder::{Recorded, Recorder, ctrec};
use crate::wait::wait_for;

/// What no program can be seen to make: sync blocks the machine and is left out, the others come back as another call.
const UNSEEN: [&str; 4] = ["sync", "rt_sigreturn", "sigreturn", "restart_syscall"];

/// What no filter sees: the kernel answers its own probes itself (Linux 6.14+, and stable kernels since).
const UNFILTERED: [&str; 2] = ["uprobe", "uretprobe"];

/// The last number that the program makes.
const LAST: i64 = 479;

/// How often a call was made, and refused.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Made {
    times: u64,
    refused: u64,
}

#[test]
fn every_refusal_is_one_of_the_filter_in_force() {
    if !gate::open("every_refusal_is_one_of_the_filter_in_force", &["dockerd", "docker", "gcc", "busybox"]) {
        return;
    }
    let dockerd = Dockerd::start();
    dockerd.import(Image::Tiny);
    let recorder = Recorder::start_with(&["--refused", "exact"]);
    let script = "/programs/every_call && echo made; sleep 100000";
    dockerd.docker(&["run", "--detach", "--name", "every", "--network", "none", "tiny", "sh", "-c", script]);
    wait_for("every call", || dockerd.docker(&["logs", "every"]).contains("made").then_some(()));
    let inspected = ctrec(&["inspect", "--pid", &dockerd.pid("every"), "--format", "json"]).success();
    let store = recorder.stop();

    let inspected: Value = serde_json::from_str(&inspected).unwrap();
    let recorded = Recorded::read(store.path(), "every");
    assert_eq!(recorded.recording().losses, [], "nothing may be lost");
    let made = made(&recorded);
    for table in [Abi::X86_64, Abi::I386] {
        let decided = inspected["calls"][abi::text(table)].as_object().expect("inspect knows the table");
        let wrong: Vec<String> = names::known(table)
            .filter_map(|(number, name)| difference(&made, table, number, name, &decided[name]))
            .collect();
        assert_eq!(wrong, [""; 0], "{}", text(store.path()));
    }
}

/// What the program made of each call.
fn made(recorded: &Recorded) -> BTreeMap<(Abi, i64), Made> {
    let mut all: BTreeMap<(Abi, i64), Made> = BTreeMap::new();
    for call in recorded.rows_of("/programs/every_call").filter(|call| call.phase == Phase::Workload) {
        let made = all.entry((call.abi, call.number)).or_default();
        made.times += call.succeeded + call.failed + call.interrupted + call.unfinished;
        made.refused += call.refused.expect("an exact recording counts refusals");
    }
    all
}

/// How the recording of a call differs from what the filter decides on it.
fn difference(made: &BTreeMap<(Abi, i64), Made>, abi: Abi, number: i64, name: &str, decided: &Value) -> Option<String> {
    if number > LAST || UNSEEN.contains(&name) || UNFILTERED.contains(&name) {
        return None;
    }
    let allows = |action: &Value| action.as_str().is_some_and(|action| action.starts_with("allow"));
    let actions = decided.as_array().expect("a decision is a list of actions");
    let (may_pass, may_fail) = (actions.iter().any(allows), actions.iter().any(|action| !allows(action)));
    let made = made.get(&(abi, number)).copied().unwrap_or_default();
    let agrees = made.times > 0 && (may_pass || made.refused == made.times) && (may_fail || made.refused == 0);
    (!agrees).then(|| format!("{abi:?} {name}: {made:?} where the filter says {decided}"))
}
