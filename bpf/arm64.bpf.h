/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* arm64, with 32-bit Arm (EABI). */
#ifndef CTREC_ARM64_BPF_H
#define CTREC_ARM64_BPF_H

#define NATIVE_ABI CTREC_ABI_AARCH64
#define COMPAT_ABI CTREC_ABI_ARM
#define NUMBERINGS 2
#define NR_X32_BIT 0 /* x86's alone */

#define NR_FCHMOD 52
#define NR_CHMOD NR_FCHMOD /* there is no other */
#define NR_FCHMODAT 53
#define NR_CAPSET 91
#define NR_EXIT 93
#define NR_EXIT_GROUP 94
#define NR_RT_SIGRETURN 139
#define NR_SETGID 144
#define NR_SETUID 146
#define NR_PRCTL 167
#define NR_CLONE 220
#define NR_EXECVE 221
#define NR_SECCOMP 277
#define NR_EXECVEAT 281

#define NR_COMPAT_EXIT_GROUP 248
#define NR_COMPAT_FCHMODAT 333
#define NR_COMPAT_SECCOMP 383
#define NR_COMPAT_EXECVEAT 387

/* Where a call's number is in its registers. */
#define CALL_NUMBER syscallno

#define TIF_32BIT 22 /* Linux 3.7+ */

/* A process is of one kind until it executes a program of the other. */
static __always_inline bool is_compat(struct task_struct *task)
{
	return LOAD(task, thread_info.flags) & 1 << TIF_32BIT;
}

static __always_inline bool native_returns_in_child(__s32 number)
{
	return number == NR_CLONE || number == NR_CLONE3;
}

static __always_inline bool native_exec(__s32 number)
{
	return number == NR_EXECVE || number == NR_EXECVEAT;
}

static __always_inline bool needs_care(__s32 number)
{
	return native_returns_in_child(number) || native_exec(number) || number == NR_CAPSET;
}

/*
 * A new child does not return from the call that made it. A new program does, and shows its number in the numbering of
 * the program before it, or -1 (before commit de6921856f99 of Linux 6.0, which older ones have taken over).
 */
#define FIRST_RETURN_IS_ODD true

/* The result is where the first argument was: that is kept beside the others. */
static __always_inline __u64 clone_flags(bool compat, struct pt_regs *regs)
{
	__u64 flags = LOAD(regs, orig_x0);

	return compat ? (__u32)flags : flags;
}

static __always_inline struct arguments arguments_of(bool compat, struct pt_regs *regs)
{
	struct arguments native = { LOAD(regs, orig_x0), LOAD(regs, regs[1]), LOAD(regs, regs[2]) };
	struct arguments arm = { (__u32)native.first, (__u32)native.second, (__u32)native.third };

	return compat ? arm : native;
}

#endif
