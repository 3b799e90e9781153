# What a command is measured under. Sourced by scripts/bench.sh. Plain POSIX sh.
# shellcheck shell=sh
# Functions are called by name.
# shellcheck disable=SC2317,SC2154
#
# Lives here: one function a variant, which runs a command with something attached beside it, or below a tool. Not: what
# is measured (scripts/bench.sh, servers.sh), what becomes of the numbers (results.rs).

under_nothing() { "$@"; }

under_empty() { begin "$work/attach" "$work/empty.o" && beside "$@"; }

# The tracepoint came with Linux 6.14; before, there is nothing to compare with here.
under_empty_check() { begin "$work/attach" "$work/empty_check.o" && beside "$@"; }

under_hash() { begin "$work/attach" "$work/hash.o" "$cgroup_id" && beside in_cgroup "$@"; }

under_recorded() { "$ctrec" -q record --output "$work/store" -- "$@"; }

# A recording of a command that only waits.
under_bystander() { begin "$ctrec" -q record --output "$work/store" -- sh -c 'echo ready; cat' && beside "$@"; }

# Of its own cgroup alone, as the others count what they are told to: other processes of this machine are nobody's business.
under_bpftrace() {
    program=$(command -v "$1") # bpftrace wants its whole path
    shift
    in_cgroup bpftrace -q -o "$work/seen" -c "$program $*" \
        -e "tracepoint:raw_syscalls:sys_exit /cgroup == $cgroup_id/ { @[cgroup, args->id] = count(); }"
    counted
}

under_strace() { strace -c -f -o "$work/seen" "$@"; counted; }

under_perf() { perf trace -s -o "$work/seen" -- "$@"; counted; }

# Whether the tool counted a call that is made over and over: by its name, or by its number after the cgroup's.
counted() {
    grep -Eq "(^|[ ])($often)( |\$)|@\[[0-9]+, $often_number\]: [0-9]+" "$work/seen" ||
        { echo "it counted no $often" >&2; return 1; }
}

# begin COMMAND...: starts what is to run beside. It says by a line that it is there, and ends with its stdin.
begin() {
    rm -f "$work/ready" "$work/over"
    mkfifo "$work/ready" "$work/over"
    exec 3<> "$work/over" # for reading too, or opening it would wait for the reader
    { "$@" < "$work/over" || echo failed; } > "$work/ready" 3>&- &
    begun=$!
    read -r answer < "$work/ready"
    [ "$answer" != failed ]
}

# beside COMMAND...: runs a command, and ends what was begun.
beside() {
    outcome=0
    "$@" || outcome=$?
    exec 3>&-
    wait "$begun"
    return "$outcome"
}

# In the cgroup that is the benchmark's own.
in_cgroup() {
    # shellcheck disable=SC2016 # the inner shell expands
    sh -c 'echo $$ > "$0/cgroup.procs" && exec "$@"' "$cgroup" "$@"
}
