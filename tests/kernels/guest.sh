#!/bin/sh
# What runs in each virtual machine: the doctor, and the tests of exact counts. Its exit code goes to the host.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/tmp
set -a
# shellcheck disable=SC1091 # made by scripts/kernels.sh
. /run/environment
set +a
# The recorder has the kernel measure its programs now and then, which patches code that another CPU is executing. The
# emulator now and then executes the breakpoint of that patch when it is over already, and the kernel dies of it.
echo 1 >/proc/sys/kernel/bpf_stats_enabled
code=0
uname -r
"$CTREC" doctor -v --color never
# Calls, then checks by each hook.
cd "$CHECKOUT"
"$ENGINES" --color never --test-threads=1 counting:: refused_exactly || code=$?
for hook in $(echo "$HOOKS" | tr , ' '); do
    echo "@@hook $hook"
    CTREC_CHECK_HOOK=$hook "$ENGINES" --color never --test-threads=1 counting_checks full_tables::by_kprobe || code=$?
done
if [ "$OTHERS" != - ]; then
    # shellcheck disable=SC2046 # words
    "$ENGINES" --color never --test-threads=1 $(echo "$OTHERS" | tr , ' ') || code=$?
fi
echo "@@ended $code"
/run/end "$code"
