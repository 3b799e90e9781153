/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls. One hook, sys_exit: it sees what the present filter refuses (sys_enter fires after seccomp and does not), and
 * every outcome. Its traps are handled here and in lives.bpf.h: a child comes back from fork with an exit of its own,
 * a successful execve comes back as another program, exit does not come back, and rt_sigreturn comes back as number -1.
 */
#ifndef CTREC_CALLS_BPF_H
#define CTREC_CALLS_BPF_H

#define MAX_ERRNO 4095
#define CLONE_NEW_FLAGS 0x7E020000 /* namespaces; CLONE_NEWTIME is a flag of unshare and clone3 alone */
#define PROBES 8

static __always_inline bool failed(long result)
{
	return (unsigned long)result >= (unsigned long)-MAX_ERRNO;
}

static __always_inline __u32 outcome_of(long result)
{
	return failed(result) ? -result : CTREC_OUTCOME_SUCCEEDED;
}

/*
 * rt_sigreturn restores every register: the call's number becomes -1, and its result what the interrupted code had in
 * ax. A real call -1 looks the same, but a thread that makes it is in no signal handler.
 */
static __always_inline bool is_sigreturn(__u32 tid, __s32 number)
{
	struct ctrec_task *state = number == -1 ? bpf_map_lookup_elem(&tasks, &tid) : 0;

	if (!state || !state->handlers)
		return false;
	state->handlers--;
	return true;
}

/*
 * Namespaces that a clone asked for, and got. What became of the call is looked at in here: where the caller has done so
 * before, Linux 5.10 takes its own question for answered, and leaves out what follows.
 */
__noinline int count_namespaces(__u32 slot, __u32 container, __s32 number, __u64 flags, long result)
{
	struct ctrec_argument_key key = { .slot = slot, .number = number, .value = flags & CLONE_NEW_FLAGS };

	if (result <= 0 || !key.value)
		return 0;
	return add_one(&arguments, &key) ? 0 : lose(CTREC_LOSS_ARGUMENTS_FULL, container);
}

/*
 * Whether a 0 from fork or execve is the return of the new child, or of the new program, which did not make the call. A
 * filter may answer 0 too, and then the call was made, and is counted.
 */
static __always_inline bool returns_anew(__u32 tid)
{
	struct ctrec_task *state = bpf_map_lookup_elem(&tasks, &tid);

	if (!state || !state->returning)
		return !state;
	state->returning = 0;
	return true;
}

/* Whether it may be such a return. */
static __always_inline bool may_return_anew(const struct ctrec_task *state, bool compat, __s32 number)
{
	if (FIRST_RETURN_IS_ODD && state->returning == CTREC_RETURNING_EXECUTED)
		return true;
	return returns_in_child(compat, number) || is_exec(compat, number);
}

/* A thread that was found in the midst of a call has returned from it: the next one is seen from its beginning. */
static __always_inline void saw_return(__u32 tid)
{
	struct ctrec_task *state = bpf_map_lookup_elem(&tasks, &tid);

	if (state)
		state->adopted = 0;
}

static __noinline int slow_exit(struct task_struct *task, struct pt_regs *regs, long result, bool refused)
{
	bool compat = is_compat(task), loading = false;
	__s32 number = LOAD(regs, CALL_NUMBER);
	struct ctrec_task state = {};
	__u32 tid = LOAD(task, pid), slot;

	if (!find_task(task, tid, &state))
		return 0;
	if (sets_capabilities(compat, number) && !result)
		note_capset(task, tid);
	settle_checks(tid, stack_of(task), state.container, outcome_of(result));
	if (state.adopted) {
		refused = false; /* nobody saw whether its call began */
		saw_return(tid);
	}
	if (is_sigreturn(tid, number)) {
		number = sigreturn_number(compat);
		result = 0; /* it cannot fail */
	}
	if (state.phase == CTREC_PHASE_SETUP && LOAD(task, seccomp.mode) == SECCOMP_MODE_FILTER) {
		loading = loads_filter(compat, number);
		if (!loading)
			promote(task, &state);
	}
	if (result == 0 && may_return_anew(&state, compat, number) && returns_anew(tid))
		return 0;
	if (FIRST_RETURN_IS_ODD && state.returning)
		returns_anew(tid); /* it was none: the next is not either */
	slot = slot_of(&state, compat);
	count_sparse(slot, state.container, number, outcome_of(result));
	if (refused)
		count_sparse(slot, state.container, number, CTREC_OUTCOME_REFUSED);
	note_values(regs, slot, compat, refused || failed(result));
	if (is_clone(compat, number))
		count_namespaces(slot, state.container, number, clone_flags(compat, regs), result);
	if (loading) /* the call that loads the filter was not subject to it */
		promote(task, &state);
	return 0;
}

