#!/bin/sh
# From a real server to a profile and capabilities that it runs under, in one go: builds ctrec, records Redis from Debian
# under load, shows what is recommended with its evidence, runs Redis again under just that with the same load, and shows
# a call outside the profile and a deed outside the capabilities being refused. No container engine is needed.
#
# usage: scripts/demo.sh [FOLDER]      FOLDER keeps the recording and the profile; by default a new temporary one
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$here/scripts/lib.sh"

# A port that is unlikely to be taken. If it is, Redis says so and the demo ends.
port=$((20000 + $$ % 20000))
folder=
server=
temporary=

# Ends what still runs, and takes away what nobody asked to keep. A failure keeps it, to be looked at.
clean_up() {
    code=$?
    [ -z "$server" ] || end_server
    case $code in
        129 | 130 | 143) [ -z "$temporary" ] || as_root rm -rf -- "$temporary" ;;
    esac
}

# Asks ctrec to end, which ends the server. It may not have begun yet.
end_server() {
    tries=100
    until [ -e "$folder/ended" ] || as_root kill "$(cat "$folder/pid" 2>/dev/null)" 2>/dev/null; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 0
        sleep 0.1
    done
    wait "$server" || true # however it ended: it was asked to
}

ask() {
    redis-cli -p "$port" "$@"
}

# Whether the Redis that answers is this one: the port could be another's.
answers() {
    [ "$(ask config get dir 2>/dev/null | tail -n 1)" = "$folder" ]
}

# Starts Redis under a command of ctrec and waits until it answers.
start() {
    # Asks for a password here, if it has to: in the background nobody could answer.
    as_root true
    rm -f "$folder/pid" "$folder/ended"
    {
        code=0
        # shellcheck disable=SC2016 # the inner shell expands
        as_root sh -c 'echo $$ >"$0"; exec "$@"' "$folder/pid" "$ctrec" "$@" \
            "$folder/redis-server" --port "$port" --dir "$folder" --save '' --logfile redis.log || code=$?
        : >"$folder/ended"
        exit "$code"
    } &
    server=$!
    tries=300
    until answers; do
        tries=$((tries - 1))
        if [ -e "$folder/ended" ] || [ "$tries" -eq 0 ]; then
            fail "Redis did not start; see above, and $folder/redis.log"
        fi
        sleep 0.1
    done
}

# Everything that the profile is to allow has to happen here: commands, pipelines, snapshots, the way out.
drive() {
    redis-benchmark -p "$port" -q -n 2000 -c 10 -t set,get,incr,lpush,lrange_100 </dev/null | tr '\r' '\n' |
        grep 'requests per second' >&2 || fail "Redis did not bear the load; see $folder/redis.log"
    ask set greeting hello >/dev/null
    ask save >/dev/null
    ask config get maxmemory >/dev/null
    [ "$(ask get greeting)" = hello ] || fail 'Redis gave a wrong answer'
    ask shutdown nosave || true # no answer comes: the connection ends with the server
    wait "$server" || fail "Redis ended with an error; see $folder/redis.log"
    server=
}

as_root true
cd "$here"
install_to_build
install_missing redis-tools:redis-benchmark
prepare_cargo

say 'building ctrec; the first time this takes about a quarter of an hour'
cargo build --release || fail 'ctrec did not build; see above'
ctrec=$CARGO_TARGET_DIR/release/ctrec

cd - >/dev/null
at_end clean_up
if [ $# -gt 0 ]; then
    mkdir -p -- "$1"
    folder=$(CDPATH='' cd -- "$1" && pwd -P)
else
    temporary=$(mktemp -d "${TMPDIR:-/tmp}/ctrec-demo.XXXXXX")
    folder=$(cd "$temporary" && pwd -P)
fi
# Debian ships the server's program in redis-tools, where it checks dumps; under its own name it is the server. The
# package redis-server would start a service that nobody asked for.
ln -sf "$(command -v redis-check-rdb)" "$folder/redis-server"

say 'recording Redis under load'
start record --output "$folder/store" --
drive

say 'the calls that Redis made, and whether the profile allows them'
"$ctrec" -q report --container redis-server --output "$folder/report.txt" "$folder/store"
head -n 60 "$folder/report.txt" >&2
say "the first 60 of $(wc -l <"$folder/report.txt") lines; all are in $folder/report.txt"

say 'the recommended profile'
"$ctrec" recommend --container redis-server "$folder/store" >"$folder/seccomp.json"

say 'the recommended capabilities'
capabilities=$("$ctrec" caps --container redis-server "$folder/store")
printf '%s\n' "$capabilities" >&2

say 'running Redis under the profile and the capabilities, with the same load'
# shellcheck disable=SC2086 # the list is words
start run --profile "$folder/seccomp.json" $capabilities --
grep -E '^(Seccomp|CapEff|CapBnd):' "/proc/$(ask info server | sed -n 's/^process_id:\([0-9]*\).*/\1/p')/status" >&2
drive

say 'a call outside the profile: chroot'
if refusal=$(as_root "$ctrec" -q run --profile "$folder/seccomp.json" -- env LC_ALL=C chroot / true 2>&1); then
    fail 'chroot was not refused'
fi
printf '%s\n' "$refusal" >&2
case $refusal in
    *'Operation not permitted'*) ;;
    *) fail 'chroot failed for another reason' ;;
esac

say 'a deed outside the capabilities: to give a file away'
# shellcheck disable=SC2086 # the list is words
if refusal=$(as_root "$ctrec" -q run $capabilities -- env LC_ALL=C chown 1 "$folder/seccomp.json" 2>&1); then
    fail 'chown was not refused'
fi
printf '%s\n' "$refusal" >&2
case $refusal in
    *'Operation not permitted'*) ;;
    *) fail 'chown failed for another reason' ;;
esac

rm -f "$folder/pid" "$folder/ended"
ctrec=$(quoted "$ctrec")
store=$(quoted "$folder/store")
profile=$(quoted "$folder/seccomp.json")
cat >&2 <<END
==> done. Next, look at what else there is to know:
    $ctrec report --container redis-server $store
    $ctrec caps --container redis-server --format text $store
    $ctrec verify --profile $profile --container redis-server $store
  and record your own:
    sudo $ctrec record -- YOUR-COMMAND          a command, without any engine
    sudo $ctrec record --duration 10m           all containers of this host
    $ctrec recommend --container NAME > seccomp.json
    docker run --security-opt seccomp=seccomp.json \$(ctrec caps --container NAME) IMAGE
END
