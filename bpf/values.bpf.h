/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Values of arguments: which ones the calls had whose arguments decide what they may do, and whether one with them
 * succeeded. User space says which calls those are. At sys_exit the registers still hold what the call was made with;
 * nothing behind a pointer is read.
 */
#ifndef CTREC_VALUES_BPF_H
#define CTREC_VALUES_BPF_H

/* Which arguments of a call are kept, enum ctrec_kept; 0: none. By numbering: native, compat, x32 without its bit. */
const volatile __u8 kept_arguments[NUMBERINGS][CTREC_NUMBERS] = {};

/*
 * Values that are in `values` already, direct mapped. An entry is all there is to know: slot, number, arguments and how
 * the call ended, in one word that is read and written at once. So whoever else writes here, on another CPU or in the
 * midst of a program (which Linux 7.0+ allows), nothing is ever taken for seen that was not. No slot is 0, so neither is
 * an entry. User space clears it before a slot is used again.
 */
__u64 seen_values[CTREC_SEEN];

/* Values of the arguments that are kept. User space takes what is new; deleted with the slot. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ctrec_values_key);
	__type(value, struct ctrec_values);
} values SEC(".maps");

/* How many different ones each call of a slot has there, and whether there were more. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ctrec_values_owner);
	__type(value, struct ctrec_values_count);
} value_counts SEC(".maps");

static __always_inline __u8 kept_of(bool compat, __s32 number)
{
	__u32 numbering = compat ? 1 : number & NR_X32_BIT ? 2 : 0;
	__u32 index = numbering == 2 ? number & ~NR_X32_BIT : number;

	return index < CTREC_NUMBERS ? kept_arguments[numbering][index] : 0;
}

/* Of what a call was made with, what is kept; the kernel itself looks at the low half of most registers alone. */
static __always_inline void fill_values(struct ctrec_values_key *key, const struct arguments *all, __u8 kept)
{
	__u64 mask = kept & CTREC_KEPT_WHOLE ? ~0ULL : 0xffffffff;

	key->arguments[0] = kept & CTREC_KEPT_FIRST ? all->first & mask : 0;
	key->arguments[1] = kept & CTREC_KEPT_SECOND ? all->second & mask : 0;
	key->arguments[2] = kept & CTREC_KEPT_THIRD ? all->third & mask : 0;
}

/* The word for `seen_values`; 0: the values do not fit into it. Several arguments have unequal parts of the room. */
static __always_inline __u64 word_of(const struct ctrec_values_key *key, __u8 kept, bool failed)
{
	__u64 first = key->arguments[0], second = key->arguments[1], third = key->arguments[2], packed;
	__u8 which = kept & (CTREC_KEPT_WHOLE - 1);

	if (!(which & (which - 1)))
		packed = first | second | third; /* one, and the others are 0 */
	else if (first >> 8 || second >> 20 || third >> 12)
		return 0;
	else
		packed = first << 32 | second << 12 | third;
	if (packed >> 40 || (__u32)key->number >= CTREC_CELLS)
		return 0;
	return (__u64)key->slot << 50 | (__u64)key->number << 41 | (__u64)failed << 40 | packed;
}
_Static_assert(CTREC_SLOTS <= 1 << 14 && CTREC_CELLS <= 1 << 9, "a slot and a number fit beside the other 41 bits");

static __always_inline struct ctrec_values_count *count_of_values(const struct ctrec_values_key *key)
{
	struct ctrec_values_owner owner = { .slot = key->slot, .number = key->number };
	struct ctrec_values_count none = {}, *count = bpf_map_lookup_elem(&value_counts, &owner);

	if (count)
		return count;
	/* Two CPUs may meet here: the one that loses the race finds the other's entry. */
	bpf_map_update_elem(&value_counts, &owner, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&value_counts, &owner);
}

/* False: a map is full. CPUs that meet at the limit may keep a few more than that. */
static __noinline bool keep_values(const struct ctrec_values_key *key, bool failed)
{
	struct ctrec_values none = {}, *known = bpf_map_lookup_elem(&values, key);

	if (!known) {
		struct ctrec_values_count *count = count_of_values(key);

		if (!count)
			return false;
		if (count->kept >= CTREC_VALUES) {
			count->many = 1;
			return true;
		}
		if (!bpf_map_update_elem(&values, key, &none, BPF_NOEXIST))
			__sync_fetch_and_add(&count->kept, 1);
		known = bpf_map_lookup_elem(&values, key);
		if (!known)
			return false;
	}
	if (failed)
		known->failed = 1;
	else
		known->succeeded = 1;
	return true;
}

static __always_inline __u32 container_of_thread(void)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct ctrec_task *state = bpf_map_lookup_elem(&tasks, &tid);

	return state ? state->container : 0;
}

/* A call has come back. `failed` also where a filter gave the answer. */
static __noinline int note_values(struct pt_regs *regs, __u32 slot, bool compat, bool failed)
{
	struct arguments all = arguments_of(compat, regs);
	struct ctrec_values_key key = { .slot = slot, .number = regs->CALL_NUMBER };
	__u8 kept = kept_of(compat, key.number);
	volatile __u64 *seen;
	__u64 word;

	if (!kept || !slot)
		return 0;
	fill_values(&key, &all, kept);
	word = word_of(&key, kept, failed);
	seen = &seen_values[(word * 0x9e3779b97f4a7c15) >> 32 & (CTREC_SEEN - 1)];
	if (word && *seen == word)
		return 0;
	if (!keep_values(&key, failed))
		return lose(CTREC_LOSS_VALUES_FULL, container_of_thread());
	if (word)
		*seen = word;
	return 0;
}

#endif
