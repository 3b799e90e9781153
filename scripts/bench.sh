#!/bin/sh
# What a recorded call costs: nothing attached, an empty program on the same hook, recorded, and a bystander of a
# recording, interleaved, each attached anew every round. The same for a call with a capability check, and for mmap with
# munmap, where the kernel probes for one. Then what it takes to make one file of 64 windows. Needs root.
#
# Compares minima over all rounds: other load on the machine only adds. Usage: scripts/bench.sh [ROUNDS [CHUNKS]]
# Functions are called by name, from the list of variants and by the trap.
# shellcheck disable=SC2317
set -eu
cd -- "$(dirname -- "$0")/.."
. scripts/lib.sh

rounds=${1:-12}
chunks=${2:-1000}
[ "$(id -u)" = 0 ] || { echo 'the cost of recording is measured as root: run it again with sudo' >&2; exit 3; }

install_to_build
install_missing 'libbpf-dev:/usr/include/bpf/libbpf.h'
prepare_cargo
say "building in $CARGO_TARGET_DIR"
cargo build --quiet --release --workspace --all-targets
ctrec=$CARGO_TARGET_DIR/release/ctrec

work=$(mktemp -d)
waiting=
finish() {
    # It may have ended by itself.
    [ -z "$waiting" ] || kill "$waiting" 2>/dev/null || true
    rm -rf "$work"
}
at_end finish
gcc -O2 -Wall -o "$work/loop" benches/loop.c
gcc -O2 -Wall -o "$work/attach" benches/attach.c -lbpf
for object in empty empty_check; do
    clang -g -O2 -target bpf -c "benches/$object.bpf.c" -o "$work/$object.o"
done
cpu=$(($(nproc) - 1))

# loop VARIANT: what is measured goes to a file for the call and the variant.
loop() { "$work/loop" "$call" "$cpu" "$chunks" "$work/$call-$1"; }

nothing() { loop nothing; }

empty() { beside empty empty; }

# The tracepoint came with Linux 6.14; before, there is nothing to compare with here.
empty_check() { beside empty_check empty; }

# beside OBJECT VARIANT: with the programs of an object file attached.
beside() {
    mkfifo "$work/ready" "$work/over"
    exec 3<> "$work/over" # for reading too, or opening it would wait for the reader
    { "$work/attach" "$work/$1.o" < "$work/over" || echo failed; } > "$work/ready" 3>&- &
    waiting=$!
    read -r answer < "$work/ready"
    [ "$answer" != failed ] || exit 1
    loop "$2"
    exec 3>&-
    wait "$waiting"
    waiting=
    rm "$work/ready" "$work/over"
}

recorded() { "$ctrec" -q record --output "$work/store" -- "$work/loop" "$call" "$cpu" "$chunks" "$work/$call-recorded"; }

# A recording of a command that only waits, and the loop beside it.
bystander() {
    mkfifo "$work/ready" "$work/over"
    # shellcheck disable=SC2016 # the inner shell expands
    { "$ctrec" -q record --output "$work/store" -- sh -c 'echo ready > "$0/ready"; read -r _ < "$0/over"' "$work" ||
        echo failed > "$work/ready"; } &
    waiting=$!
    read -r answer < "$work/ready"
    [ "$answer" != failed ] || exit 1
    loop bystander
    echo > "$work/over"
    wait "$waiting"
    waiting=
    rm "$work/ready" "$work/over"
}

# measure CALL VARIANT...
measure() {
    call=$1
    shift
    round=0
    while [ "$round" -lt "$rounds" ]; do
        round=$((round + 1))
        say "$call: round $round of $rounds"
        for variant in $(printf '%s\n' "$@" | shuf); do
            "$variant"
        done
    done
}

least() { sort -n "$work/$call-$1" | head -n 1 | cut -d ' ' -f 1; }

measure plain nothing empty recorded bystander
awk -v n="$(least nothing)" -v e="$(least empty)" -v r="$(least recorded)" -v b="$(least bystander)" \
    -v rounds="$rounds" -v chunks="$((rounds * chunks))" 'BEGIN {
    printf "getppid, ns a call, least of %d chunks in %d attachments\n\n", chunks, rounds
    printf "| variant | ns | added | of an empty program | above it, ns |\n|---|---|---|---|---|\n"
    printf "| nothing attached | %.1f | | | |\n", n
    printf "| empty program on the hook | %.1f | %.1f | 1.00 | |\n", e, e - n
    printf "| recorded | %.1f | %.1f | %.2f | %.1f |\n", r, r - n, (r - n) / (e - n), r - e
    printf "| bystander of a recording | %.1f | %.1f | %.2f | %.1f |\n", b, b - n, (b - n) / (e - n), b - e
    failed = (r - n) / (e - n) > 1.35 || (b - n) / (e - n) > 1.15
    print failed ? "\nABOVE THE LIMIT of 1.35 recorded, 1.15 bystander" : "\nwithin the limit of 1.35 recorded, 1.15 bystander"
    exit failed
}' || failed=1

# The empty program is on the hook for checks alone, so that what is above it holds the recording of the call as well.
measure check nothing empty_check recorded
awk -v n="$(least nothing)" -v e="$(least empty)" -v r="$(least recorded)" 'BEGIN {
    printf "\na call with one capability check, ns\n\n"
    printf "| nothing attached | empty program on the hook | recorded | above it |\n|---|---|---|---|\n"
    printf "| %.1f | %.1f | %.1f | %.1f |\n", n, e, r, r - e
    failed = r - e > 300
    print failed ? "\nABOVE THE LIMIT of 300 ns above an empty program" : "\nwithin the limit of 300 ns above an empty program"
    exit failed
}' || failed=1

measure map nothing empty_check recorded
awk -v n="$(least nothing)" -v e="$(least empty)" -v r="$(least recorded)" 'BEGIN {
    printf "\nmmap and munmap, ns\n\n"
    printf "| nothing attached | empty program on the hook | recorded | of it |\n|---|---|---|---|\n"
    printf "| %.1f | %.1f | %.1f | %.2f |\n", n, e, r, r / e
    failed = r / e > 1.3
    print failed ? "\nABOVE THE LIMIT of 1.3 of an empty program" : "\nwithin the limit of 1.3 of an empty program"
    exit failed
}' || failed=1

cargo bench --quiet --workspace --bench collapse
exit "${failed:-0}"
