# Servers at work, under a variant. Sourced by scripts/bench.sh. Plain POSIX sh.
# shellcheck shell=sh
# Functions are called by name.
# shellcheck disable=SC2317,SC2154
#
# Lives here: how a server is configured, started, driven by its client, and ended. Not: the variants (variants.sh).
# Only the server is under the variant, as a container would be; both are single threads, on different processors where
# there are two, and alone in the benchmark's network namespace.

configure_servers() {
    printf '%s\n' 'bind 127.0.0.1' 'port 6379' 'save ""' 'appendonly no' "dir $work" "pidfile $work/redis.pid" \
        > "$work/redis.conf"
    mkdir "$work/www"
    head -c 1000 /dev/zero | tr '\0' x > "$work/www/index.html"
    printf '%s\n' 'daemon off; master_process off;' "pid $work/nginx.pid;" 'error_log stderr;' 'events {}' \
        "http { access_log off; server { listen 127.0.0.1:8080; root $work/www; } }" > "$work/nginx.conf"
}

start_redis() { "under_$1" taskset -c "$last_cpu" redis-server "$work/redis.conf"; }

start_nginx() { "under_$1" taskset -c "$last_cpu" nginx -c "$work/nginx.conf"; }

ready_redis() { [ "$(redis-cli ping 2>/dev/null)" = PONG ]; }

# It listens before it writes this.
ready_nginx() { [ -s "$work/nginx.pid" ]; }

# Prints how many requests there were, and how many a second.
drive_redis() {
    taskset -c 0 redis-benchmark -t set,get -n "$requests" -c 20 --csv |
        awk -F '","' -v n="$requests" 'NR > 1 { all += n; time += n / $2 } END { print all, all / time }'
}

drive_nginx() {
    taskset -c 0 wrk -t 1 -c 20 -d 1s http://127.0.0.1:8080/ |
        awk '/ requests in / { all = $1 } /^Requests\/sec:/ { rate = $2 } END { print all, rate }'
}

# serve SERVER VARIANT: appends requests a second, and the server's processor time for each in microseconds, to a file.
serve() {
    pid=$work/$1.pid
    rm -f "$pid"
    "start_$1" "$2" > "$work/server" 2>&1 &
    server=$!
    tries=150
    until "ready_$1" && [ -s "$pid" ]; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { end_server; cat "$work/server" >&2; return 1; }
        sleep 0.1
    done
    before=$(processor_ns "$(cat "$pid")")
    driven=$("drive_$1")
    after=$(processor_ns "$(cat "$pid")")
    end_server || { cat "$work/server" >&2; return 1; }
    echo "$driven $before $after" | awk '{ printf "%.0f %.3f\n", $2, ($4 - $3) / $1 / 1000 }' >> "$results/$1-$2"
}

# The variant ends with its server; how, says whether a tool saw what it should have. Killed is what the server was.
end_server() {
    [ ! -s "$pid" ] || kill "$(cat "$pid")" 2>/dev/null || true # it may have ended by itself: its status tells
    status=0
    wait "$server" || status=$?
    server=
    [ "$status" -eq 0 ] || [ "$status" -eq 143 ]
}

processor_ns() { cat "/proc/$1/task/"*/schedstat | awk '{ ns += $1 } END { print ns }'; }
