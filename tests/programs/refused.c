// SPDX-License-Identifier: Apache-2.0 OR MIT
// Installs a filter that turns sched_yield away with errno 77, answers getppid with 0 and traps getpgrp (where there is
// none: getpgid), then makes each of them TIMES times.
//
// usage: refused TIMES

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef SYS_getpgrp
#define TRAPPED SYS_getpgrp
#else
#define TRAPPED SYS_getpgid
#endif

static volatile sig_atomic_t trapped;

static void handle(int number)
{
	(void)number;
	trapped++;
}

static int load(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_yield, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 77),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TRAPPED, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv)
{
	long times = argc == 2 ? atol(argv[1]) : 0;
	struct sigaction action = { .sa_handler = handle };

	if (times < 1 || sigaction(SIGSYS, &action, 0) || load())
		return 2;
	for (long i = 0; i < times; i++)
		if (syscall(SYS_sched_yield) != -1 || errno != 77)
			return 3;
	for (long i = 0; i < times; i++)
		if (syscall(SYS_getppid))
			return 4;
	for (long i = 0; i < times; i++)
		syscall(TRAPPED);
	return trapped == times ? 0 : 5;
}
