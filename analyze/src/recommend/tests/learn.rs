//! The profile to record under.

use ctrec_recording::Abi;

use super::super::{Fate, learn};
use super::judged::{judge, kinds};
use crate::dialect::{docker, oci};
use crate::finding::Kind;
use crate::testing::{Run, allowing};

#[test]
fn it_lets_everything_through_in_both_dialects() {
    for text in [docker::render(&learn()).unwrap(), oci::render(&learn()).unwrap()] {
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&json["defaultAction"], &json["syscalls"]), (&"SCMP_ACT_ALLOW".into(), &serde_json::json!([])));
        assert_eq!(json["architectures"].as_array().unwrap().len(), 5);
        assert!(json.get("defaultErrnoRet").is_none(), "crun would not start: ALLOW returns none");
    }
}

#[test]
fn a_recording_made_under_it_hides_nothing() {
    let run = Run::new("r").filter(&oci::render(&learn()).unwrap());
    for abi in [Abi::X86_64, Abi::I386, Abi::X32] {
        let mut masked = run.clone().abi(abi);
        for (number, errno) in [(20, 1), (300, 38), (1000, 38)] {
            masked = masked.number_failed(number, errno, 1).number(number + 1, 1);
        }
        let recommendation = judge(&masked);
        assert!(recommendation.fates.values().all(|fate| *fate == Fate::Made), "{:?}", recommendation.fates);
        let found = kinds(&recommendation);
        assert!(!found.contains(&Kind::Refused) && !found.contains(&Kind::RefusedOrFailed), "{found:?}");
        assert!(recommendation.stopped.is_empty());
    }
}

#[test]
fn a_recording_that_was_cut_short_is_shown_the_way_out_for_its_engine() {
    let masked = Run::new("r").filter(&allowing(&["read"])).failed("mount", 1, 2);
    let advice = |run: &Run| {
        let findings = judge(run).findings;
        findings.into_iter().find(|finding| finding.kind == Kind::Refused).unwrap().advice
    };
    let docker = advice(&masked);
    assert!(docker.contains("ctrec recommend --learn > learn.json"), "{docker}");
    assert!(docker.contains("docker run --security-opt seccomp=learn.json"), "{docker}");
    let plain = advice(&masked.that(|container| container.engine = "crun".to_owned()));
    assert!(plain.contains("ctrec recommend --learn --dialect oci > learn.json"), "{plain}");
    assert!(!plain.contains("docker"), "{plain}");
}
