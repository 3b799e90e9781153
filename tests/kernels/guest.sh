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
"$CTREC" doctor --color never
cd "$CHECKOUT" && "$ENGINES" --color never --test-threads=1 counting || code=$?
echo "@@ended $code"
/run/end "$code"
