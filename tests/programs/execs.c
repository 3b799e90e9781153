// SPDX-License-Identifier: Apache-2.0 OR MIT
// Executes itself DEPTH times in a row, in turn by execve after fork, by execve from a thread, and by execveat; each
// generation calls getppid once. So getppid is made DEPTH + 1 times, and DEPTH executions succeed.
//
// usage: execs DEPTH

#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char depth_left[16];
static char *next[] = { "execs", depth_left, NULL };

static void *exec_next(void *unused)
{
	execve("/proc/self/exe", next, environ);
	_exit(4);
	return unused;
}

static int fork_and_exec(void)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		exec_next(NULL);
	return child > 0 && waitpid(child, &status, 0) == child && status == 0 ? 0 : 5;
}

static int exec_from_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, exec_next, NULL) != 0)
		return 6;
	pthread_join(thread, NULL);
	return 7;
}

static int exec_by_descriptor(void)
{
	int self = open("/proc/self/exe", O_PATH | O_CLOEXEC);

	syscall(SYS_execveat, self, "", next, environ, AT_EMPTY_PATH);
	return 8;
}

int main(int argc, char **argv)
{
	int depth = argc == 2 ? atoi(argv[1]) : -1;

	if (depth < 0 || syscall(SYS_getppid) < 0)
		return 2;
	if (depth == 0)
		return 0;
	snprintf(depth_left, sizeof(depth_left), "%d", depth - 1);
	switch (depth % 3) {
	case 0:
		return fork_and_exec();
	case 1:
		return exec_from_thread();
	default:
		return exec_by_descriptor();
	}
}
