/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Calls that threads are blocked in: read once, when the recording ends. They have no exit to count. */
#ifndef CTREC_UNFINISHED_BPF_H
#define CTREC_UNFINISHED_BPF_H

#define TASK_SLEEPING 3 /* TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE; not stopped, traced or frozen */

static __always_inline long state_of(struct task_struct *task)
{
	struct task_struct___old *old = (void *)task;

	if (bpf_core_field_exists(task->__state))
		return BPF_CORE_READ(task, __state);
	return BPF_CORE_READ(old, state);
}

SEC("iter/task")
int list_unfinished(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct ctrec_unfinished call = {};
	struct ctrec_task state = {};
	struct ctrec_task *known;
	__u32 tid;

	if (!task || !(state_of(task) & TASK_SLEEPING))
		return 0;
	call.number = BPF_CORE_READ(registers_of(task), CALL_NUMBER);
	if (call.number < 0)
		return 0; /* asleep in a page fault or a kernel thread, not in a call */
	tid = task->pid;
	known = bpf_map_lookup_elem(&tasks, &tid);
	if (known)
		state = *known;
	else if (adopt(address_of(task)))
		take_adopted(&state);
	else
		return 0;
	call.slot = slot_of(&state, is_compat(task));
	bpf_seq_write(ctx->meta->seq, &call, sizeof(call));
	return 0;
}

#endif
