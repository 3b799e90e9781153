/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Capability checks. Counted exactly by kind, and by how the call ended that they were asked in: what was asked during a
 * call waits for that (pending.bpf.h). Who asked is only sampled, for walking the stack costs several times all the
 * rest.
 *
 * Three hooks, of which user space chooses one: fexit and kprobe with kretprobe see the options of the check, which say
 * whether it is a probe; the tracepoint (Linux 6.14+) does not.
 */
#ifndef CTREC_CHECKS_BPF_H
#define CTREC_CHECKS_BPF_H

#define PF_EXITING 0x4
#define PF_IO_WORKER 0x10
#define CAP_OPT_NOAUDIT 0x2 /* Linux 5.1+ */
#define SAMPLED_FIRST 16
#define NO_CALL (-1)

#define CAP_FSETID 4
#define CAP_SETGID 6
#define CAP_SETUID 7
#define CAP_SETPCAP 8
#define S_ISGID 02000

#define CAPABILITY_VERSION_1 0x19980330 /* one word a set; later ones have two */

/* Whether what capset makes inheritable was inheritable or permitted before: only for more does it need SETPCAP. */
static __always_inline bool adds_nothing_inheritable(const struct cred *cred, struct arguments *arguments)
{
	/* effective, permitted, inheritable; the upper halves follow */
	__u32 version = 0, sets[6] = {};
	__u64 inheritable;

	if (bpf_probe_read_user(&version, sizeof(version), (void *)arguments->first))
		return false;
	if (bpf_probe_read_user(sets, version == CAPABILITY_VERSION_1 ? 12 : 24, (void *)arguments->second))
		return false;
	inheritable = (__u64)sets[5] << 32 | sets[2];
	return !(inheritable & ~(mask_of(&cred->cap_inheritable) | mask_of(&cred->cap_permitted)));
}

/*
 * Whether a call's arguments say that it would have done the same without the capability: the kernel asks for SETUID
 * before it looks whether the id changes, for FSETID at every chmod of a file of another group, for SETPCAP at every
 * capset.
 */
static __noinline int is_needless(__u64 cred_address, __s32 number, bool compat, int capability,
				  struct pt_regs *regs)
{
	struct arguments arguments = arguments_of(compat, regs);
	const struct cred *cred = (void *)cred_address;
	struct user_namespace *space;
	__u32 id;

	if (capability == CAP_SETPCAP)
		return sets_capabilities(compat, number) && adds_nothing_inheritable(cred, &arguments);
	if (capability == CAP_FSETID) {
		int mode = mode_argument(compat, number);

		return mode && !((mode == 2 ? arguments.second : arguments.third) & S_ISGID);
	}
	space = BPF_CORE_READ(cred, user_ns);
	id = kernel_id(space, arguments.first);
	if (capability == CAP_SETUID)
		return sets_user(compat, number) && id == BPF_CORE_READ(cred, uid.val) &&
		       id == BPF_CORE_READ(cred, suid.val);
	return sets_group(compat, number) && id == BPF_CORE_READ(cred, gid.val) && id == BPF_CORE_READ(cred, sgid.val);
}

/* What was asked may be moot for these; the others are not looked at. */
static __always_inline bool may_be_needless(int capability)
{
	return capability == CAP_FSETID || (__u32)(capability - CAP_SETGID) <= CAP_SETPCAP - CAP_SETGID;
}

/* `frames`: the stack, where it was taken before. */
static __noinline int sample_asker(void *ctx, const __u64 *frames, __u32 check, __u32 container)
{
	struct ctrec_asker_key key = { .check = check };

	if (frames)
		__builtin_memcpy(key.frames, frames, sizeof(key.frames));
	else if (bpf_get_stack(ctx, key.frames, sizeof(key.frames), 0) < 0)
		return lose(CTREC_LOSS_READ_FAULT, container);
	return add_one(&askers, &key) ? 0 : lose(CTREC_LOSS_ASKERS_FULL, container);
}

