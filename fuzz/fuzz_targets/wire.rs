//! What the kernel side sends.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ctrec_record::fuzzing::record(data));
