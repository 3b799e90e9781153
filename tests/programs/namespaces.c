// SPDX-License-Identifier: Apache-2.0 OR MIT
// clone with namespace flags: TIMES children in a new user and UTS namespace, and as many plain ones; and TIMES times with
// the same flags in vain.
//
// usage: namespaces TIMES

#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int clone_once(unsigned long flags)
{
	int status;
	long child = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);

	if (child == 0)
		syscall(SYS_exit_group, 0);
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static int clone_in_vain(void)
{
	// Who shares the root directory cannot have a user namespace of its own.
	unsigned long flags = CLONE_NEWUSER | CLONE_NEWUTS | CLONE_FS | SIGCHLD;

	return syscall(SYS_clone, flags, NULL, NULL, NULL, NULL) == -1 && errno == EINVAL;
}

int main(int argc, char **argv)
{
	long times = argc == 2 ? atol(argv[1]) : 0;

	for (long i = 0; i < times; i++)
		if (!clone_once(CLONE_NEWUSER | CLONE_NEWUTS) || !clone_once(0) || !clone_in_vain())
			return 3;
	return times > 0 ? 0 : 2;
}