static __noinline struct ctrec_check *new_check(struct ctrec_check_key *key)
{
	struct ctrec_check check = { .id = next_number(NUMBERED_CHECK, &last_check) };

	/* Two CPUs may meet here: the one that loses the race finds the other's entry. */
	bpf_map_update_elem(&checks, key, &check, BPF_NOEXIST);
	return bpf_map_lookup_elem(&checks, key);
}

/*
 * Whether to take the stack of the n-th check of a kind. Each one in a call that makes or executes a process: there,
 * memory accounting probes for the capability that new namespaces need, and one must not drown in the other.
 */
static __always_inline bool is_sampled(__u64 n, bool compat, __s32 number)
{
	return n <= SAMPLED_FIRST || !(n & (n - 1)) || returns_in_child(compat, number) || is_exec(compat, number);
}

/* `typed`: the verifier knows the pointers' types, so that they can be read without a helper. */
#define FIELD(typed, pointer, field) ((typed) ? (pointer)->field : BPF_CORE_READ(pointer, field))

/* What a check is about, before it is known whose it is. */
struct question {
	const struct cred *cred;
	struct user_namespace *target;
	int capability;
	__u32 options;
	/* Of the build for old kernels: 5.10 cannot walk the stack where the function returns. */
	__u64 frames[CTREC_FRAMES];
};

static __always_inline __u32 flags_of(struct task_struct *task, const struct cred *cred, int capability, int verdict,
				      const bool typed)
{
	bool whole = typed && bpf_core_field_exists(cred->cap_bset.val);
	__u64 bounding = whole ? cred->cap_bset.val : mask_of(&cred->cap_bset);
	__u32 flags = verdict ? 0 : CTREC_CHECK_GRANTED;

	if (cred != LOAD(task, cred) || cred != LOAD(task, real_cred))
		flags |= CTREC_CHECK_OVERRIDDEN;
	if (bounding >> (capability & 63) & 1)
		flags |= CTREC_CHECK_BOUNDED;
	if (is_root(FIELD(typed, cred, euid.val), FIELD(typed, cred, user_ns)))
		flags |= CTREC_CHECK_ROOT;
	return flags;
}

/* Most checks are about the container's own user namespace: this is found without a walk. */
static __always_inline __u8 quick_space_of(struct user_namespace *space, __u32 own, const bool typed)
{
	if (own && FIELD(typed, space, ns.inum) == own)
		return CTREC_SPACE_CONTAINER;
	return space_of(address_of(space), own);
}

/* Counts a check that was asked, and takes a sample of who asked. Returns its id; 0: it could not be kept. */
static __always_inline __u32 ask(void *ctx, const __u64 *frames, struct ctrec_check_key *key, __u32 known, bool compat,
				 __u32 container)
{
	struct ctrec_check_count *count = 0;
	struct ctrec_check *check;
	__u32 id = known;
	__u64 asked;

	if (!id) {
		check = bpf_map_lookup_elem(&checks, key);
		if (!check)
			check = new_check(key);
		if (!check)
			return 0;
		id = check->id;
	}
	count = bpf_map_lookup_elem(&check_counts, &id);
	if (count)
		asked = add_one_to(&count->asked);
	else if (!known)
		asked = add_one_to(&check->asked);
	else
		return id;
	if (is_sampled(asked, compat, key->number))
		sample_asker(ctx, frames, id, container);
	return id;
}

/* The id of a check that the thread asked last, if it is of this kind and waits no more. */
static __always_inline __u32 asked_before(__u32 stack, const struct ctrec_check_key *key)
{
	volatile struct ctrec_waiting *place = waiting_of(stack);
	__u64 kind[2], none = (__u64)stack << 32;
	__u32 check;

	__builtin_memcpy(kind, key, sizeof(kind));
	if (place->owner != none || place->kind[0] != kind[0] || place->kind[1] != kind[1])
		return 0;
	check = place->check;
	/* Another thread may have taken the place meanwhile. */
	return place->owner == none && check < CTREC_CHECKS ? check : 0;
}

