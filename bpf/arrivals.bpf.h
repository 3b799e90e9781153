/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Arrivals: a thread enters a container from outside, and user space is told who put it there, and to do what. */
#ifndef CTREC_ARRIVALS_BPF_H
#define CTREC_ARRIVALS_BPF_H

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
	struct task_struct *runtime = current_task();
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
	if (read_path((__u64)&fs->pwd, (__u64)fs))
		lose(CTREC_LOSS_READ_FAULT, arrival->place.event.container);
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

/* A thread enters a container from outside: as its first process, or as an exec. It may be a child just being made. */
static __noinline int join(struct task_struct *task, __u32 id, struct cgroup *cgroup, const char *path, bool is_child)
{
	struct ctrec_container *container = bpf_map_lookup_elem(&containers, &id);
	/* The task itself may be in the container's namespaces by now: crun's first process, an exec of runc. */
	struct task_struct *runtime = current_task();
	struct ctrec_task state = {
		.container = id,
		.exec_number = -1,
		.origin = CTREC_ORIGIN_EXEC,
		.phase = CTREC_PHASE_SETUP,
		.returning = is_child ? CTREC_RETURNING_BORN : 0,
		.adopted = !is_child,
		.runtime_mounts = mounts_of(runtime),
		.runtime_root = root_of(runtime),
	};
	struct executable *executable;
	__u32 tid = BPF_CORE_READ(task, pid);

	if (!container)
		return lose(CTREC_LOSS_CONTAINERS_FULL, id);
	executable = find_executable(address_of(task), id);
	if (!executable)
		return 0;
	state.program = executable->program;
	if (claim(&container->init_tid, tid, NUMBERED_CONTAINER, id)) {
		state.origin = CTREC_ORIGIN_INIT;
		container->started_ns = bpf_ktime_get_ns();
		container->runtime_inode = executable->inode;
		container->runtime_device = executable->device;
	}
	state.slot = native_slot(&state);
	follow(task, &state);
	return announce(task, id, cgroup, path, executable);
}

#endif
