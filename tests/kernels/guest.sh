#!/bin/sh
# What runs in each virtual machine: the doctor, and the tests of exact counts. Its exit code goes to the host.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/run/tmp
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
cd "$CHECKOUT" || exit
# Calls, then checks by each hook. What others show too is left out: a recorder takes long to start here.
calls_and_checks() {
    "$ENGINES" --color never --test-threads=1 counting:: refused_exactly::what survey::the_doctor_names \
        --skip counts_of_one_thread --skip counts_of_two_threads || code=$?
    for hook in $(echo "$HOOKS" | tr , ' '); do
        echo "@@hook $hook"
        CTREC_CHECK_HOOK=$hook "$ENGINES" --color never --test-threads=1 counting_checks full_tables::by_kprobe || code=$?
    done
}
# Rows that this kernel is too old for may be left out; scripts/kernels.sh looks what else was.
others() {
    CTREC_REQUIRE='' "$ENGINES" --color never --test-threads=1 "$@" || code=$?
}
if [ -n "$TESTS" ]; then
    # shellcheck disable=SC2086 # words
    others $TESTS
else
    calls_and_checks
    # shellcheck disable=SC2046 # words
    [ "$OTHERS" = - ] || others $(echo "$OTHERS" | tr , ' ')
fi
echo "@@ended $code"
/run/end "$code"
