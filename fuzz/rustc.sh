#!/bin/sh
# cargo runs this for every crate, with rustc and its arguments. ctrec's own are compiled so that libFuzzer sees which
# way they take, and with what only a fuzzer calls; libraries as ever, so that those of other builds will do.
case ${CARGO_PKG_NAME:-}:$* in
    ctrec-*:*' --crate-name build_script_build '*) ;;
    ctrec-*)
        exec "$@" --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
            -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
            -Cllvm-args=-sanitizer-coverage-trace-compares
        ;;
esac
exec "$@"
