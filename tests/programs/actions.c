// SPDX-License-Identifier: Apache-2.0 OR MIT
// Meets every action of a filter of its own TIMES times: sched_yield is logged, getpgrp is for a tracer that is not there,
// getppid is answered by a listener with errno 77, which lets getuid go on, getsid ends the process, and getpgid ends one
// thread of two. A tracer lets getgid go on and makes getegid of geteuid. getpriority is answered with each errno from 1 to
// 400.
//
// usage: actions TIMES

#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define ERRNOS 400

static long times;
static int listener;
static int ends[2];

static long install(struct sock_filter *code, unsigned short length, unsigned flags)
{
	struct sock_fprog program = { .len = length, .filter = code };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static long load(unsigned number, unsigned action, unsigned flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return install(code, sizeof(code) / sizeof(code[0]), flags);
}

/* The filter is this thread's own. There can be one listener. */
static long load_for_listener(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getuid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return install(code, sizeof(code) / sizeof(code[0]), SECCOMP_FILTER_FLAG_NEW_LISTENER);
}

static void *ask_listener(void *unused)
{
	listener = load_for_listener();
	if (write(ends[1], "x", 1) != 1)
		_exit(3);
	for (long i = 0; i < times; i++)
		if (syscall(SYS_getppid) != -1 || errno != 77 || syscall(SYS_getuid) < 0)
			_exit(4);
	return unused;
}

static int answer(void)
{
	pthread_t asking;
	char byte;

	if (pipe(ends) || pthread_create(&asking, 0, ask_listener, 0) || read(ends[0], &byte, 1) != 1 || listener < 0)
		return 0;
	for (long i = 0; i < 2 * times; i++) {
		struct seccomp_notif question = {};
		struct seccomp_notif_resp answer = {};

		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &question))
			return 0;
		answer.id = question.id;
		if (question.data.nr == SYS_getuid)
			answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		else
			answer.error = -77;
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer))
			return 0;
	}
	return !pthread_join(asking, 0);
}

static int end_processes(void)
{
	for (long i = 0; i < times; i++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			load(SYS_getsid, SECCOMP_RET_KILL_PROCESS, 0);
			syscall(SYS_getsid, 0);
			_exit(5);
		}
		if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			return 0;
	}
	return 1;
}

static void *end_itself(void *unused)
{
	load(SYS_getpgid, SECCOMP_RET_KILL_THREAD, 0);
	syscall(SYS_getpgid, 0);
	_exit(6);
	return unused;
}

static int end_threads(void)
{
	for (long i = 0; i < times; i++) {
		pthread_t other;

		if (pthread_create(&other, 0, end_itself, 0) || pthread_join(other, 0))
			return 0;
	}
	return 1;
}

static void ask_tracer(void)
{
	if (ptrace(PTRACE_TRACEME, 0, 0, 0) || raise(SIGSTOP) || load(SYS_getgid, SECCOMP_RET_TRACE, 0) ||
	    load(SYS_geteuid, SECCOMP_RET_TRACE, 0))
		_exit(10);
	for (long i = 0; i < times; i++)
		if (syscall(SYS_getgid) < 0 || syscall(SYS_geteuid) < 0)
			_exit(11);
	_exit(0);
}

static int trace(void)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		ask_tracer();
	if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESECCOMP))
		return 0;
	for (;;) {
		struct user_regs_struct registers;

		if (ptrace(PTRACE_CONT, child, 0, 0) || waitpid(child, &status, 0) != child)
			return 0;
		if (!WIFSTOPPED(status))
			return status == 0;
		if (ptrace(PTRACE_GETREGS, child, 0, &registers))
			return 0;
		if (registers.orig_rax == SYS_geteuid) {
			registers.orig_rax = SYS_getegid;
			if (ptrace(PTRACE_SETREGS, child, 0, &registers))
				return 0;
		}
	}
}

/* The first argument is the errno. */
static int meet_errnos(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO),
		BPF_STMT(BPF_RET | BPF_A, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	if (install(code, sizeof(code) / sizeof(code[0]), 0))
		return 0;
	for (long i = 0; i < times; i++)
		for (long error = 1; error <= ERRNOS; error++)
			if (syscall(SYS_getpriority, error, 0) != -1 || errno != error)
				return 0;
	return 1;
}

int main(int argc, char **argv)
{
	struct rlimit no_core = {};

	times = argc == 2 ? atol(argv[1]) : 0;
	if (times < 1 || setrlimit(RLIMIT_CORE, &no_core) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return 2;
	if (!answer() || !end_processes() || !end_threads() || !trace() || !meet_errnos())
		return 7;
	if (load(SYS_sched_yield, SECCOMP_RET_LOG, 0) || load(SYS_getpgrp, SECCOMP_RET_TRACE, 0))
		return 8;
	for (long i = 0; i < times; i++)
		if (syscall(SYS_sched_yield) || syscall(SYS_getpgrp) != -1 || errno != ENOSYS)
			return 9;
	return 0;
}
