/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Capability sets, and the namespaces that decide about them: the container's user namespace, its network sysctls. */
#ifndef CTREC_SPACES_BPF_H
#define CTREC_SPACES_BPF_H

/* Where a user namespace is, as seen from the container's. The kernel nests no more than 32. */
__noinline __u32 space_of(__u64 address, __u32 own)
{
	struct user_namespace *space = (void *)address;

	if (!own)
		return CTREC_SPACE_UNKNOWN;
	for (int depth = 0; depth < 33 && space; depth++) {
		if (BPF_CORE_READ(space, ns.inum) == own)
			return depth ? CTREC_SPACE_INSIDE : CTREC_SPACE_CONTAINER;
		space = BPF_CORE_READ(space, parent);
	}
	return CTREC_SPACE_OUTSIDE;
}

/* An id of a user namespace as the kernel holds it, by the namespace's first range: few have more. */
static __always_inline __u32 kernel_id(struct user_namespace *space, __u32 id)
{
	return id - BPF_CORE_READ(space, uid_map.extent[0].first) + BPF_CORE_READ(space, uid_map.extent[0].lower_first);
}

static __always_inline bool is_root(__u32 user, struct user_namespace *space)
{
	return !user || user == kernel_id(space, 0);
}

static __always_inline __u64 mask_of(const kernel_cap_t *set)
{
	__u64 mask = 0;

	bpf_probe_read_kernel(&mask, sizeof(mask), set);
	return mask;
}

/* The sysctls that decide whether a capability is asked for at all. Without CONFIG_SYSCTL the kernel has none. */
static __always_inline void note_network(struct task_struct *task, struct ctrec_container *container)
{
	struct net *net = BPF_CORE_READ(task, nsproxy, net_ns);

	if (!net || container->has_network || !bpf_core_field_exists(net->ipv4.sysctl_ip_prot_sock))
		return;
	container->port_start = BPF_CORE_READ(net, ipv4.sysctl_ip_prot_sock);
	container->ping_groups[0] = BPF_CORE_READ(net, ipv4.ping_group_range.range[0].val);
	container->ping_groups[1] = BPF_CORE_READ(net, ipv4.ping_group_range.range[1].val);
	container->has_network = 1;
}

/* Where the workload begins, its namespaces are the container's. Read here: it may be gone before user space looks. */
static __noinline int note_namespaces(struct task_struct *task, struct ctrec_container *container)
{
	if (!task || !container)
		return 0;
	if (!container->user_space)
		container->user_space = BPF_CORE_READ(task, cred, user_ns, ns.inum);
	note_network(task, container);
	return 0;
}

#endif
