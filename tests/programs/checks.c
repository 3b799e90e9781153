// SPDX-License-Identifier: Apache-2.0 OR MIT
// Makes a known number of calls that ask for capabilities, from THREADS threads and CHILDREN children, and prints what
// was asked: capability, call, verdict, errno of the call, how often. Needs root; does nothing but ask.
//
// usage: checks THREADS CHILDREN TIMES

#define _GNU_SOURCE
#include "many.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>

// On no overlayfs: that would ask again, on behalf of whoever mounted it.
static char owned[4096];

static void make_owned(void)
{
	const char *folder = getenv("TMPDIR");
	int bytes = snprintf(owned, sizeof(owned), "%s/ctrec-checks-XXXXXX", folder ? folder : "/tmp");

	demand(bytes < (int)sizeof(owned) && mkstemp(owned) >= 0, "mkstemp");
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
	demand(syscall(SYS_fchownat, AT_FDCWD, owned, 1, 1, 0) == 0, "fchownat");
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
	make_owned();
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
	print_row("]", CAP_CHOWN, SYS_fchownat, 0, 2 * all); // for the user, and for the group
	return 0;
}
