/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Following threads: which container, program, origin and phase each is in. Set when a thread is born, enters a
 * container, executes; inherited at fork; never looked up per call.
 */
#ifndef CTREC_TASKS_BPF_H
#define CTREC_TASKS_BPF_H

#define SECCOMP_MODE_FILTER 2
#define ANCESTORS 24

static __always_inline struct ctrec_cgroup_key key_of(struct cgroup *cgroup)
{
	struct ctrec_cgroup_key key = {
		.id = BPF_CORE_READ(cgroup, kn, id),
		.hierarchy = BPF_CORE_READ(cgroup, root, hierarchy_id),
	};

	return key;
}

/*
 * The container of a thread by its cgroups: the v2 one first, then each v1 controller's. A cgroup below a container's
 * was entered into the map when it was made.
 */
__noinline __u32 container_of_set(__u64 address)
{
	struct css_set *set = (void *)address;
	struct ctrec_cgroup_key key;
	__u32 *known;

	key = key_of(BPF_CORE_READ(set, dfl_cgrp));
	known = bpf_map_lookup_elem(&cgroups, &key);
	if (known)
		return *known;
	for (int i = 0; i < 12; i++) {
		struct cgroup_subsys_state *css;

		if (i >= bpf_core_field_size(set->subsys) / sizeof(void *))
			break;
		if (bpf_core_read(&css, sizeof(css), &set->subsys[i]) || !css)
			continue;
		key = key_of(BPF_CORE_READ(css, cgroup));
		if (!key.hierarchy)
			continue;
		known = bpf_map_lookup_elem(&cgroups, &key);
		if (known)
			return *known;
	}
	return 0;
}

static __always_inline __u32 container_of_cgroups(struct task_struct *task)
{
	return container_of_set((__u64)BPF_CORE_READ(task, cgroups));
}

static __always_inline void follow(struct task_struct *task, struct ctrec_task *state)
{
	__u32 tid = BPF_CORE_READ(task, pid);
	struct ctrec_container *container = bpf_map_lookup_elem(&containers, &state->container);

	if (bpf_map_update_elem(&tasks, &tid, state, BPF_ANY)) {
		lose(CTREC_LOSS_TASKS_FULL, state->container);
		return;
	}
	if (container)
		__sync_fetch_and_add(&container->tasks, 1);
	cache(task, state);
}

static __always_inline void left(__u32 container_id)
{
	struct ctrec_container *container = bpf_map_lookup_elem(&containers, &container_id);
	struct ctrec_event *event;

	if (!container || __sync_fetch_and_add(&container->tasks, -1) != 1)
		return;
	container->ended_ns = bpf_ktime_get_ns();
	event = new_event(CTREC_EVENT_EMPTY, container_id, sizeof(*event));
	if (event)
		bpf_ringbuf_submit(event, 0);
}

static __always_inline void unfollow(struct task_struct *task)
{
	__u32 tid = BPF_CORE_READ(task, pid);
	struct ctrec_task *state = bpf_map_lookup_elem(&tasks, &tid);
	__u32 container;

	if (!state)
		return;
	container = state->container;
	if (!bpf_map_delete_elem(&tasks, &tid)) {
		uncache(task);
		left(container);
	}
}

static __always_inline __u64 root_of(struct task_struct *task)
{
	return (__u64)BPF_CORE_READ(task, fs, root.dentry);
}

static __always_inline __u32 mounts_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
}

static __always_inline void name_place(struct ctrec_place *place, struct cgroup *cgroup, const char *path)
{
	long length = path ? bpf_probe_read_kernel_str(place->path, sizeof(place->path), path) : 0;

	place->cgroup = key_of(cgroup);
	place->pad = 0;
	place->path_bytes = length > 0 ? length - 1 : 0;
}

/*
 * What the current process was asked to do, and where. It is the runtime, about to wait for the task that it moved: its
 * arguments are in memory, since it has read them.
 */
