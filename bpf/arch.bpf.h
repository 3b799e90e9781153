/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What differs between processors: numbers of the few calls that need care, the ABI of a call, its registers. */
#ifndef CTREC_ARCH_BPF_H
#define CTREC_ARCH_BPF_H

/* The same for all that Linux has had since 2019. */
#define NR_CLONE3 435
#define NR_FCHMODAT2 452

/* i386 and Arm have these numbers in common. */
#define NR_COMPAT_EXIT 1
#define NR_COMPAT_FORK 2
#define NR_COMPAT_EXECVE 11
#define NR_COMPAT_CHMOD 15
#define NR_COMPAT_SETUID16 23
#define NR_COMPAT_SETGID16 46
#define NR_COMPAT_FCHMOD 94
#define NR_COMPAT_CLONE 120
#define NR_COMPAT_PRCTL 172
#define NR_COMPAT_RT_SIGRETURN 173
#define NR_COMPAT_CAPSET 185
#define NR_COMPAT_VFORK 190
#define NR_COMPAT_SETUID 213
#define NR_COMPAT_SETGID 214

/* The first arguments of a call. */
struct arguments {
	__u64 first;
	__u64 second;
	__u64 third;
};

#if defined(__TARGET_ARCH_x86)
#include "x86.bpf.h"
#elif defined(__TARGET_ARCH_arm64)
#include "arm64.bpf.h"
#else
#error "ctrec records on x86-64 and arm64 only"
#endif

static __always_inline bool returns_in_child(bool compat, __s32 number)
{
	if (compat)
		return number == NR_COMPAT_FORK || number == NR_COMPAT_CLONE || number == NR_COMPAT_VFORK ||
		       number == NR_CLONE3;
	return native_returns_in_child(number & ~NR_X32_BIT);
}

static __always_inline bool is_exec(bool compat, __s32 number)
{
	if (compat)
		return number == NR_COMPAT_EXECVE || number == NR_COMPAT_EXECVEAT;
	return native_exec(number);
}

static __always_inline bool is_exit(bool compat, __s32 number)
{
	if (compat)
		return number == NR_COMPAT_EXIT || number == NR_COMPAT_EXIT_GROUP;
	number &= ~NR_X32_BIT;
	return number == NR_EXIT || number == NR_EXIT_GROUP;
}

static __always_inline bool loads_filter(bool compat, __s32 number)
{
	if (compat)
		return number == NR_COMPAT_PRCTL || number == NR_COMPAT_SECCOMP;
	return number == NR_PRCTL || number == NR_SECCOMP;
}

static __always_inline bool is_clone(bool compat, __s32 number)
{
	return number == (compat ? NR_COMPAT_CLONE : NR_CLONE);
}

static __always_inline bool sets_user(bool compat, __s32 number)
{
	return compat ? number == NR_COMPAT_SETUID || number == NR_COMPAT_SETUID16 : number == NR_SETUID;
}

static __always_inline bool sets_group(bool compat, __s32 number)
{
	return compat ? number == NR_COMPAT_SETGID || number == NR_COMPAT_SETGID16 : number == NR_SETGID;
}

static __always_inline bool sets_capabilities(bool compat, __s32 number)
{
	return number == (compat ? NR_COMPAT_CAPSET : NR_CAPSET);
}

/* Which argument is the mode of a chmod: the second or the third; 0: it is no chmod. */
static __always_inline int mode_argument(bool compat, __s32 number)
{
	if (number == (compat ? NR_COMPAT_CHMOD : NR_CHMOD) || number == (compat ? NR_COMPAT_FCHMOD : NR_FCHMOD))
		return 2;
	return number == (compat ? NR_COMPAT_FCHMODAT : NR_FCHMODAT) || number == NR_FCHMODAT2 ? 3 : 0;
}

static __always_inline __s32 sigreturn_number(bool compat)
{
	return compat ? NR_COMPAT_RT_SIGRETURN : NR_RT_SIGRETURN;
}

#endif
