// SPDX-License-Identifier: Apache-2.0 OR MIT
// Starts processes as fast as it can: from each of PARTS processes TIMES, one after the other, by vfork and execve of
// itself. Each calls getppid once, and ends.
//
// usage: spawns PARTS TIMES

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char *once[] = { "spawns", NULL }, *nothing[] = { NULL };

static int spawn(void)
{
	int status;
	pid_t child = vfork();

	if (child == 0) {
		execve("/proc/self/exe", once, nothing);
		_exit(4);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int main(int argc, char **argv)
{
	int parts, status;
	long times;

	if (argc == 1)
		return syscall(SYS_getppid) < 0;
	parts = argc == 3 ? atoi(argv[1]) : 0;
	times = argc == 3 ? atol(argv[2]) : 0;
	for (int i = 0; i < parts; i++)
		if (fork() == 0) {
			while (times && spawn())
				times--;
			_exit(times != 0);
		}
	for (int i = 0; i < parts; i++)
		if (wait(&status) < 0 || status != 0)
			return 3;
	return parts > 0 ? 0 : 2;
}
