/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * As whom programs run: what an execve or a capset leaves them. File capabilities, set-user-id and ambient sets give
 * capabilities without any check; a capset to an explicit list fails without any check where one is missing.
 */
#ifndef CTREC_IDENTITIES_BPF_H
#define CTREC_IDENTITIES_BPF_H

#define S_ISUID 04000

static __noinline int count_identity(struct ctrec_identity_key *key, __u32 container)
{
	return !key || add_one(&identities, key) ? 0 : lose(CTREC_LOSS_IDENTITIES_FULL, container);
}

static __always_inline void read_identity(struct ctrec_identity_key *key, const struct cred *cred,
					  struct ctrec_task *state)
{
	struct user_namespace *space = BPF_CORE_READ(cred, user_ns);

	key->slot = state->slot;
	key->user = BPF_CORE_READ(cred, euid.val);
	key->root = is_root(key->user, space);
	key->holder = space_of((__u64)space, state->user_space);
	key->permitted = mask_of(&cred->cap_permitted);
	key->ambient = mask_of(&cred->cap_ambient);
	key->bounding = mask_of(&cred->cap_bset);
}

static __always_inline void note_executed(struct task_struct *task, struct ctrec_task *state, struct linux_binprm *bprm)
{
	struct ctrec_identity_key key = { .cause = CTREC_CAUSE_EXECVE };
	const struct cred *cred = BPF_CORE_READ(task, cred);

	read_identity(&key, cred, state);
	state->permitted = key.permitted;
	key.set_user_id = key.user != BPF_CORE_READ(cred, uid.val) &&
			  BPF_CORE_READ(bprm, file, f_inode, i_mode) & S_ISUID;
	if (state->slot)
		count_identity(&key, state->container);
}

/* After a capset that succeeded. */
static __noinline int note_capset(struct task_struct *task, __u32 tid)
{
	struct ctrec_identity_key key = { .cause = CTREC_CAUSE_CAPSET };
	struct ctrec_task *state = bpf_map_lookup_elem(&tasks, &tid);

	if (!state)
		return 0;
	key.before = state->permitted;
	read_identity(&key, BPF_CORE_READ(task, cred), state);
	state->permitted = key.permitted;
	return state->slot ? count_identity(&key, state->container) : 0;
}

#endif
