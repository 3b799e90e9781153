/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Slots: where the calls of one (container, program, origin, phase, abi) are counted; the thread cache in front. */
#ifndef CTREC_SLOTS_BPF_H
#define CTREC_SLOTS_BPF_H

/* In the cache: recorded, but by the slow path. No slot has this index, so the hot path needs no test for it. */
#define SLOW 0xffffffffu
/* In the cache: recorded, and the check in the thread's place in `waiting` ends with the call. */
#define WAITING 0xfffffffeu

/* Room for an event of a constant size, with nothing but its head filled in; NULL when the ring is full: counted. */
static __always_inline void *new_event(__u32 kind, __u32 container, __u64 bytes)
{
	struct ctrec_event *event = bpf_ringbuf_reserve(&events, bytes, 0);

	if (!event) {
		lose(CTREC_LOSS_RING_FULL, container);
		return 0;
	}
	__builtin_memset(event, 0, sizeof(*event));
	event->time_ns = bpf_ktime_get_ns();
	event->kind = kind;
	event->container = container;
	return event;
}

__noinline __u32 find_slot(__u32 container, __u32 program, __u8 origin, __u8 phase, __u8 abi)
{
	struct ctrec_slot_key key = {
		.container = container,
		.program = program,
		.origin = origin,
		.phase = phase,
		.abi = abi,
	};
	struct ctrec_event *event;
	__u32 *known, slot = 0;

	known = bpf_map_lookup_elem(&slots, &key);
	if (known)
		return *known;
	if (bpf_map_pop_elem(&free_slots, &slot))
		return 0;
	if (bpf_map_update_elem(&slots, &key, &slot, BPF_NOEXIST)) {
		/* Another CPU was quicker, or the map is full. */
		bpf_map_push_elem(&free_slots, &slot, 0);
		known = bpf_map_lookup_elem(&slots, &key);
		return known ? *known : 0;
	}
	event = new_event(CTREC_EVENT_SLOT, container, sizeof(*event));
	if (event) {
		event->slot = slot;
		event->key = key;
		bpf_ringbuf_submit(event, 0);
	}
	return slot;
}

struct ctrec_range range_to_free;

/* Run by hand for each CTREC_FREED slots: they are free, and the first of them is taken first. */
SEC("raw_tp")
int free_range(void *ctx)
{
	__u32 first = range_to_free.first, slot = range_to_free.end;

	for (int i = 0; i < CTREC_FREED && slot > first; i++) {
		slot--;
		bpf_map_push_elem(&free_slots, &slot, 0);
	}
	return 0;
}

static __always_inline __u32 native_slot(struct ctrec_task *state)
{
	return find_slot(state->container, state->program, state->origin, state->phase, NATIVE_ABI);
}

static __noinline __u32 compat_slot(__u32 native, struct ctrec_task *state)
{
	__u32 index = native & (CTREC_SLOTS - 1), slot;

	if (!state || !native)
		return 0;
	barrier_var(index); /* Linux 6.1 loses sight of the bound when the compiler folds it into other tests */
	slot = compat_slots[index & (CTREC_SLOTS - 1)];
	if (slot)
		return slot;
	slot = find_slot(state->container, state->program, state->origin, state->phase, COMPAT_ABI);
	compat_slots[index & (CTREC_SLOTS - 1)] = slot;
	return slot;
}

static __always_inline __u32 slot_of(struct ctrec_task *state, bool compat)
{
	return compat ? compat_slot(state->slot, state) : state->slot;
}

/*
 * Kernel stacks are 16 KiB, aligned, on x86-64 and arm64. With pages of 64 KiB, which arm64 may have, they are larger: then
 * registers and stack have unequal numbers, and calls take the slow path.
 */
#define STACK_SHIFT 14

static __always_inline __u32 stack_of(struct task_struct *task)
{
	return (__u64)BPF_CORE_READ(task, stack) >> STACK_SHIFT;
}

/* The registers lie on the thread's kernel stack. By way of memory, see `scratch`. */
static __always_inline __u32 number_of_stack(struct pt_regs *regs, __u32 cpu)
{
	volatile __u64 *address = &scratch[cpu & (CTREC_CPUS - 1)].address;

	*address = (__u64)regs;
	return *address >> STACK_SHIFT;
}

/*
 * Puts what is known of a thread into the cache. A thread in set-up gets no slot there, so that each of its calls takes
 * the slow path, which sees the moment when a filter comes into force, by whichever thread loads it. Nor does one whose
 * next return needs a look.
 */
static __always_inline void cache(struct task_struct *task, struct ctrec_task *state)
{
	bool is_odd = FIRST_RETURN_IS_ODD && state->returning;
	__u32 slot = state->phase == CTREC_PHASE_SETUP || !state->slot || is_odd ? SLOW : state->slot;
	__u32 stack = stack_of(task);

	slot_spaces[state->slot & (CTREC_SLOTS - 1)] = state->user_space;
	threads[stack & (CTREC_THREADS - 1)] = (__u64)stack << 32 | slot;
}

static __always_inline void uncache(struct task_struct *task)
{
	__u32 stack = stack_of(task), index = stack & (CTREC_THREADS - 1);

	if (threads[index] >> 32 == stack)
		threads[index] = 0;
}

#endif
