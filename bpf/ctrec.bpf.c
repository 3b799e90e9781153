// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The kernel side of ctrec. Facts that are sets are counted in maps, where no event rate can lose one; what happens
 * seldom and must be known at once (a new cgroup, a new slot) goes through the ring buffer.
 */
#include "vmlinux.h"
#include "wire.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "maps.bpf.h"
#include "kernels.bpf.h"
#include "arch.bpf.h"
#include "losses.bpf.h"
#include "programs.bpf.h"
#include "slots.bpf.h"
#include "entries.bpf.h"
#include "pending.bpf.h"
#include "spaces.bpf.h"
#include "tasks.bpf.h"
#include "checks.bpf.h"
#include "identities.bpf.h"
#include "arrivals.bpf.h"
#include "lives.bpf.h"
#include "cgroups.bpf.h"
#include "values.bpf.h"
#include "calls.bpf.h"
#include "unfinished.bpf.h"

/* Run by hand: reads both clocks at one moment. */
struct ctrec_clock clock_now;

SEC("raw_tp")
int read_clocks(void *ctx)
{
	clock_now.time_ns = bpf_ktime_get_ns();
	clock_now.jiffies = bpf_jiffies64();
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