static __noinline int describe_runtime(struct ctrec_arrival *arrival)
{
	struct task_struct *runtime = bpf_get_current_task_btf();
	struct fs_struct *fs = BPF_CORE_READ(runtime, fs);
	__u32 zero = 0;
	struct ctrec_path *path = bpf_map_lookup_elem(&path_scratch, &zero);
	__u64 start = BPF_CORE_READ(runtime, mm, arg_start), bytes = BPF_CORE_READ(runtime, mm, arg_end) - start;

	if (!arrival || !path || !start)
		return 0;
	arrival->arguments_bytes = bytes;
	barrier_var(bytes); /* else the compiler bounds a copy, and the verifier does not see it */
	if (bytes > CTREC_ARGUMENTS)
		bytes = CTREC_ARGUMENTS;
	if (bpf_probe_read_user(arrival->arguments, bytes, (void *)start))
		arrival->arguments_bytes = 0; /* user space will ask /proc */
	read_path((__u64)&fs->pwd, (__u64)fs);
	arrival->folder_bytes = path->length_bytes;
	arrival->folder_truncated = path->truncated;
	bpf_probe_read_kernel(arrival->folder, sizeof(arrival->folder), path->components);
	return 0;
}

static __noinline int announce(struct task_struct *task, __u32 id, struct cgroup *cgroup, const char *path,
			       struct executable *executable)
{
	struct ctrec_arrival *arrival = new_event(CTREC_EVENT_JOINED, id, sizeof(*arrival));

	if (!arrival)
		return 0;
	name_place(&arrival->place, cgroup, path);
	arrival->pid = BPF_CORE_READ(task, tgid);
	arrival->parent_pid = BPF_CORE_READ(task, real_parent, tgid);
	arrival->threads = BPF_CORE_READ(task, signal, nr_threads);
	arrival->arguments_bytes = 0;
	arrival->folder_bytes = 0;
	arrival->folder_truncated = 0;
	__builtin_memcpy(arrival->program, executable->name, sizeof(arrival->program));
	describe_runtime(arrival);
	bpf_ringbuf_submit(arrival, 0);
	return 0;
}

/* A thread enters a container from outside: as its first process, or as an exec. */
static __noinline int join(struct task_struct *task, __u32 id, struct cgroup *cgroup, const char *path)
{
	struct ctrec_container *container = bpf_map_lookup_elem(&containers, &id);
	struct ctrec_task state = {
		.container = id,
		.exec_number = -1,
		.origin = CTREC_ORIGIN_EXEC,
		.phase = CTREC_PHASE_SETUP,
		.runtime_mounts = mounts_of(task),
		.runtime_root = root_of(task),
	};
	struct executable executable = {};
	__u32 tid = BPF_CORE_READ(task, pid);

	if (!container)
		return lose(CTREC_LOSS_CONTAINERS_FULL, id);
	find_program(task, id, &executable);
	state.program = executable.program;
	if (!__sync_val_compare_and_swap(&container->init_tid, 0, tid)) {
		state.origin = CTREC_ORIGIN_INIT;
		container->started_ns = bpf_ktime_get_ns();
		container->runtime_inode = executable.inode;
		container->runtime_device = executable.device;
	}
	state.slot = native_slot(&state);
	follow(task, &state);
	return announce(task, id, cgroup, path, &executable);
}

static __always_inline bool is_namespace_init(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	int number = 0;

	if (!level)
		return false;
	bpf_probe_read_kernel(&number, sizeof(number),
			      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
				      (level & 31) * bpf_core_type_size(struct upid));
	return number == 1;
}

/* Origin of a thread that was there before it could be followed: by its living ancestors. */
__noinline __u32 origin_by_ancestors(__u64 address, __u32 id)
{
	struct task_struct *task = (void *)address;
	struct ctrec_container *container = bpf_map_lookup_elem(&containers, &id);
	__u32 init = container ? container->init_tid : 0;

	for (int i = 0; i < ANCESTORS; i++) {
		__u32 tgid = BPF_CORE_READ(task, tgid);
		struct task_struct *parent;
		struct ctrec_task *known;

		known = bpf_map_lookup_elem(&tasks, &tgid);
		if (known)
			return known->origin;
		if (tgid == init || is_namespace_init(task))
			return CTREC_ORIGIN_INIT;
		parent = BPF_CORE_READ(task, real_parent);
		if (!parent || parent == task || container_of_cgroups(parent) != id)
			break;
		task = parent;
	}
	return CTREC_ORIGIN_EXEC;
}

