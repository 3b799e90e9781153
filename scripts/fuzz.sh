#!/bin/sh
# Fuzzes every parser that reads what a container or a stranger can shape (fuzz/fuzz_targets), guided by coverage.
#
#     scripts/fuzz.sh                      a short round of all targets from a fixed seed, as in scripts/test.sh
#     scripts/fuzz.sh TARGET [OPTION...]   one target until it is ended, with options of libFuzzer: -max_total_time=600
#
# An input that a target fails on is kept in fuzz/artifacts/TARGET, and given as an option it is run again. Needs neither
# nightly Rust nor cargo-fuzz. New inputs of longer runs are kept in fuzz/corpus/TARGET.
set -eu
cd -- "$(dirname -- "$0")/.."
. scripts/lib.sh

# How often each target runs in a short round: some seconds' worth.
ROUND='answer 45000
cgroup_path 120000
engine 15000
filter 120000
pattern 45000
profile 30000
report 4500
rows 15000
store 9000
text 24000
wire 90000'

# Two targets write files, and little else.
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm

install_to_build
install_missing g++:c++
prepare_cargo
say "building the fuzz targets in $CARGO_TARGET_DIR"
RUSTC_WRAPPER=$PWD/fuzz/rustc.sh cargo build --quiet --release --locked --manifest-path fuzz/Cargo.toml

# fuzz TARGET OPTION...: memory and time of one input are bounded.
fuzz() {
    target=$1
    shift
    mkdir -p "fuzz/artifacts/$target"
    "$CARGO_TARGET_DIR/release/$target" -artifact_prefix="fuzz/artifacts/$target/" -rss_limit_mb=1024 -timeout=20 \
        -max_len=20000 "$@"
}

if [ "$#" -gt 0 ]; then
    target=$1
    shift
    mkdir -p "fuzz/corpus/$target"
    fuzz "$target" "$@" "fuzz/corpus/$target" "fuzz/seeds/$target"
    exit
fi

work=$(mktemp -d)
at_end "rm -rf '$work'"
failed=
while read -r target runs; do
    mkdir "$work/$target"
    if fuzz "$target" -seed=1 -runs="$runs" "$work/$target" "fuzz/seeds/$target" > "$work/log" 2>&1; then
        # Without coverage it would be throwing dice.
        grep -aq 'NEW_FUNC\|NEW  \|REDUCE' "$work/log" || { echo "$target: no input led anywhere new" >&2; failed="$failed $target"; }
        say "$target: $(grep -a 'DONE' "$work/log")"
    else
        tail -n 60 "$work/log" >&2
        failed="$failed $target"
    fi
done <<END
$ROUND
END
[ -z "$failed" ] || { echo "failed:$failed; see fuzz/artifacts" >&2; exit 1; }
