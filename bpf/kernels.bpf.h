/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What differs between kernels, by two means. Built with CTREC_OLD this is for kernels before 5.15. They lack
 * bpf_task_pt_regs (5.15), atomics that give back what was there (5.12) and bpf_get_current_task_btf (5.11), and some of
 * them refuse an object for one instruction, whether it is reached or not. What else differs is said in `config`, and the
 * verifier prunes what is off.
 */
#ifndef CTREC_KERNELS_BPF_H
#define CTREC_KERNELS_BPF_H

static __always_inline __u64 address_of(const void *pointer)
{
	volatile __u64 *address = &scratch[bpf_get_smp_processor_id() & (CTREC_CPUS - 1)].address;

	*address = (__u64)pointer;
	return *address;
}

#ifdef CTREC_OLD

#define KERNEL_STACK_BYTES 16384

/* Reads a field of what a helper returned, of which these kernels do not know the type. */
#define LOAD(pointer, field) BPF_CORE_READ(pointer, field)

static __always_inline struct task_struct *current_task(void)
{
	return (void *)bpf_get_current_task();
}

static __always_inline struct pt_regs *registers_of(struct task_struct *task)
{
	return (void *)((__u64)BPF_CORE_READ(task, stack) + KERNEL_STACK_BYTES - bpf_core_type_size(struct pt_regs));
}

/* Every CPU has numbers of its own. These kernels preempt no program, so plain additions are exact. */
static __always_inline __u32 next_number(__u32 kind, __u32 *shared)
{
	__u32 *mine = bpf_map_lookup_elem(&numbers, &kind);

	return mine ? 1 + bpf_get_smp_processor_id() + (*mine)++ * config.cpus : 0;
}

/* What the counter is then. What another CPU adds at the same moment may be in it. */
static __always_inline __u64 add_one_to(__u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
	return *(volatile __u64 *)counter;
}

/* Whether nobody is left. Of two who leave at the same moment both may say so. */
static __always_inline bool take_one_from(__s64 *counter)
{
	__sync_fetch_and_add(counter, -1);
	return !*(volatile __s64 *)counter;
}

/* Sets what is 0, and says whether it did. The map decides between two CPUs that meet here. */
static __always_inline bool claim(__u32 *place, __u32 value, __u32 kind, __u32 id)
{
	__u64 key = (__u64)kind << 32 | id;
	__u8 taken = 1;

	if (*(volatile __u32 *)place || bpf_map_update_elem(&claims, &key, &taken, BPF_NOEXIST))
		return false;
	*(volatile __u32 *)place = value;
	return true;
}

/* These kernels cannot: whoever asks goes another way, which takes longer. */
static __always_inline bool replace(__u64 *place, __u64 before, __u64 after)
{
	return false;
}

#else

#define LOAD(pointer, field) ((pointer)->field)

static __always_inline struct task_struct *current_task(void)
{
	return bpf_get_current_task_btf();
}

static __always_inline struct pt_regs *registers_of(struct task_struct *task)
{
	return (struct pt_regs *)bpf_task_pt_regs(task);
}

static __always_inline __u32 next_number(__u32 kind, __u32 *shared)
{
	return __sync_fetch_and_add(shared, 1) + 1;
}

static __always_inline __u64 add_one_to(__u64 *counter)
{
	return __sync_fetch_and_add(counter, 1) + 1;
}

static __always_inline bool take_one_from(__s64 *counter)
{
	return __sync_fetch_and_add(counter, -1) == 1;
}

static __always_inline bool claim(__u32 *place, __u32 value, __u32 kind, __u32 id)
{
	return !__sync_val_compare_and_swap(place, 0, value);
}

static __always_inline bool replace(__u64 *place, __u64 before, __u64 after)
{
	return __sync_val_compare_and_swap(place, before, after) == before;
}

#endif

/*
 * From Linux 7.0 on, a kernel that preempts its own code does so in programs on tracepoints too. What a CPU has one of is
 * used with preemption off. That does not help whoever comes to a program on a CPU where it runs already and was preempted:
 * the kernel passes them by (a recursion miss). Calls, of which each counts, are counted by way of perf there, which turns
 * preemption off around the program; on the hooks of lives are two programs each.
 */
extern void bpf_preempt_disable(void) __weak __ksym; /* Linux 6.10+ */
extern void bpf_preempt_enable(void) __weak __ksym;

#define UNPREEMPTED(body)                                                                                              \
	({                                                                                                             \
		int code;                                                                                              \
		if (config.hold)                                                                                       \
			bpf_preempt_disable();                                                                         \
		code = (body);                                                                                         \
		if (config.hold)                                                                                       \
			bpf_preempt_enable();                                                                          \
		code;                                                                                                  \
	})

#endif
