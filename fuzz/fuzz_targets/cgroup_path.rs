//! Paths of cgroups: whoever may make cgroups chooses them.

#![no_main]

libfuzzer_sys::fuzz_target!(|path: &str| ctrec_record::fuzzing::path(path));
