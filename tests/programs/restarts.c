// SPDX-License-Identifier: Apache-2.0 OR MIT
// Is interrupted TIMES times each: in pause, which fails; in readv, which the kernel makes again; and in nanosleep by a
// stop, which the kernel goes on with by restart_syscall.
//
// usage: restarts TIMES

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int ends[2];

/* What a read waits for comes with the signal that interrupts it. */
static void handle(int number)
{
	(void)number;
	if (write(ends[1], "x", 1) != 1)
		_exit(3);
}

static int set_handler(int flags)
{
	struct sigaction action = { .sa_handler = handle, .sa_flags = flags };

	return sigaction(SIGUSR1, &action, 0);
}

/* Waits until a process is in a call, as /proc says of one that does not run. */
static void wait_for_call(pid_t process, int number)
{
	int in = -1;

	while (in != number) {
		char path[64];
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/syscall", process);
		file = fopen(path, "r");
		if (!file || fscanf(file, "%d", &in) != 1)
			in = -1;
		if (file)
			fclose(file);
	}
}

static pid_t signal_when_it_is_in(int number)
{
	pid_t parent = getpid(), child = fork();

	if (child)
		return child;
	wait_for_call(parent, number);
	_exit(kill(parent, SIGUSR1) != 0);
}

static int pause_once(void)
{
	char byte;
	pid_t child = signal_when_it_is_in(SYS_pause);
	int failed = syscall(SYS_pause) == -1 && errno == EINTR;

	return failed && read(ends[0], &byte, 1) == 1 && waitpid(child, 0, 0) == child;
}

static int read_once(void)
{
	char byte;
	struct iovec place = { .iov_base = &byte, .iov_len = 1 };
	pid_t child = signal_when_it_is_in(SYS_readv);
	int succeeded = syscall(SYS_readv, ends[0], &place, 1) == 1;

	return succeeded && waitpid(child, 0, 0) == child;
}

/* A child sleeps, is stopped in that, and continued. */
static int sleep_once(void)
{
	struct timespec while_ = { .tv_nsec = 300000000 };
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(syscall(SYS_nanosleep, &while_, 0) != 0);
	wait_for_call(child, SYS_nanosleep);
	kill(child, SIGSTOP);
	if (waitpid(child, &status, WUNTRACED) != child || !WIFSTOPPED(status))
		return 0;
	kill(child, SIGCONT);
	return waitpid(child, &status, 0) == child && status == 0;
}

int main(int argc, char **argv)
{
	long times = argc == 2 ? atol(argv[1]) : 0;

	if (times < 1 || pipe(ends) || set_handler(0))
		return 2;
	for (long i = 0; i < times; i++)
		if (!pause_once())
			return 4;
	if (set_handler(SA_RESTART))
		return 2;
	for (long i = 0; i < times; i++)
		if (!read_once())
			return 5;
	for (long i = 0; i < times; i++)
		if (!sleep_once())
			return 6;
	return 0;
}
