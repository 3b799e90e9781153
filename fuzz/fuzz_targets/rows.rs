//! A table of a run, as NDJSON and as Parquet.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ctrec_recording::fuzzing::rows(data));
