#!/bin/sh
# From a real server to a profile that it runs under, in one go: builds ctrec, records Redis from Debian under load,
# shows the recommended profile with its evidence, runs Redis again under that profile with the same load, and shows a
# call outside the profile being refused. No container engine is needed.
#
# usage: scripts/demo.sh [FOLDER]      FOLDER keeps the recording and the profile; by default a new temporary one
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
. "$here/scripts/lib.sh"

# A port that is unlikely to be taken. If it is, Redis says so and the demo ends.
port=$((20000 + $$ % 20000))
server=

# The server outlives an interrupted demo otherwise.
end_server() {
    if [ -n "$server" ]; then
        ask shutdown nosave >/dev/null 2>&1 || true
        wait "$server" || true
    fi
}

ask() {
    redis-cli -p "$port" "$@"
}

# Starts Redis under a command of ctrec and waits until it answers.
start() {
    as_root "$ctrec" "$@" "$folder/redis-server" --port "$port" --dir "$folder" --save '' --logfile redis.log &
    server=$!
    tries=300
    until ask ping >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "Redis did not start; see above, and $folder/redis.log"
        sleep 0.1
    done
}

# Everything that the profile is to allow has to happen here: commands, pipelines, snapshots, the way out.
drive() {
    redis-benchmark -p "$port" -q -n 2000 -c 10 -t set,get,incr,lpush,lrange_100 </dev/null | tr '\r' '\n' |
        grep 'requests per second' >&2
    ask set greeting hello >/dev/null
    ask save >/dev/null
    ask config get maxmemory >/dev/null
    [ "$(ask get greeting)" = hello ] || fail 'Redis gave a wrong answer'
    ask shutdown nosave || true
    wait "$server" || fail "Redis ended with an error; see $folder/redis.log"
    server=
}

# Asks for a password now, if it has to: later it would be asked for in the background.
as_root true
install_to_build
install_missing redis-tools:redis-benchmark
prepare_cargo

say 'building ctrec; the first time this takes about a quarter of an hour'
# With one test, and so with the features of libraries that tests want: scripts/test.sh then has not to build them again.
(cd "$here" && cargo build --release --workspace --bin ctrec --test arrows) || fail 'ctrec did not build'
ctrec=$CARGO_TARGET_DIR/release/ctrec

folder=${1:-$(mktemp -d /tmp/ctrec-demo.XXXXXX)}
mkdir -p "$folder"
trap end_server EXIT
# Debian ships the server's program in redis-tools, where it checks dumps; under its own name it is the server. The
# package redis-server would start a service that nobody asked for.
ln -sf "$(command -v redis-check-rdb)" "$folder/redis-server"

say 'recording Redis under load'
start record --output "$folder/store" --
drive

say 'the calls that Redis made, and whether the profile allows them'
"$ctrec" report --container redis-server "$folder/store" | tee "$folder/report.txt" | head -n 60 >&2
say "the first 60 of $(wc -l <"$folder/report.txt") lines; all are in $folder/report.txt"

say 'the recommended profile'
"$ctrec" recommend --container redis-server "$folder/store" >"$folder/seccomp.json"

say 'running Redis under the profile, with the same load'
start run --profile "$folder/seccomp.json" --
grep '^Seccomp:' "/proc/$(ask info server | sed -n 's/^process_id:\([0-9]*\).*/\1/p')/status" >&2
drive

say 'a call outside the profile: chroot'
if as_root "$ctrec" -q run --profile "$folder/seccomp.json" -- chroot / true; then
    fail 'chroot was not refused'
fi

cat >&2 <<END
==> done. Next, look at what else there is to know:
    $ctrec report --container redis-server $folder/store
    $ctrec verify --profile $folder/seccomp.json --container redis-server $folder/store
  and record your own:
    sudo $ctrec record -- YOUR-COMMAND          a command, without any engine
    sudo $ctrec record --duration 10m           all containers of this host
    $ctrec recommend --container NAME > seccomp.json
    docker run --security-opt seccomp=seccomp.json IMAGE
END
