/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Capability checks that wait for the end of the call that they were asked in. One kind has a place in global data, so
 * that a thread which asks the same again and again pays for no hash; more kinds in one call go to a map.
 */
#ifndef CTREC_PENDING_BPF_H
#define CTREC_PENDING_BPF_H

__noinline int count_other_end(__u32 check, __u32 container, __u32 outcome, __u32 times)
{
	struct ctrec_check_end key = { .check = check, .outcome = outcome };
	struct ctrec_count *count = bpf_map_lookup_elem(&check_ends, &key);
	__u64 now = bpf_ktime_get_ns();

	if (!count) {
		struct ctrec_count new = { .first_ns = now };

		/* Two CPUs may meet here: the one that loses the race finds the other's entry. */
		bpf_map_update_elem(&check_ends, &key, &new, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&check_ends, &key);
		if (!count)
			return lose(CTREC_LOSS_CHECKS_FULL, container);
	}
	count->last_ns = now;
	__sync_fetch_and_add(&count->count, times);
	return 0;
}

/* How a call ended that a capability was asked for in, `times` in it. */
static __always_inline void count_end(__u32 check, __u32 container, __u32 outcome, __u32 times)
{
	struct ctrec_check_count *count = bpf_map_lookup_elem(&check_counts, &check);

	if (count && !count->outcome && claim(&count->outcome, outcome + 1, NUMBERED_CHECK, check))
		count->first_ns = bpf_ktime_get_ns();
	if (!count || count->outcome != outcome + 1) {
		count_other_end(check, container, outcome, times);
		return;
	}
	count->last_jiffies = bpf_jiffies64();
	__sync_fetch_and_add(&count->count, times);
}

static __always_inline struct ctrec_waiting *waiting_of(__u32 stack)
{
	return &waiting[stack & (CTREC_WAITING - 1)];
}

/* Checks that wait in a thread's place; they wait no longer. */
static __always_inline __u32 take_waiting(struct ctrec_waiting *place, __u32 stack)
{
	__u64 owner = *(volatile __u64 *)&place->owner;

	if (owner >> 32 != stack || !(__u32)owner)
		return 0;
	*(volatile __u64 *)&place->owner = (__u64)stack << 32; /* nobody takes the place of one that has some */
	return owner;
}

/* The call that a thread was in has ended: so have the checks that were asked in it. */
__noinline int settle_checks(__u32 tid, __u32 stack, __u32 container, __u32 outcome)
{
	struct ctrec_pending *others = bpf_map_lookup_elem(&pending, &tid);
	struct ctrec_waiting *place = waiting_of(stack);
	__u32 times = take_waiting(place, stack);

	if (times)
		count_end(place->check, container, outcome, times);
	if (!others)
		return 0;
	for (int i = 0; i < CTREC_PENDING && i < others->used; i++)
		count_end(others->checks[i].check, container, outcome, others->checks[i].count);
	others->used = 0;
	return 0;
}

static __noinline struct ctrec_pending *pending_of(__u32 tid)
{
	struct ctrec_pending *others = bpf_map_lookup_elem(&pending, &tid), none = {};

	if (others)
		return others;
	bpf_map_update_elem(&pending, &tid, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&pending, &tid);
}

/* Leaves a check for the end of the call, in the map. The thread's next return takes the slow path, which looks there. */
__noinline int await_with_others(__u32 tid, __u32 stack, __u32 check, __u32 container)
{
	struct ctrec_pending *others = pending_of(tid);

	threads[stack & (CTREC_THREADS - 1)] = (__u64)stack << 32 | SLOW;
	for (int i = 0; others && i < CTREC_PENDING; i++) {
		if (i >= others->used) {
			others->checks[i].check = check;
			others->checks[i].count = 1;
			others->used = i + 1;
			return 0;
		}
		if (others->checks[i].check == check) {
			others->checks[i].count++;
			return 0;
		}
	}
	count_end(check, container, CTREC_OUTCOME_UNKNOWN, 1);
	return 0;
}

/* Leaves a check for the end of the call, in the thread's own place. False: the place is another's. */
static __always_inline bool await_alone(__u32 stack, __u32 slot, __u32 check, const struct ctrec_check_key *kind)
{
	struct ctrec_waiting *place = waiting_of(stack);
	__u64 before = *(volatile __u64 *)&place->owner, mine = (__u64)stack << 32 | 1;

	if ((__u32)before || !replace(&place->owner, before, mine))
		return false;
	place->check = check;
	place->slot = slot;
	__builtin_memcpy(place->kind, kind, sizeof(place->kind));
	threads[stack & (CTREC_THREADS - 1)] = (__u64)stack << 32 | WAITING;
	return true;
}

#endif