/* Entries are this CPU's own, and preemption is off: plain additions are exact. */
static __always_inline bool count_errno(struct ctrec_cells *mine, __u32 number, __u32 errno)
{
	__u32 key = number << 16 | errno;

	for (int i = 0; i < PROBES; i++) {
		struct ctrec_errno *entry = &mine->errnos[(number * 7 + errno + i) & (CTREC_ERRNOS - 1)];

		if (entry->key == 0)
			entry->key = key;
		if (entry->key == key) {
			entry->count++;
			return true;
		}
	}
	return false;
}

/* The one check that a thread had asked has ended with its call; what the cache said before holds again. */
__noinline bool settle_waiting(__u32 stack, __u32 slot, long result)
{
	struct ctrec_waiting *place = waiting_of(stack);
	__u32 times = take_waiting(place, stack);

	if (!times)
		return false;
	count_end(place->check, 0, outcome_of(result), times);
	threads[stack & (CTREC_THREADS - 1)] = (__u64)stack << 32 | slot;
	return true;
}

/* `regs`, or `task`: the hook hands over one of them, or it is cheaper to have. */
static __always_inline int count_call(struct pt_regs *regs, struct task_struct *task, __u32 stack, __u32 cpu, long result,
				      const bool has_regs)
{
	__u64 entry = threads[stack & (CTREC_THREADS - 1)];
	__u32 slot = entry, bank, index;
	struct ctrec_cells *mine;
	struct ctrec_cell *cell;
	bool refused = false;
	__s32 number;
	void *inner;

	if (entry >> 32 == stack && !slot)
		return 0;
	if (has_regs)
		task = current_task();
	else
		regs = registers_of(task);
	if (config.entries && !leave(stack)) {
		refused = true;
		goto slow;
	}
	if (entry >> 32 != stack)
		goto slow;
	number = LOAD(regs, CALL_NUMBER);
	if (slot == WAITING)
		slot = waiting_of(stack)->slot;
	if ((__u32)number >= CTREC_CELLS || is_compat(task) || needs_care(number))
		goto slow;
	bank = slot / CTREC_BANK;
	inner = bpf_map_lookup_elem(&cells, &bank);
	if (!inner)
		goto slow;
	index = slot % CTREC_BANK * config.cpus + cpu;
	mine = bpf_map_lookup_elem(inner, &index);
	if (!mine)
		goto slow;
	if ((__u32)entry == WAITING && !settle_waiting(stack, slot, result))
		goto slow;
	cell = &mine->calls[number];
	if (!failed(result))
		cell->succeeded++;
	else if (!count_errno(mine, number, -result))
		goto slow;
	if (!cell->first_2e20_ns)
		cell->first_2e20_ns = (bpf_ktime_get_ns() >> 20) + 1;
	cell->last_jiffies = bpf_jiffies64();
	if (kept_arguments[0][number])
		note_values(regs, slot, false, failed(result));
	return 0;
slow:
	return slow_exit(task, regs, result, refused);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs *regs, long result)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return count_call(regs, 0, number_of_stack(regs, cpu), cpu, result, true);
}

/* As perf hands it over. */
struct sys_exit {
	__u64 common;
	long number;
	long result;
};

SEC("tp/raw_syscalls/sys_exit")
int on_sys_exit_perf(struct sys_exit *exit)
{
	struct task_struct *task = current_task();

	return count_call(0, task, stack_of(task), bpf_get_smp_processor_id(), exit->result, false);
}

#endif
