// SPDX-License-Identifier: Apache-2.0 OR MIT
// Makes a known number of calls that ask for capabilities, from THREADS threads and CHILDREN children, and prints what
// was asked: capability, call, verdict, errno of the call, how often. Needs root; does nothing but ask.
//
// usage: checks THREADS CHILDREN TIMES

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static long times;
static char owned[] = "/tmp/ctrec-checks-XXXXXX";

static void demand(int holds, const char *what)
{
	if (holds)
		return;
	perror(what);
	_exit(2);
}

static void demand_errno(long result, int expected, const char *what)
{
	demand(result == -1 && errno == expected, what);
}

// Without it, settimeofday is denied, and the clock is safe.
static void drop_sys_time(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct sets[2];

	demand(syscall(SYS_capget, &header, sets) == 0, "capget");
	for (int i = 0; i < 2; i++) {
		unsigned mask = ~(CAP_TO_INDEX(CAP_SYS_TIME) == i ? CAP_TO_MASK(CAP_SYS_TIME) : 0);

		sets[i].effective &= mask;
		sets[i].permitted &= mask;
	}
	demand(syscall(SYS_capset, &header, sets) == 0, "capset");
}

static void one_round(void)
{
	struct timezone zone = { 0, 0 };

	demand_errno(syscall(SYS_sethostname, NULL, -1), EINVAL, "sethostname");
	demand_errno(syscall(SYS_acct, 1), EFAULT, "acct");
	demand_errno(syscall(SYS_swapoff, NULL), EFAULT, "swapoff");
	demand_errno(syscall(SYS_settimeofday, NULL, &zone), EPERM, "settimeofday");
	demand(syscall(SYS_chroot, "/") == 0, "chroot");
	demand(syscall(SYS_chown, owned, 1, 1) == 0, "chown");
}

static void *rounds(void *unused)
{
	for (long i = 0; i < times; i++)
		one_round();
	return unused;
}

static void from_threads(int threads)
{
	pthread_t others[threads];

	for (int i = 1; i < threads; i++)
		demand(pthread_create(&others[i], NULL, rounds, NULL) == 0, "pthread_create");
	rounds(NULL);
	for (int i = 1; i < threads; i++)
		demand(pthread_join(others[i], NULL) == 0, "pthread_join");
}

static void from_children(int children, int threads)
{
	for (int i = 0; i < children; i++) {
		pid_t child = fork();

		demand(child >= 0, "fork");
		if (child == 0) {
			from_threads(threads);
			_exit(0);
		}
	}
	for (int i = 0; i < children; i++) {
		int status;

		demand(wait(&status) > 0 && status == 0, "wait");
	}
}

static void print_row(const char *end, int capability, long number, int error, long count)
{
	printf("{\"capability\":%d,\"number\":%ld,\"errno\":%d,\"count\":%ld}%s\n", capability, number, error, count, end);
}

int main(int argc, char **argv)
{
	demand(argc == 4, "usage: checks THREADS CHILDREN TIMES");
	int threads = atoi(argv[1]), children = atoi(argv[2]);
	times = atol(argv[3]);
	demand(mkstemp(owned) >= 0, "mkstemp");
	drop_sys_time();

	from_children(children, threads);
	from_threads(threads);
	demand(unlink(owned) == 0, "unlink");

	long all = times * threads * (children + 1);
	printf("[");
	print_row(",", CAP_SYS_ADMIN, SYS_sethostname, EINVAL, all);
	print_row(",", CAP_SYS_PACCT, SYS_acct, EFAULT, all);
	print_row(",", CAP_SYS_ADMIN, SYS_swapoff, EFAULT, all);
	print_row(",", CAP_SYS_TIME, SYS_settimeofday, EPERM, all);
	print_row(",", CAP_SYS_CHROOT, SYS_chroot, 0, all);
	print_row("]", CAP_CHOWN, SYS_chown, 0, 2 * all); // for the user, and for the group
	return 0;
}
