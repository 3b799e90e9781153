/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Lives of followed threads: they are born, execute, end; and where the workload begins. */
#ifndef CTREC_LIVES_BPF_H
#define CTREC_LIVES_BPF_H

/*
 * Where the kernel preempts programs on tracepoints, one may be passed by (kernels.bpf.h). There each hook has a second
 * program, which does what the first did not: who is preempted in the one is seldom so in the other.
 */
static __always_inline int settle(struct task_struct *task, int code)
{
	__u32 tid = LOAD(task, pid);
	struct ctrec_task *state = config.twice ? bpf_map_lookup_elem(&tasks, &tid) : 0;

	if (state)
		state->settled = 1;
	return code;
}

static __always_inline bool is_settled(struct task_struct *task)
{
	__u32 tid = LOAD(task, pid);
	struct ctrec_task *state = bpf_map_lookup_elem(&tasks, &tid);
	bool settled = state && state->settled;

	if (settled)
		state->settled = 0;
	return settled;
}

#define SIG_IGN 1 /* SIG_DFL is 0 */
#define MAX_HANDLERS 255

static __always_inline int be_born(struct task_struct *parent, struct task_struct *child)
{
	__u32 parent_tid = parent->pid;
	struct ctrec_task *state = bpf_map_lookup_elem(&tasks, &parent_tid);
	bool moved = parent->cgroups->dfl_cgrp != child->cgroups->dfl_cgrp;
	struct ctrec_task inherited;

	if (moved) { /* CLONE_INTO_CGROUP */
		__u32 id = container_of_cgroups(child);

		if (id && (!state || state->container != id)) {
			join(child, id, child->cgroups->dfl_cgrp, 0, true);
			return 0;
		}
	}
	if (!state)
		return 0;
	inherited = *state;
	inherited.exec_number = -1;
	inherited.returning = CTREC_RETURNING_BORN;
	follow(child, &inherited);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	return UNPREEMPTED(be_born(parent, child));
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork_again, struct task_struct *parent, struct task_struct *child)
{
	__u32 tid = child->pid;

	return UNPREEMPTED(bpf_map_lookup_elem(&tasks, &tid) ? 0 : be_born(parent, child));
}

/*
 * Just before the point of no return. Here the call's number and ABI are still there; once the new image is in place
 * the kernel has overwritten both (execveat shows as execve, and under the new image's ABI).
 */
static __always_inline int keep_exec_number(struct task_struct *task)
{
	__u32 tid = task->pid;
	struct ctrec_task *state = bpf_map_lookup_elem(&tasks, &tid);

	if (!state)
		return 0;
	state->exec_number = BPF_CORE_READ(registers_of(task), CALL_NUMBER);
	state->exec_abi = is_compat(task) ? COMPAT_ABI : NATIVE_ABI;
	return 0;
}

SEC("tp_btf/sched_prepare_exec")
int BPF_PROG(on_prepare_exec, struct task_struct *task)
{
	return UNPREEMPTED(keep_exec_number(task));
}

static __always_inline void count_start(struct ctrec_task *state, __u32 parent)
{
	struct ctrec_start_key key = {
		.container = state->container,
		.parent = parent,
		.program = state->program,
		.origin = state->origin,
		.phase = state->phase,
	};

	if (!add_one(&starts, &key))
		lose(CTREC_LOSS_STARTS_FULL, state->container);
}

/* Without sched_prepare_exec: execveat by its file descriptor, and the ABI taken to be the native one. */
static __always_inline __s32 guess_exec(struct linux_binprm *bprm)
{
	if (bpf_core_field_exists(bprm->fdpath) && BPF_CORE_READ(bprm, fdpath))
		return NR_EXECVEAT;
	return NR_EXECVE;
}

/*
 * Whether an execution begins the workload. A runtime enters the container's root directory before it executes what the
 * container is for; what it executes in its own root before that (itself again, hooks) is set-up, whatever the name.
 */
static __always_inline bool starts_workload(struct task_struct *task, struct ctrec_task *state,
					    struct executable *executable, struct ctrec_container *container)
{
	bool is_runtime;

	if (!config.discover)
		return true; /* a command of ours, which no runtime sets up */
	if (state->runtime_root && root_of(task) != state->runtime_root)
		return !executable->memfd;
	if (state->runtime_root && mounts_of(task) != state->runtime_mounts)
		return false; /* a createContainer hook: in the container's mounts, before its root is changed */
	/* Its beginning was not seen, or it keeps the host's root: all there is to go by is what a runtime looks like. */
	is_runtime = container && container->runtime_inode == executable->inode &&
		     container->runtime_device == executable->device;
	return !is_runtime && !executable->runtime && !executable->memfd;
}

