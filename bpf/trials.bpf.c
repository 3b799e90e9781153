// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Programs that only listen, an object of their own: each is loaded and attached by itself, to find out whether it is run
 * on this kernel. A hook may be taken and be mute.
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

__u32 heard;

SEC("fexit/cap_capable")
int BPF_PROG(try_fexit)
{
	heard = 1;
	return 0;
}

SEC("kretprobe/cap_capable")
int BPF_KRETPROBE(try_kretprobe)
{
	heard = 1;
	return 0;
}

SEC("tp_btf/cap_capable")
int BPF_PROG(try_tracepoint)
{
	heard = 1;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
