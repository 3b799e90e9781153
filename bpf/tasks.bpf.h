/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Following threads: which container, program, origin and phase each is in. Set when a thread enters a container
 * (arrivals.bpf.h), is born or executes (lives.bpf.h); never looked up per call.
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
	if (config.entries)
		leave(stack_of(task)); /* of whoever had its stack before */
	cache(task, state);
}

static __always_inline void left(__u32 container_id)
{
	struct ctrec_container *container = bpf_map_lookup_elem(&containers, &container_id);
	struct ctrec_event *event;

	if (!container || !take_one_from(&container->tasks))
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
	settle_checks(tid, stack_of(task), container, CTREC_OUTCOME_UNFINISHED);
	bpf_map_delete_elem(&pending, &tid);
	if (!bpf_map_delete_elem(&tasks, &tid)) {
		uncache(task);
		left(container);
	}
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
__noinline int adopt(__u64 address)
{
	struct task_struct *task = (void *)address;
	__u32 tgid = BPF_CORE_READ(task, tgid), zero = 0;
	struct ctrec_task *leader, *out = bpf_map_lookup_elem(&adopted, &zero);
	struct executable *executable;
	struct ctrec_container *container;
	__u32 id;

	if (!out)
		return 0;
	__builtin_memset(out, 0, sizeof(*out));
	id = container_of_cgroups(task);
	if (!id)
		return 0;
	leader = bpf_map_lookup_elem(&tasks, &tgid);
	if (leader) {
		*out = *leader;
	} else {
		executable = find_executable(address, id);
		if (!executable)
			return 0;
		out->container = id;
		out->program = executable->program;
		out->origin = origin_by_ancestors((__u64)BPF_CORE_READ(task, group_leader), id);
		out->phase = executable->runtime ? CTREC_PHASE_SETUP : CTREC_PHASE_WORKLOAD;
		out->slot = native_slot(out);
	}
	container = bpf_map_lookup_elem(&containers, &id);
	if (container && container->init_tid == tgid)
		note_network(task, container);
	out->user_space = container ? container->user_space : 0;
	out->permitted = mask_of(&BPF_CORE_READ(task, cred)->cap_permitted);
	out->exec_number = -1;
	out->handlers = 1; /* it may be in one */
	out->returning = CTREC_RETURNING_BORN; /* as it may be */
	out->adopted = 1;
	follow(task, out);
	return 1;
}

/*
 * Notes in the cache that a thread is not recorded, unless another CPU has moved it into a container since the look at
 * `before`.
 */
static __always_inline void let_go(__u64 *entry, __u64 before, __u32 stack, __u32 tid)
{
	if (replace(entry, before, (__u64)stack << 32))
		return;
#ifdef CTREC_OLD
	/* Whoever moves it writes `tasks` first, then the cache. The addition keeps the write before the look. */
	*(volatile __u64 *)entry = (__u64)stack << 32;
	__sync_fetch_and_add(&fence, 1);
	if (bpf_map_lookup_elem(&tasks, &tid))
		*(volatile __u64 *)entry = 0;
#endif
}

/* What `adopt` found out. */
static __always_inline void take_adopted(struct ctrec_task *out)
{
	__u32 zero = 0;
	struct ctrec_task *state = bpf_map_lookup_elem(&adopted, &zero);

	if (state)
		*out = *state;
}

/* A thread that the cache knows nothing of. */
static __always_inline bool find_task(struct task_struct *task, __u32 tid, struct ctrec_task *out)
{
	__u32 stack = stack_of(task);
	__u64 *entry = &threads[stack & (CTREC_THREADS - 1)], before = *(volatile __u64 *)entry;
	struct ctrec_task *known = bpf_map_lookup_elem(&tasks, &tid);

	if (known) {
		*out = *known;
		cache(task, out);
		return true;
	}
	if (adopt(address_of(task))) {
		take_adopted(out);
		return true;
	}
	let_go(entry, before, stack, tid);
	return false;
}

/* The set-up is over when a filter is in force on the thread itself. */
static __always_inline void promote(struct task_struct *task, struct ctrec_task *state)
{
	__u32 tid = BPF_CORE_READ(task, pid);
	struct ctrec_task *known = bpf_map_lookup_elem(&tasks, &tid);

	state->phase = CTREC_PHASE_RUNTIME;
	state->slot = native_slot(state);
	if (known) { /* the copy may be older in all else */
		known->phase = state->phase;
		known->slot = state->slot;
	}
	cache(task, state);
}

#endif
