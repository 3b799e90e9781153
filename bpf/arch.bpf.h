/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What differs between processors: numbers of the few calls that need care, the ABI of a call, its registers. */
#ifndef CTREC_ARCH_BPF_H
#define CTREC_ARCH_BPF_H

#if !defined(__TARGET_ARCH_x86)
#error "ctrec records x86-64 (and i386 on it) only"
#endif

#define NR_FORK_CLONE_FIRST 56 /* clone, fork, vfork and execve are 56 to 59 */
#define NR_CLONE 56
#define NR_EXECVE 59
#define NR_EXIT 60
#define NR_PRCTL 157
#define NR_EXIT_GROUP 231
#define NR_SECCOMP 317
#define NR_EXECVEAT 322
#define NR_CLONE3 435
#define NR_RT_SIGRETURN 15

#define NR_I386_EXIT 1
#define NR_I386_FORK 2
#define NR_I386_EXECVE 11
#define NR_I386_CLONE 120
#define NR_I386_PRCTL 172
#define NR_I386_RT_SIGRETURN 173
#define NR_I386_VFORK 190
#define NR_I386_EXIT_GROUP 252
#define NR_I386_SECCOMP 354
#define NR_I386_EXECVEAT 358

#define NR_X32_BIT 0x40000000

#define TS_COMPAT 2

/*
 * The kernel sets TS_COMPAT from the entry it came through, so `int 0x80` from a 64-bit process is i386 too. The code
 * segment would say otherwise.
 */
static __always_inline bool is_compat(struct task_struct *task)
{
	return task->thread_info.status & TS_COMPAT;
}

static __always_inline bool returns_in_child(bool compat, __s32 number)
{
	if (compat)
		return number == NR_I386_FORK || number == NR_I386_CLONE || number == NR_I386_VFORK ||
		       number == NR_CLONE3;
	number &= ~NR_X32_BIT;
	return (__u32)(number - NR_FORK_CLONE_FIRST) < 3 || number == NR_CLONE3;
}

static __always_inline bool is_exec(bool compat, __s32 number)
{
	if (compat)
		return number == NR_I386_EXECVE || number == NR_I386_EXECVEAT;
	return number == NR_EXECVE || number == NR_EXECVEAT || number == (NR_X32_BIT | 520) ||
	       number == (NR_X32_BIT | 545);
}

static __always_inline bool is_exit(bool compat, __s32 number)
{
	if (compat)
		return number == NR_I386_EXIT || number == NR_I386_EXIT_GROUP;
	number &= ~NR_X32_BIT;
	return number == NR_EXIT || number == NR_EXIT_GROUP;
}

static __always_inline bool loads_filter(bool compat, __s32 number)
{
	if (compat)
		return number == NR_I386_PRCTL || number == NR_I386_SECCOMP;
	return number == NR_PRCTL || number == NR_SECCOMP;
}

/* First argument of clone. */
static __always_inline __u64 clone_flags(bool compat, struct pt_regs *regs)
{
	return compat ? (__u32)regs->bx : regs->di;
}

static __always_inline bool is_clone(bool compat, __s32 number)
{
	return number == (compat ? NR_I386_CLONE : NR_CLONE);
}

static __always_inline __s32 sigreturn_number(bool compat)
{
	return compat ? NR_I386_RT_SIGRETURN : NR_RT_SIGRETURN;
}

#endif
