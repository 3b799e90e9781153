// SPDX-License-Identifier: Apache-2.0 OR MIT
// Makes a known number of each of several calls, from THREADS threads and CHILDREN children, and prints what it made.
//
// usage: counts THREADS CHILDREN TIMES
//
// Every thread of every process makes each of the calls in `one_round` TIMES times. The numbers printed are those of
// the calls that nothing else in the program or in its C library makes; all others are left out.

#define _GNU_SOURCE
#include "many.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>

static int zero_fd, null_fd;

static void one_round(void)
{
	char byte;

	demand(syscall(SYS_getppid) >= 0, "getppid");
	demand(syscall(SYS_sched_yield) == 0, "sched_yield");
	demand(syscall(SYS_pread64, zero_fd, &byte, 1, 0) == 1, "pread64");
	demand(syscall(SYS_pwrite64, null_fd, &byte, 1, 0) == 1, "pwrite64");
	demand_errno(syscall(SYS_fsync, -1), EBADF, "fsync");
	demand_errno(syscall(SYS_chdir, "/no/such/folder"), ENOENT, "chdir");
	demand_errno(syscall(SYS_chdir, ""), ENOENT, "chdir");
	demand_errno(syscall(SYS_chdir, "/dev/null"), ENOTDIR, "chdir");
	demand_errno(syscall(9999), ENOSYS, "9999");
	demand_errno(syscall(-1), ENOSYS, "-1");
}

// One row a call: number, how often it succeeded, how often it failed with which errno.
static void print_row(const char *end, long number, long succeeded, int error, long failed)
{
	printf("{\"number\":%ld,\"succeeded\":%ld,\"errno\":%d,\"failed\":%ld}%s\n", number, succeeded, error, failed, end);
}

int main(int argc, char **argv)
{
	demand(argc == 4, "usage: counts THREADS CHILDREN TIMES");
	int threads = atoi(argv[1]), children = atoi(argv[2]);
	times = atol(argv[3]);
	zero_fd = open("/dev/zero", O_RDONLY);
	null_fd = open("/dev/null", O_WRONLY);
	demand(zero_fd >= 0 && null_fd >= 0, "open");

	from_children(children, threads);
	from_threads(threads);

	long all = times * threads * (children + 1);
	printf("[");
	print_row(",", SYS_getppid, all, 0, 0);
	print_row(",", SYS_sched_yield, all, 0, 0);
	print_row(",", SYS_pread64, all, 0, 0);
	print_row(",", SYS_pwrite64, all, 0, 0);
	print_row(",", SYS_fsync, 0, EBADF, all);
	print_row(",", SYS_chdir, 0, ENOENT, 2 * all);
	print_row(",", SYS_chdir, 0, ENOTDIR, all);
	print_row(",", 9999, 0, ENOSYS, all);
	print_row(",", -1, 0, ENOSYS, all);
	print_row(",", SYS_wait4, children, 0, 0);
	print_row(",", SYS_exit, (threads - 1) * (children + 1), 0, 0);
	print_row("]", SYS_exit_group, children + 1, 0, 0);
	return 0;
}