static __always_inline void begin_workload(struct task_struct *task, struct ctrec_task *state,
					   struct ctrec_container *container)
{
	state->phase = CTREC_PHASE_WORKLOAD;
	note_namespaces(task, container);
	if (container)
		state->user_space = container->user_space;
}

static __always_inline void announce_program(struct task_struct *task, struct ctrec_task *state)
{
	struct ctrec_new_program *program = new_event(CTREC_EVENT_PROGRAM, state->container, sizeof(*program));

	if (!program)
		return;
	program->program = state->program;
	program->pid = BPF_CORE_READ(task, tgid);
	bpf_ringbuf_submit(program, 0);
}

static __always_inline int execute(struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	/* A thread that executes takes over its leader's id. */
	__u32 old_tid = old_pid, tid = task->pid, parent;
	struct ctrec_task *known = bpf_map_lookup_elem(&tasks, &old_tid);
	struct executable *executable;
	struct ctrec_container *container;
	struct ctrec_task state;
	bool compat;

	if (!known)
		return 0;
	state = *known;
	compat = config.prepare_exec && state.exec_abi == COMPAT_ABI;
	count_sparse(slot_of(&state, compat), state.container,
		     config.prepare_exec ? state.exec_number : guess_exec(bprm), CTREC_OUTCOME_SUCCEEDED);

	settle_checks(old_tid, stack_of(task), state.container, CTREC_OUTCOME_SUCCEEDED);
	settle_checks(tid, stack_of(task), state.container, CTREC_OUTCOME_SUCCEEDED);
	parent = state.program;
	executable = find_executable(address_of(task), state.container);
	if (!executable)
		return 0;
	state.program = executable->program;
	state.exec_number = -1;
	state.handlers = 0;
	state.returning = CTREC_RETURNING_EXECUTED;
	container = bpf_map_lookup_elem(&containers, &state.container);
	if (state.phase != CTREC_PHASE_WORKLOAD && starts_workload(task, &state, executable, container))
		begin_workload(task, &state, container);
	if (executable->is_new && state.phase == CTREC_PHASE_WORKLOAD)
		announce_program(task, &state);
	state.slot = native_slot(&state);
	count_start(&state, parent);
	note_executed(task, &state, bprm);
	if (old_tid != tid) {
		bpf_map_delete_elem(&tasks, &old_tid);
		bpf_map_delete_elem(&pending, &old_tid);
	}
	if (bpf_map_update_elem(&tasks, &tid, &state, BPF_ANY))
		lose(CTREC_LOSS_TASKS_FULL, state.container);
	cache(task, &state);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	return UNPREEMPTED(settle(task, execute(task, old_pid, bprm)));
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec_again, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	return UNPREEMPTED(is_settled(task) ? 0 : execute(task, old_pid, bprm));
}

static __always_inline int enter_handler(struct k_sigaction *action)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct ctrec_task *state = bpf_map_lookup_elem(&tasks, &tid);
	__u64 handler;

	if (!state)
		return 0;
	handler = (__u64)BPF_CORE_READ(action, sa.sa_handler);
	if (handler > SIG_IGN && state->handlers < MAX_HANDLERS)
		state->handlers++;
	return 0;
}

SEC("tp_btf/signal_deliver")
int BPF_PROG(on_signal, int number, struct kernel_siginfo *info, struct k_sigaction *action)
{
	return UNPREEMPTED(settle(current_task(), enter_handler(action)));
}

SEC("tp_btf/signal_deliver")
int BPF_PROG(on_signal_again, int number, struct kernel_siginfo *info, struct k_sigaction *action)
{
	return UNPREEMPTED(is_settled(current_task()) ? 0 : enter_handler(action));
}

static __always_inline int die(struct task_struct *task)
{
	__u32 tid = task->pid;
	struct ctrec_task *known = bpf_map_lookup_elem(&tasks, &tid);
	__s32 number;
	bool compat;

	if (!known) {
		uncache(task); /* the next thread on its stack may be a worker of io_uring, whose birth no hook sees */
		return 0;
	}
	/* exit and exit_group do not return, so sys_exit never sees them. */
	number = BPF_CORE_READ(registers_of(task), CALL_NUMBER);
	compat = is_compat(task);
	if (is_exit(compat, number)) {
		struct ctrec_task state = *known;

		if (state.phase == CTREC_PHASE_SETUP && task->seccomp.mode == SECCOMP_MODE_FILTER)
			promote(task, &state);
		count_sparse(slot_of(&state, compat), state.container, number, CTREC_OUTCOME_SUCCEEDED);
	}
	unfollow(task);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	return UNPREEMPTED(die(task));
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit_again, struct task_struct *task)
{
	return UNPREEMPTED(die(task)); /* of whom is known no more, nothing is done */
}

#endif
