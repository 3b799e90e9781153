/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counting: losses, and exact counts outside the cells.
 *
 * Functions with external linkage, here and elsewhere, are that way for the verifier: it checks such a function once,
 * and a static one again at every call.
 */
#ifndef CTREC_LOSSES_BPF_H
#define CTREC_LOSSES_BPF_H

/* Container 0: the caller does not look it up, to be quick. Then it is that of the thread that runs, if it has one. */
__noinline int lose(__u32 loss, __u32 container)
{
	struct ctrec_loss_key key = { .loss = loss, .container = container };
	__u32 tid = bpf_get_current_pid_tgid();
	struct ctrec_task *state = container ? 0 : bpf_map_lookup_elem(&tasks, &tid);
	__u64 *count;

	if (state)
		key.container = state->container;
	count = bpf_map_lookup_elem(&losses, &key);
	if (!count) {
		__u64 zero = 0;

		bpf_map_update_elem(&losses, &key, &zero, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&losses, &key);
	}
	__sync_fetch_and_add(count ? count : &uncounted_losses, 1);
	return 0;
}

/*
 * Adds one to an entry of a hash map of __u64, made if it is not there. False: the map is full. Two CPUs may meet here:
 * the one that loses the race finds the other's entry.
 */
static __always_inline bool add_one(void *map, const void *key)
{
	__u64 zero = 0, *count = bpf_map_lookup_elem(map, key);

	if (!count) {
		bpf_map_update_elem(map, key, &zero, BPF_NOEXIST);
		count = bpf_map_lookup_elem(map, key);
	}
	if (count)
		__sync_fetch_and_add(count, 1);
	return count;
}

__noinline int count_sparse(__u32 slot, __u32 container, __s32 number, __u32 outcome)
{
	struct ctrec_sparse_key key = { .slot = slot, .number = number, .outcome = outcome };
	struct ctrec_count *count;
	__u64 now = bpf_ktime_get_ns();

	if (!slot)
		return lose(CTREC_LOSS_SLOTS_FULL, container);
	count = bpf_map_lookup_elem(&sparse, &key);
	if (!count) {
		struct ctrec_count new = { .first_ns = now };

		/* Two CPUs may meet here: the one that loses the race finds the other's entry. */
		bpf_map_update_elem(&sparse, &key, &new, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&sparse, &key);
		if (!count)
			return lose(CTREC_LOSS_SPARSE_FULL, container);
	}
	count->last_ns = now;
	__sync_fetch_and_add(&count->count, 1);
	return 0;
}

#endif
