// SPDX-License-Identifier: Apache-2.0 OR MIT
// Starts TIMES children in each of four ways: fork, vfork, clone, clone3, and fails to TIMES times by clone; and TIMES
// children in each of these ways by `int $0x80`. The children of both forks execute this program anew: by execveat with a
// path, and by execve by `int $0x80`. Each child calls getppid once, and ends.
//
// usage: births [TIMES]

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { I386_FORK = 2, I386_EXECVE = 11, I386_CLONE = 120, I386_VFORK = 190 };

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

/* In line: the child of vfork shares this stack. */
static inline __attribute__((always_inline)) long int80(long number, long first, long second, long third)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(first), "c"(second), "d"(third), "S"(0L), "D"(0L)
			 : "r8", "r9", "r10", "r11", "memory");
	return result;
}

/* What calls of i386 take a pointer to is below 4 GiB: the program is static. */
static struct clone_args as_fork = { .exit_signal = SIGCHLD };
static char path[] = "/proc/self/exe";
static unsigned once_by_i386[2], nothing_by_i386[1];

static void live_anew_by_i386(void)
{
	once_by_i386[0] = (long)path;
	int80(I386_EXECVE, (long)path, (long)once_by_i386, (long)nothing_by_i386);
	_exit(8);
}

static void live_anew(void)
{
	char *once[] = { path, NULL }, *nothing[] = { NULL };

	syscall(SYS_execveat, AT_FDCWD, path, once, nothing, 0);
	_exit(8);
}

static int are_born_by_i386(void)
{
	long child = int80(I386_FORK, 0, 0, 0);

	if (child == 0)
		live_anew_by_i386();
	if (!is_over(child))
		return 0;
	child = int80(I386_VFORK, 0, 0, 0);
	if (child == 0)
		live();
	if (!is_over(child))
		return 0;
	child = int80(I386_CLONE, SIGCHLD, 0, 0);
	if (child == 0)
		live();
	if (!is_over(child))
		return 0;
	child = int80(SYS_clone3, (long)&as_fork, sizeof(as_fork), 0);
	if (child == 0)
		live();
	return is_over(child);
}

int main(int argc, char **argv)
{
	long times = argc == 2 ? atol(argv[1]) : 0, child;

	if (argc == 1)
		live();

	for (long i = 0; i < times; i++) {
		child = syscall(SYS_fork);
		if (child == 0)
			live_anew();
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
		if (!are_born_by_i386())
			return 9;
	}
	return times > 0 ? 0 : 2;
}
