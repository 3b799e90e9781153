/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counting: losses, and exact counts outside the cells.
 *
 * Functions with external linkage, here and elsewhere, are that way for the verifier: it checks such a function once,
 * and a static one again at every call.
 */
#ifndef CTREC_LOSSES_BPF_H
#define CTREC_LOSSES_BPF_H

__noinline int lose(__u32 loss, __u32 container)
{
	struct ctrec_loss_key key = { .loss = loss, .container = container };
	__u64 *count = bpf_map_lookup_elem(&losses, &key);

	if (!count) {
		__u64 zero = 0;

		bpf_map_update_elem(&losses, &key, &zero, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&losses, &key);
	}
	__sync_fetch_and_add(count ? count : &uncounted_losses, 1);
	return 0;
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

/* How a call ended that a capability was asked for in, `times` in it. */
__noinline int count_end(__u32 check, __u32 container, __u32 outcome, __u32 times)
{
	struct ctrec_check_end key = { .check = check, .outcome = outcome };
	struct ctrec_count *count = bpf_map_lookup_elem(&check_ends, &key);
	__u64 now = bpf_ktime_get_ns();

	if (!count) {
		struct ctrec_count new = { .first_ns = now };

		bpf_map_update_elem(&check_ends, &key, &new, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&check_ends, &key);
		if (!count)
			return lose(CTREC_LOSS_CHECKS_FULL, container);
	}
	count->last_ns = now;
	__sync_fetch_and_add(&count->count, times);
	return 0;
}

/* The call that a thread was in has ended: so have the checks that were asked in it. */
__noinline int settle_checks(__u32 tid, __u32 container, __u32 outcome)
{
	struct ctrec_pending *waiting = bpf_map_lookup_elem(&pending, &tid);

	if (!waiting)
		return 0;
	for (int i = 0; i < CTREC_PENDING && i < waiting->used; i++)
		count_end(waiting->checks[i].check, container, outcome, waiting->checks[i].count);
	waiting->used = 0;
	return 0;
}

#endif
