// SPDX-License-Identifier: Apache-2.0 OR MIT
// A library to be loaded before others: the wall clock is an hour back while the file is there that CTREC_TEST_CLOCK names.

#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
	const char *file = getenv("CTREC_TEST_CLOCK");
	int failed = syscall(SYS_clock_gettime, clock, now);

	if (!failed && clock == CLOCK_REALTIME && file && !access(file, F_OK))
		now->tv_sec -= 3600;
	return failed;
}
