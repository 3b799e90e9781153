#!/bin/sh
# What recording costs, compared in one run in which everything is interleaved and attached anew every time: nothing, an
# empty program on the same hook, recorded, a bystander of a recording, counting by hash map, bpftrace, strace and perf
# trace. A cheap call by one thread and by two, redis and nginx at work, a call with a capability check, and mmap with
# munmap, where the kernel probes for one. Then what it takes to make one file of 64 windows. Needs root.
#
# Writes benches/RESULTS.md and benches/results.svg; says there, and by exit code 1, which aim was missed.
# Usage: scripts/bench.sh [ROUNDS [CHUNKS]]
# Functions are called by name, from the plan and by the trap.
# shellcheck disable=SC2317
set -eu
cd -- "$(dirname -- "$0")/.."
. scripts/lib.sh
. benches/variants.sh
. benches/servers.sh

rounds=${1:-10}
chunks=${2:-1000}
[ "$(id -u)" = 0 ] || { echo 'the cost of recording is measured as root: run it again with sudo' >&2; exit 3; }

install_tools() {
    install_to_build
    install_missing 'libbpf-dev:/usr/include/bpf/libbpf.h' iproute2:ip redis-server:redis-server redis-tools:redis-benchmark \
        nginx-light:nginx wrk:wrk
    # A tool that is not here, or cannot run, is named in the results.
    (install_missing bpftrace:bpftrace strace:strace linux-perf:perf) || true # as it says itself
}

# Once more, in a network of its own: ports are free there, and nobody else's firewall is measured.
if [ "${ctrec_bench_network:-}" != own ]; then
    install_tools
    prepare_cargo
    say "building in $CARGO_TARGET_DIR"
    cargo build --quiet --release --workspace --all-targets
    export ctrec_bench_network=own
    exec unshare --net scripts/bench.sh "$@"
fi
ip link set lo up
ctrec=$CARGO_TARGET_DIR/release/ctrec

work=$(mktemp -d)
results=$work/results
mkdir "$results"
server=
cgroup=
finish() {
    exec 3>&- # what runs beside ends with it
    [ -z "$server" ] || end_server || true # how it ended matters no more
    [ -z "$cgroup" ] || rmdir "$cgroup"
    rm -rf "$work"
}
at_end finish
gcc -O2 -Wall -pthread -o "$work/loop" benches/loop.c
gcc -O2 -Wall -o "$work/attach" benches/attach.c -lbpf
for object in empty empty_check hash; do
    clang -g -O2 -mcpu=v3 -target bpf -D__TARGET_ARCH_x86 -c "benches/$object.bpf.c" -o "$work/$object.o"
done
configure_servers
last_cpu=$(($(nproc) - 1))
cgroups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
[ -n "$cgroups" ] || fail 'no cgroup2 is mounted: programs that count by cgroup have nothing to go by'
cgroup=$cgroups/ctrec-bench.$$
mkdir "$cgroup"
cgroup_id=$(stat -c %i "$cgroup")

# What is measured: each takes a variant, and appends its numbers to "$results/SUBJECT-VARIANT".
run_one() { loop plain 1 one "$1"; }

run_two() { loop plain 2 two "$1"; }

run_check() { loop check 1 check "$1"; }

run_map() { loop map 1 map "$1"; }

run_redis() { often=epoll_wait often_number=232 && serve redis "$1"; }

run_nginx() { often=epoll_wait often_number=232 && serve nginx "$1"; }

# loop CALL THREADS SUBJECT VARIANT
loop() {
    often=getppid
    often_number=110
    "under_$4" "$work/loop" "$1" "$2" "$few" "$results/$3-$4"
}

# Every how many rounds, what, under which variants. What takes long, or says enough by a few, comes less often.
plan='1 one nothing empty recorded bystander hash bpftrace
3 two nothing empty recorded bystander hash bpftrace
3 check nothing empty_check recorded
3 map nothing empty_check recorded
2 redis nothing empty recorded bystander hash bpftrace
2 nginx nothing empty recorded bystander hash bpftrace
5 one strace perf
5 two strace perf
5 redis strace perf
5 nginx strace perf'

# due ROUND: what is measured in it, in any order.
due() {
    echo "$plan" | awk -v round="$1" '(round - 1) % $1 == 0 { for (i = 3; i <= NF; i++) print $2, $i }' | shuf
}

# measure SUBJECT VARIANT. What is compared with must run; of anything else, the results say why it did not.
measure() {
    few=$chunks
    requests=40000
    case $2 in
        strace | perf)
            few=$((chunks / 10 + 1))
            requests=1000
            ;;
    esac
    [ ! -e "$results/$1-$2.error" ] || return 0
    ! "run_$1" "$2" > "$work/said" 2>&1 || return 0
    case $2 in
        nothing | empty | recorded | bystander)
            cat "$work/said" >&2
            fail "$1 could not be measured: $2"
            ;;
    esac
    { grep . "$work/said" || echo 'it failed without a word'; } | tail -n 1 > "$results/$1-$2.error"
}

# What the results are of. The host's name is nobody's business.
describe_machine() {
    sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1
    echo "$(nproc) processors"
    echo "Linux $(uname -r)"
    "$ctrec" --version
    # A tool that is not here has a line of its own in the tables.
    bpftrace --version || true
    strace --version | sed -n '1s/ --//p' || true
    perf --version || true
    redis-server --version | sed 's/ sha=.*//'
    nginx -v 2>&1 | sed 's/.*: //'
}

round=0
while [ "$round" -lt "$rounds" ]; do
    round=$((round + 1))
    due "$round" > "$work/due"
    say "round $round of $rounds: $(wc -l < "$work/due") attachments"
    while read -r subject variant; do
        measure "$subject" "$variant" < /dev/null
    done < "$work/due"
done
describe_machine > "$results/machine" 2>/dev/null
cargo bench --quiet --workspace --bench results -- "$results" "$PWD/benches" || failed=1
cargo bench --quiet --workspace --bench collapse
exit "${failed:-0}"
