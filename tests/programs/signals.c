// SPDX-License-Identifier: Apache-2.0 OR MIT
// Is interrupted TIMES times by a signal while it makes calls that fail with ENOSYS, then makes call -1 TIMES times, then
// has fork (where there is none: clone) and execveat answered with errno 0, TIMES times each, by a filter of its own.
//
// usage: signals TIMES

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#ifdef SYS_fork
#define FORK SYS_fork
#else
#define FORK SYS_clone
#endif

static volatile sig_atomic_t handled;

static void handle(int number)
{
	(void)number;
	handled++;
}

/* The handler re-arms nothing: each signal is asked for, so that there are as many as wanted. */
static int interrupt_one(void)
{
	struct itimerval soon = { .it_value = { .tv_usec = 200 } };
	long before = handled;

	if (setitimer(ITIMER_REAL, &soon, 0))
		return 0;
	while (handled == before)
		syscall(600);
	return 1;
}

static int answer_with_nothing(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FORK, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execveat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv)
{
	long times = argc == 2 ? atol(argv[1]) : 0;
	struct sigaction action = { .sa_handler = handle };

	if (times < 1 || sigaction(SIGALRM, &action, 0))
		return 2;
	for (long i = 0; i < times; i++)
		if (!interrupt_one())
			return 3;
	for (long i = 0; i < times; i++)
		syscall(-1);
	if (!answer_with_nothing())
		return 4;
	for (long i = 0; i < times; i++)
		if (syscall(FORK, 0, 0, 0, 0, 0) || syscall(SYS_execveat, -1, 0, 0, 0, 0))
			return 5;
	return 0;
}