static __always_inline int note_check(void *ctx, const __u64 *frames, const struct cred *cred,
				      struct user_namespace *target, int capability, __u8 audit, int verdict,
				      const bool typed)
{
	struct task_struct *task = current_task();
	__u32 stack = stack_of(task), tid = LOAD(task, pid), container = 0, space, check, slot;
	__u64 entry = threads[stack & (CTREC_THREADS - 1)];
	bool known = entry >> 32 == stack, compat, quick;
	struct user_namespace *holder;
	struct ctrec_check_key key = {};
	struct pt_regs *regs;

	slot = entry;
	if (known && !slot)
		return 0;
	compat = is_compat(task);
	quick = known && slot < CTREC_SLOTS && !compat;
	if (quick) {
		space = slot_spaces[slot & (CTREC_SLOTS - 1)];
	} else {
		struct ctrec_task state = {};

		if (LOAD(task, flags) & PF_EXITING || !find_task(task, tid, &state))
			return 0;
		/* Whatever waits is looked at when the call ends: finding the task has reset the cache. */
		threads[stack & (CTREC_THREADS - 1)] = (__u64)stack << 32 | SLOW;
		slot = slot_of(&state, compat);
		space = state.user_space;
		container = state.container;
		if (!slot)
			return lose(CTREC_LOSS_SLOTS_FULL, container);
	}
	regs = registers_of(task);
	key.number = LOAD(task, flags) & PF_IO_WORKER ? NO_CALL : (__s32)LOAD(regs, CALL_NUMBER);
	key.slot = slot;
	key.capability = capability;
	key.audit = audit;
	holder = FIELD(typed, cred, user_ns);
	key.target = quick_space_of(target, space, typed);
	key.holder = holder == target ? key.target : quick_space_of(holder, space, typed);
	key.flags = flags_of(task, cred, capability, verdict, typed);
	if (may_be_needless(capability) && is_needless((__u64)cred, key.number, compat, capability, regs))
		key.flags |= CTREC_CHECK_NEEDLESS;
	check = ask(ctx, frames, &key, quick ? asked_before(stack, &key) : 0, compat, container);
	if (!check)
		return lose(CTREC_LOSS_CHECKS_FULL, container);
	if (key.number < 0)
		count_end(check, container, CTREC_OUTCOME_NO_CALL, 1);
	else if (!quick || !await_alone(stack, slot, check, &key))
		await_with_others(tid, stack, check, container);
	return 0;
}

static __always_inline __u8 audit_of(__u32 options)
{
	return options & CAP_OPT_NOAUDIT ? CTREC_AUDIT_PROBE : CTREC_AUDIT_AUDITED;
}

SEC("tp_btf/cap_capable")
int BPF_PROG(on_check_tracepoint, const struct cred *cred, struct user_namespace *target,
	     const struct user_namespace *capable, int capability, int verdict)
{
	return note_check(ctx, 0, cred, target, capability, CTREC_AUDIT_UNKNOWN, verdict, true);
}

SEC("fexit/cap_capable")
int BPF_PROG(on_check_fexit, const struct cred *cred, struct user_namespace *target, int capability,
	     unsigned int options, int verdict)
{
	return note_check(ctx, 0, cred, target, capability, audit_of(options), verdict, true);
}

/* A kretprobe does not see the arguments, so the kprobe leaves them here, by thread. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct question);
} questions SEC(".maps");

SEC("kprobe/cap_capable")
int BPF_KPROBE(on_check_kprobe, const struct cred *cred, struct user_namespace *target, int capability,
	       unsigned int options)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct question question = { cred, target, capability, options };

#ifdef CTREC_OLD
	bpf_get_stack(ctx, question.frames, sizeof(question.frames), 0);
#endif
	if (bpf_map_update_elem(&questions, &thread, &question, BPF_ANY))
		lose(CTREC_LOSS_CHECKS_FULL, 0);
	return 0;
}

SEC("kretprobe/cap_capable")
int BPF_KRETPROBE(on_check_kretprobe, int verdict)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct question *question = bpf_map_lookup_elem(&questions, &thread);
	const __u64 *frames = 0;

	if (!question)
		return 0;
#ifdef CTREC_OLD
	frames = question->frames;
#endif
	note_check(ctx, frames, question->cred, question->target, question->capability, audit_of(question->options), verdict,
		   false);
	bpf_map_delete_elem(&questions, &thread);
	return 0;
}

#endif