/* A thread that nobody told us about: it lived before recording began, or its process joined with several threads. */
static __noinline int adopt(struct task_struct *task, struct ctrec_task *out)
{
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct executable executable = {};
	struct ctrec_task *leader;
	__u32 id;

	if (!out)
		return 0;
	id = container_of_cgroups(task);
	if (!id)
		return 0;
	leader = bpf_map_lookup_elem(&tasks, &tgid);
	if (leader) {
		*out = *leader;
	} else {
		find_program(task, id, &executable);
		out->container = id;
		out->program = executable.program;
		out->origin = origin_by_ancestors((__u64)BPF_CORE_READ(task, group_leader), id);
		out->phase = executable.runtime ? CTREC_PHASE_SETUP : CTREC_PHASE_WORKLOAD;
		out->slot = native_slot(out);
	}
	out->exec_number = -1;
	follow(task, out);
	return 1;
}

/* The set-up is over when a filter is in force on the thread itself. */
static __always_inline void promote(struct task_struct *task, struct ctrec_task *state)
{
	__u32 tid = BPF_CORE_READ(task, pid);

	state->phase = CTREC_PHASE_RUNTIME;
	state->slot = native_slot(state);
	bpf_map_update_elem(&tasks, &tid, state, BPF_EXIST);
	cache(task, state);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 parent_tid = parent->pid;
	struct ctrec_task *state = bpf_map_lookup_elem(&tasks, &parent_tid);
	bool moved = parent->cgroups->dfl_cgrp != child->cgroups->dfl_cgrp;
	struct ctrec_task inherited;

	if (moved) { /* CLONE_INTO_CGROUP */
		__u32 id = container_of_cgroups(child);

		if (id && (!state || state->container != id)) {
			join(child, id, child->cgroups->dfl_cgrp, 0);
			return 0;
		}
	}
	if (!state)
		return 0;
	inherited = *state;
	inherited.exec_number = -1;
	follow(child, &inherited);
	return 0;
}

/*
 * Just before the point of no return. Here the call's number and ABI are still there; once the new image is in place
 * the kernel has overwritten both (execveat shows as execve, and under the new image's ABI).
 */
SEC("tp_btf/sched_prepare_exec")
int BPF_PROG(on_prepare_exec, struct task_struct *task)
{
	__u32 tid = task->pid;
	struct ctrec_task *state = bpf_map_lookup_elem(&tasks, &tid);

	if (!state)
		return 0;
	state->exec_number = BPF_CORE_READ((struct pt_regs *)bpf_task_pt_regs(task), orig_ax);
	state->exec_abi = is_compat(task) ? CTREC_ABI_I386 : CTREC_ABI_X86_64;
	return 0;
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
	__u64 zero = 0, *count = bpf_map_lookup_elem(&starts, &key);

	if (!count) {
		bpf_map_update_elem(&starts, &key, &zero, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&starts, &key);
	}
	if (count)
		__sync_fetch_and_add(count, 1);
	else
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

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	/* A thread that executes takes over its leader's id. */
	__u32 old_tid = old_pid, tid = task->pid, parent;
	struct ctrec_task *known = bpf_map_lookup_elem(&tasks, &old_tid);
	struct executable executable = {};
	struct ctrec_container *container;
	struct ctrec_task state;
	bool compat;

	if (!known)
		return 0;
	state = *known;
	compat = config.prepare_exec && state.exec_abi == CTREC_ABI_I386;
	count_sparse(slot_of(&state, compat), state.container,
		     config.prepare_exec ? state.exec_number : guess_exec(bprm), CTREC_OUTCOME_SUCCEEDED);

	parent = state.program;
	find_program(task, state.container, &executable);
	state.program = executable.program;
	state.exec_number = -1;
	container = bpf_map_lookup_elem(&containers, &state.container);
	if (state.phase != CTREC_PHASE_WORKLOAD && starts_workload(task, &state, &executable, container))
		state.phase = CTREC_PHASE_WORKLOAD;
	state.slot = native_slot(&state);
	count_start(&state, parent);
	if (old_tid != tid)
		bpf_map_delete_elem(&tasks, &old_tid);
	if (bpf_map_update_elem(&tasks, &tid, &state, BPF_ANY))
		lose(CTREC_LOSS_TASKS_FULL, state.container);
	cache(task, &state);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	__u32 tid = task->pid;
	struct ctrec_task *known = bpf_map_lookup_elem(&tasks, &tid);
	__s32 number;
	bool compat;

	if (!known)
		return 0;
	/* exit and exit_group do not return, so sys_exit never sees them. */
	number = BPF_CORE_READ((struct pt_regs *)bpf_task_pt_regs(task), orig_ax);
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

#endif
