//! Profiles that somebody wrote, as engines would read and compile them.

#![no_main]

use ctrec_analyze::dialect::{ParseContext, docker, oci, parse};
use ctrec_analyze::profile::{Architecture, Profile};
use ctrec_enforce::{Runtime, compile};
use ctrec_fuzz::assert_harmless;

/// Compiling takes a millisecond for so many.
const MOST_RULES: usize = 300;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let context = ParseContext::of(Architecture::X86_64);
    let parsed = match parse(text, &context) {
        Ok(parsed) => parsed,
        Err(error) => {
            let said = error.to_string();
            assert!(!said.contains('\n') && said.len() < 4000, "{said:?}");
            return assert_harmless(&said);
        }
    };
    assert!(parsed.warnings.iter().all(|warning| !warning.contains('\n')));
    parsed.warnings.iter().for_each(|warning| assert_harmless(warning));
    for written in [docker::render(&parsed.profile), oci::render(&parsed.profile)] {
        match written {
            Ok(text) => {
                let again = parse(&text, &context).expect("it was written here");
                assert!(again.warnings.is_empty(), "{:?}", again.warnings);
                assert_eq!(in_order(again.profile), in_order(parsed.profile.clone()));
            }
            Err(error) => assert_harmless(&error.to_string()),
        }
    }
    if parsed.profile.rules.len() <= MOST_RULES {
        for runtime in [Runtime::Runc, Runtime::Crun] {
            if let Err(error) = compile(&parsed.profile, runtime, Architecture::X86_64) {
                assert_harmless(&error.to_string());
            }
        }
    }
});

/// With its rules in the order in which ctrec writes them, each once.
fn in_order(mut profile: Profile) -> Profile {
    profile.rules.sort_by(|a, b| (&a.name, &a.conditions, a.action).cmp(&(&b.name, &b.conditions, b.action)));
    profile.rules.dedup();
    profile
}
