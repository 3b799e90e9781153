//! A recording, judged and shown in every form.

#![no_main]

use std::collections::BTreeSet;

use ctrec_analyze::behaviour::Behaviour;
use ctrec_analyze::capabilities::Capabilities;
use ctrec_analyze::dialect::{docker, oci};
use ctrec_analyze::listing::Lister;
use ctrec_analyze::policy::Policy;
use ctrec_analyze::recommend::recommend;
use ctrec_analyze::report::{Look, Report, capabilities_json, capabilities_text, summary};
use ctrec_fuzz::{assert_harmless, recording_of};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Some(recording) = recording_of(text) else { return };
    let mut lister = Lister::default();
    lister.add("store", &recording, &|_| true);
    let listing = lister.finish(&BTreeSet::new());
    assert_harmless(&listing.text(Look::on_terminal(40)));
    assert_harmless(&listing.json().expect("it is no float"));
    for container in recording.containers.iter().map(|row| row.container).take(2) {
        match Behaviour::of_all(&recording, &BTreeSet::from([container])) {
            Ok(behaviour) => judge(&behaviour),
            Err(error) => assert_harmless(&error.to_string()),
        }
    }
});

fn judge(behaviour: &Behaviour) {
    let policy = Policy::default();
    match recommend(behaviour, &policy) {
        Ok(recommendation) => {
            for text in [docker::render(&recommendation.profile), oci::render(&recommendation.profile)] {
                assert_harmless(&text.expect("what ctrec recommends can be written"));
            }
            let look = Look::on_terminal(40);
            assert_harmless(&summary(behaviour, &recommendation, &policy, look).expect("the template is right"));
        }
        Err(error) => return assert_harmless(&error.to_string()),
    }
    match Capabilities::of(behaviour, &policy) {
        Ok(capabilities) => {
            assert_harmless(&capabilities_text(behaviour, &capabilities, Look::PLAIN).expect("the template is right"));
            assert_harmless(&capabilities_json(behaviour, &capabilities).expect("it is no float"));
        }
        Err(error) => assert_harmless(&error.to_string()),
    }
    let report = Report::of(std::slice::from_ref(behaviour), &policy).expect("it was recommended from already");
    assert_harmless(&report.text(Look::PLAIN).expect("the template is right"));
    assert_harmless(&report.markdown().expect("the template is right"));
    assert_harmless(&report.json().expect("it is no float"));
}
