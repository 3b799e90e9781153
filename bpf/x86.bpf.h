/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* x86-64, with i386 and x32. */
#ifndef CTREC_X86_BPF_H
#define CTREC_X86_BPF_H

#define NATIVE_ABI CTREC_ABI_X86_64
#define COMPAT_ABI CTREC_ABI_I386
#define NUMBERINGS 3 /* x32's is the third */
#define NR_X32_BIT 0x40000000

#define NR_FORK_CLONE_FIRST 56 /* clone, fork, vfork and execve are 56 to 59 */
#define NR_CLONE 56
#define NR_EXECVE 59
#define NR_EXIT 60
#define NR_PRCTL 157
#define NR_EXIT_GROUP 231
#define NR_SECCOMP 317
#define NR_EXECVEAT 322
#define NR_RT_SIGRETURN 15
#define NR_CHMOD 90
#define NR_FCHMOD 91
#define NR_SETUID 105
#define NR_SETGID 106
#define NR_CAPSET 126
#define NR_FCHMODAT 268

#define NR_COMPAT_EXIT_GROUP 252
#define NR_COMPAT_SECCOMP 354
#define NR_COMPAT_EXECVEAT 358
#define NR_COMPAT_FCHMODAT 306

/* Where a call's number is in its registers. */
#define CALL_NUMBER orig_ax

#define TS_COMPAT 2

/*
 * The kernel sets TS_COMPAT from the entry it came through, so `int 0x80` from a 64-bit process is i386 too. The code
 * segment would say otherwise.
 */
static __always_inline bool is_compat(struct task_struct *task)
{
	return LOAD(task, thread_info.status) & TS_COMPAT;
}

static __always_inline bool native_returns_in_child(__s32 number)
{
	return (__u32)(number - NR_FORK_CLONE_FIRST) < 3 || number == NR_CLONE3;
}

static __always_inline bool native_exec(__s32 number)
{
	return number == NR_EXECVE || number == NR_EXECVEAT || number == (NR_X32_BIT | 520) ||
	       number == (NR_X32_BIT | 545);
}

static __always_inline bool needs_care(__s32 number)
{
	return (__u32)(number - NR_FORK_CLONE_FIRST) < 4 || number == NR_CLONE3 || number == NR_EXECVEAT ||
	       number == NR_CAPSET;
}

/* A new child and a new program return from the call that made them, and show its number in their own numbering. */
#define FIRST_RETURN_IS_ODD false

/* First argument of clone. */
static __always_inline __u64 clone_flags(bool compat, struct pt_regs *regs)
{
	return compat ? (__u32)LOAD(regs, bx) : LOAD(regs, di);
}

static __always_inline struct arguments arguments_of(bool compat, struct pt_regs *regs)
{
	struct arguments native = { LOAD(regs, di), LOAD(regs, si), LOAD(regs, dx) };
	struct arguments i386 = { (__u32)LOAD(regs, bx), (__u32)LOAD(regs, cx), (__u32)LOAD(regs, dx) };

	return compat ? i386 : native;
}

#endif
