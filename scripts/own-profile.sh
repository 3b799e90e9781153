#!/bin/sh
# Makes profiles/own/recorder.json with ctrec itself: recorders at work are recorded from the moment on at which they are
# confined, in a cgroup called after a container, and recommend says what they need. To be run again after changes to
# what the recorder does; look at the difference before it is committed.
#
# Needs root, runc, busybox, jq, and a ctrec: the one on the path, or CTREC=. What a recorder calls that is not in its
# profile yet fails there, and is recorded all the same.
set -eu
cd -- "$(dirname -- "$0")/.."
. scripts/lib.sh

CTREC=${CTREC:-ctrec}
# Put in by hand: what is called when a command is told to end, when a store is left to who called sudo, when something
# goes wrong, and what other C libraries and kernels call instead of what is called here. clone3 is left out instead: its
# flags are out of a filter's sight, and who is told that it is not there takes clone.
INCLUDED=kill,getpgid,getpgrp,wait4,waitid,chown,lchown,fchownat,unlink,unlinkat,rmdir,open,openat,openat2,stat,lstat,fstat,newfstatat,statx,\
access,faccessat,faccessat2,readlink,readlinkat,mkdir,mkdirat,rename,renameat,renameat2,getdents,getdents64,poll,ppoll,\
epoll_wait,epoll_pwait,epoll_pwait2,epoll_create1,eventfd2,nanosleep,clock_nanosleep,read,readv,write,writev,pread64,pwrite64,\
futex,futex_waitv,recvfrom,recvmsg,sendto,sendmsg,clone,fcntl,ioctl,lseek,ftruncate,fallocate,fsync,fdatasync,flock,\
statfs,fstatfs,socket,connect,socketpair,shutdown,getsockopt,epoll_ctl,getuid,geteuid,getgid,getegid,getppid,uname,sysinfo,\
sched_getaffinity,membarrier,prctl
LEFT_OUT=clone3,execve,execveat

work=$(mktemp -d "${TMPDIR:-/tmp}/ctrec-own.XXXXXX")
id=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
hierarchy=$(awk '$0 ~ / - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
mkdir -p "$hierarchy/docker/$id"
clean_up() {
    rmdir "$hierarchy/docker/$id" 2>/dev/null || true # somebody is still in it
    rm -rf "$work"
}
at_end clean_up

# Waits until a file has a word in it.
until_said() {
    until grep -qs "$2" "$1"; do sleep 0.1; done
}

# Records a recorder with these options while containers come and go.
record_recorder() {
    rm -f "$work/inner.err" "$work/outer.err"
    (
        echo 0 >"$hierarchy/docker/$id/cgroup.procs"
        exec "$CTREC" record "$@" 2>"$work/inner.err"
    ) &
    inner=$!
    until_said "$work/inner.err" 'recording;'
    "$CTREC" record --container "$id" --output "$work/store" 2>"$work/outer.err" &
    outer=$!
    until_said "$work/outer.err" 'recording;'
    run_containers
    kill -INT "$inner"
    wait "$inner"
    kill -INT "$outer"
    wait "$outer"
}

run_containers() {
    for number in 1 2 3 4 5; do
        (cd "$work/bundle" && runc run "ctrec-own-$$-$number")
    done
}

# A container that runs a shell for a moment.
make_bundle() {
    mkdir -p "$work/bundle/rootfs/bin"
    cp "$(command -v busybox)" "$work/bundle/rootfs/bin/sh"
    (cd "$work/bundle" && runc spec && jq '.process.terminal = false |
        .process.args = ["sh", "-c", "i=0; while [ $i -lt 200 ]; do i=$((i + 1)); done; (exec 3< /); exit 0"]' \
        config.json >new && mv new config.json)
}

make_bundle
record_recorder --output "$work/a" --window 200ms
record_recorder --output "$work/b" --window 100ms --format json --max-size 16MB --container 'ctrec-own-*'
record_recorder --output "$work/c" --window 200ms --refused exact --container 'label=a=b' -v
SUDO_UID=65534 SUDO_GID=65534 record_recorder --output "$work/d" --duration 10m

"$CTREC" report "$work/store" --container "$id" --format json >"$work/report"
jq '[.containers[].calls[] | select(any(.sources[]; .program | endswith("/ctrec"))) | .name]' "$work/report" >"$work/made"
"$CTREC" recommend "$work/store" --container "$id" --dialect oci --include "$INCLUDED" >"$work/profile" 2>"$work/screen"
cat "$work/screen" >&2
what="recorders of containers, confined, recorded by ctrec (scripts/own-profile.sh), and ctrec recommend --dialect oci \
--include $INCLUDED; less what only a runtime needs to start a container, and $LEFT_OUT"
always=$(jq -c '[.groups[].calls[]]' profiles/always.json)
jq --arg what "$what" --arg included "$INCLUDED" --arg left_out "$LEFT_OUT" --argjson always "$always" \
    --arg version "$(uname -r | cut -d. -f1,2 | sed 's/^/Linux /'), $(ldd --version | sed -n '1s/.* /glibc /p')" \
    --slurpfile made "$work/made" '
    ($made[0] + $always + ($included | split(",")) - ($left_out | split(","))) as $needed
    | { source: { what: $what, version: $version, licence: "own" } } + .
    | .flags = ["SECCOMP_FILTER_FLAG_LOG"]
    | .syscalls |= map(
        if .action == "SCMP_ACT_ALLOW" then .names |= map(select(IN($needed[]))) else . end
        | select(.names != []))
    ' "$work/profile" >profiles/own/recorder.json
say "$(jq '[.syscalls[] | select(.action == "SCMP_ACT_ALLOW") | .names[]] | length' profiles/own/recorder.json) calls"
