/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Cgroups: which belong to a container, and who enters them. A container has a cgroup in the v2 hierarchy, in each v1
 * hierarchy, or both; all of them lead to one container.
 */
#ifndef CTREC_CGROUPS_BPF_H
#define CTREC_CGROUPS_BPF_H

static __always_inline __u32 new_container(void)
{
	struct ctrec_container container = {};
	__u32 id = next_number(NUMBERED_CONTAINER, &last_container);

	if (bpf_map_update_elem(&containers, &id, &container, BPF_NOEXIST)) {
		lose(CTREC_LOSS_CONTAINERS_FULL, 0);
		return 0;
	}
	return id;
}

/*
 * The container that a new cgroup belongs to: its parent cgroup's, else that of the task that makes it. A parent that
 * nobody has entered is no container yet, and may never be one: engines keep all their containers below one cgroup.
 */
static __always_inline __u32 inherited_container(struct cgroup *cgroup)
{
	struct ctrec_cgroup_key key = key_of(BPF_CORE_READ(cgroup, self.parent, cgroup));
	__u32 tid = bpf_get_current_pid_tgid();
	__u32 *parent = bpf_map_lookup_elem(&cgroups, &key);
	struct ctrec_container *container;
	struct ctrec_task *maker;

	if (parent) {
		container = bpf_map_lookup_elem(&containers, parent);
		if (container && container->init_tid)
			return *parent;
	}
	maker = bpf_map_lookup_elem(&tasks, &tid);
	return maker ? maker->container : 0;
}

static __always_inline int make_cgroup(struct cgroup *cgroup, const char *path)
{
	struct ctrec_cgroup_key key = key_of(cgroup);
	__u32 id = inherited_container(cgroup);
	struct ctrec_place *place;
	bool inherited = id;

	if (!id && config.discover)
		id = new_container();
	if (!id)
		return 0;
	if (bpf_map_update_elem(&cgroups, &key, &id, BPF_ANY)) {
		lose(CTREC_LOSS_CONTAINERS_FULL, id);
		return 0;
	}
	if (inherited)
		return 0;
	place = new_event(CTREC_EVENT_CGROUP, id, sizeof(*place));
	if (place) {
		name_place(place, cgroup, path);
		bpf_ringbuf_submit(place, 0);
	}
	return 0;
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(on_cgroup_mkdir, struct cgroup *cgroup, const char *path)
{
	return UNPREEMPTED(make_cgroup(cgroup, path));
}

static __always_inline void move_out(struct task_struct *task, const struct ctrec_task *state)
{
	if (state->phase == CTREC_PHASE_WORKLOAD)
		lose(CTREC_LOSS_MOVED_OUT, state->container);
	unfollow(task);
}

static __always_inline int attach_to_cgroup(struct cgroup *cgroup, const char *path, struct task_struct *task)
{
	struct ctrec_cgroup_key key = key_of(cgroup);
	__u32 *known = bpf_map_lookup_elem(&cgroups, &key), tid = task->pid, id;
	struct ctrec_task *state = bpf_map_lookup_elem(&tasks, &tid);
	struct ctrec_container *container;

	if (!known) {
		/* Unless a cgroup of another hierarchy still holds it. */
		if (state && !container_of_cgroups(task))
			move_out(task, state);
		return 0;
	}
	id = *known;
	if (!state) {
		join(task, id, cgroup, path, false);
		return 0;
	}
	if (state->container == id)
		return 0;
	container = bpf_map_lookup_elem(&containers, &id);
	if (container && !container->init_tid) {
		/* The same container's cgroup in another hierarchy. */
		id = state->container;
		bpf_map_update_elem(&cgroups, &key, &id, BPF_ANY);
		id = *known;
		bpf_map_delete_elem(&containers, &id);
		return 0;
	}
	move_out(task, state);
	join(task, id, cgroup, path, false);
	return 0;
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(on_cgroup_attach, struct cgroup *cgroup, const char *path, struct task_struct *task)
{
	return UNPREEMPTED(attach_to_cgroup(cgroup, path, task));
}

static __always_inline int remove_cgroup(struct cgroup *cgroup)
{
	struct ctrec_cgroup_key key = key_of(cgroup);
	__u32 *known = bpf_map_lookup_elem(&cgroups, &key), id;
	struct ctrec_container *container;

	if (!known)
		return 0;
	id = *known;
	bpf_map_delete_elem(&cgroups, &key);
	container = bpf_map_lookup_elem(&containers, &id);
	if (container && !container->init_tid) /* nobody ever entered */
		bpf_map_delete_elem(&containers, &id);
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(on_cgroup_rmdir, struct cgroup *cgroup)
{
	return UNPREEMPTED(remove_cgroup(cgroup));
}

#endif
