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
#define NR_CHMOD 90
#define NR_FCHMOD 91
#define NR_SETUID 105
#define NR_SETGID 106
#define NR_CAPSET 126
#define NR_FCHMODAT 268
#define NR_FCHMODAT2 452 /* on i386 too */

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
#define NR_I386_CHMOD 15
#define NR_I386_SETUID16 23
#define NR_I386_SETGID16 46
#define NR_I386_FCHMOD 94
#define NR_I386_CAPSET 185
#define NR_I386_SETUID 213
#define NR_I386_SETGID 214
#define NR_I386_FCHMODAT 306

#define NR_X32_BIT 0x40000000

#define TS_COMPAT 2

/*
 * The kernel sets TS_COMPAT from the entry it came through, so `int 0x80` from a 64-bit process is i386 too. The code
 * segment would say otherwise.
 */
static __always_inline bool is_compat(struct task_struct *task)
{
	return LOAD(task, thread_info.status) & TS_COMPAT;
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
	return compat ? (__u32)LOAD(regs, bx) : LOAD(regs, di);
}

static __always_inline bool is_clone(bool compat, __s32 number)
{
	return number == (compat ? NR_I386_CLONE : NR_CLONE);
}

static __always_inline bool sets_user(bool compat, __s32 number)
{
	return compat ? number == NR_I386_SETUID || number == NR_I386_SETUID16 : number == NR_SETUID;
}

static __always_inline bool sets_group(bool compat, __s32 number)
{
	return compat ? number == NR_I386_SETGID || number == NR_I386_SETGID16 : number == NR_SETGID;
}

static __always_inline bool sets_capabilities(bool compat, __s32 number)
{
	return number == (compat ? NR_I386_CAPSET : NR_CAPSET);
}

/* Which argument is the mode of a chmod: the second or the third; 0: it is no chmod. */
static __always_inline int mode_argument(bool compat, __s32 number)
{
	if (number == (compat ? NR_I386_CHMOD : NR_CHMOD) || number == (compat ? NR_I386_FCHMOD : NR_FCHMOD))
		return 2;
	return number == (compat ? NR_I386_FCHMODAT : NR_FCHMODAT) || number == NR_FCHMODAT2 ? 3 : 0;
}

/* The first arguments of a call. */
struct arguments {
	__u64 first;
	__u64 second;
	__u64 third;
};

static __always_inline struct arguments arguments_of(bool compat, struct pt_regs *regs)
{
	struct arguments native = { LOAD(regs, di), LOAD(regs, si), LOAD(regs, dx) };
	struct arguments i386 = { (__u32)LOAD(regs, bx), (__u32)LOAD(regs, cx), (__u32)LOAD(regs, dx) };

	return compat ? i386 : native;
}

static __always_inline __s32 sigreturn_number(bool compat)
{
	return compat ? NR_I386_RT_SIGRETURN : NR_RT_SIGRETURN;
}

#endif
