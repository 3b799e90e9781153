// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Counts calls in a hash map by cgroup and number, with an atomic addition, as many recorders do: what the recorder's
 * tables are compared with. Only the cgroup that `attach` was told is counted.
 */
#include "../bpf/vmlinux.h"
#include <bpf/bpf_helpers.h>

struct key {
	__u64 cgroup;
	__u64 number;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, struct key);
	__type(value, __u64);
} counts SEC(".maps");

const volatile __u64 wanted;

SEC("tp_btf/sys_exit")
int hash(__u64 *ctx)
{
	const struct pt_regs *registers = (const void *)ctx[0];
	struct key key = { .cgroup = bpf_get_current_cgroup_id(), .number = registers->orig_ax };
	__u64 none = 0, *count;

	if (key.cgroup != wanted)
		return 0;
	count = bpf_map_lookup_elem(&counts, &key);
	if (!count) {
		/* Another processor may have been first. */
		bpf_map_update_elem(&counts, &key, &none, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&counts, &key);
	}
	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
