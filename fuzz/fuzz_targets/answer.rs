//! What an engine's socket answers: Docker's API, containerd's service, Kubernetes' interface to runtimes.

#![no_main]

use ctrec_fuzz::assert_judged;

libfuzzer_sys::fuzz_target!(|data: &[u8]| ctrec_record::fuzzing::answer(data).into_iter().for_each(assert_judged));
