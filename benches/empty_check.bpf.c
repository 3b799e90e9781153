// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The least that any program on this hook costs (Linux 6.14+): what recording a capability check is compared with. */
#define SEC(name) __attribute__((section(name), used))

SEC("tp_btf/cap_capable")
int empty(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
