/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which threads are in a call. sys_enter fires after seccomp, so a call that ends without having begun was answered by
 * a filter. Attached only where refused calls are to be told apart exactly: a second hook costs as much as the first.
 */
#ifndef CTREC_ENTRIES_BPF_H
#define CTREC_ENTRIES_BPF_H

static __always_inline bool take_entry(__u32 *entry, __u32 stack)
{
#ifdef CTREC_OLD
	return false; /* all of them are in the map */
#else
	return !__sync_val_compare_and_swap(entry, 0, stack);
#endif
}

static __always_inline void enter(__u32 stack)
{
	__u32 one = 1, *entry = &entries[stack & (CTREC_THREADS - 1)];

	if (*(volatile __u32 *)entry == stack || take_entry(entry, stack))
		return;
	if (bpf_map_update_elem(&more_entries, &stack, &one, BPF_ANY))
		lose(CTREC_LOSS_TASKS_FULL, 0);
}

/* Whether the thread had entered a call; it has left it then. */
static __always_inline bool leave(__u32 stack)
{
	__u32 *entry = &entries[stack & (CTREC_THREADS - 1)];

	if (*(volatile __u32 *)entry == stack) {
		*(volatile __u32 *)entry = 0;
		return true;
	}
	return !bpf_map_delete_elem(&more_entries, &stack);
}

static __always_inline int note_entry(__u32 stack)
{
	__u32 tid;
	__u64 entry = threads[stack & (CTREC_THREADS - 1)];

	if (entry >> 32 == stack) {
		if ((__u32)entry)
			enter(stack);
		return 0;
	}
	tid = bpf_get_current_pid_tgid();
	if (bpf_map_lookup_elem(&tasks, &tid))
		enter(stack);
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_sys_enter, struct pt_regs *regs)
{
	return note_entry(number_of_stack(regs, bpf_get_smp_processor_id()));
}

SEC("tp/raw_syscalls/sys_enter")
int on_sys_enter_perf(void *ctx)
{
	return note_entry(stack_of(current_task()));
}

#endif
