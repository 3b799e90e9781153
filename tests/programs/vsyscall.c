// SPDX-License-Identifier: Apache-2.0 OR MIT
// Calls gettimeofday, time and getcpu TIMES times each as old static programs do: through the vsyscall page, which the
// kernel emulates. Exits with 4 if time is refused.
//
// usage: vsyscall TIMES

#include <errno.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long (*const get_time_of_day)(struct timeval *, void *) = (void *)0xffffffffff600000;
static long (*const get_time)(time_t *) = (void *)0xffffffffff600400;
static long (*const get_cpu)(unsigned *, unsigned *, void *) = (void *)0xffffffffff600800;

int main(int argc, char **argv)
{
	long times = argc == 2 ? atol(argv[1]) : 0;

	for (long i = 0; i < times; i++) {
		struct timeval now = {};
		unsigned cpu;
		long seconds = get_time(0);

		if (seconds == -EPERM)
			return 4;
		if (get_time_of_day(&now, 0) || now.tv_sec < seconds || get_cpu(&cpu, 0, 0))
			return 3;
	}
	return times > 0 ? 0 : 2;
}
