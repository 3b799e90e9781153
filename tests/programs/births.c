// SPDX-License-Identifier: Apache-2.0 OR MIT
// Starts TIMES children in each of four ways: fork, vfork, clone, clone3, and fails to TIMES times by clone. Each child
// calls getppid once, and ends.
//
// usage: births TIMES

#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void live(void)
{
	syscall(SYS_getppid);
	syscall(SYS_exit_group, 0);
}

static int is_over(long child)
{
	int status;

	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static int is_born_by_vfork(void)
{
	pid_t child = vfork();

	if (child == 0)
		live();
	return is_over(child);
}

static long by_clone3(void)
{
	struct clone_args arguments = { .exit_signal = SIGCHLD };

	return syscall(SYS_clone3, &arguments, sizeof(arguments));
}

int main(int argc, char **argv)
{
	long times = argc == 2 ? atol(argv[1]) : 0, child;

	for (long i = 0; i < times; i++) {
		child = syscall(SYS_fork);
		if (child == 0)
			live();
		if (!is_over(child))
			return 3;
		if (!is_born_by_vfork())
			return 4;
		child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
		if (child == 0)
			live();
		if (!is_over(child))
			return 5;
		child = by_clone3();
		if (child == 0)
			live();
		if (!is_over(child))
			return 6;
		// A thread must share its signal handlers.
		if (syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0) != -1 || errno != EINVAL)
			return 7;
	}
	return times > 0 ? 0 : 2;
}
