// SPDX-License-Identifier: Apache-2.0 OR MIT
// Two threads, each on a CPU of its own, make the same call at the same moment, TIMES times a call that nobody has made
// before: 1000, 1001 and so on. The very first one is getpid by `int $0x80`.
//
// usage: meetings TIMES

#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static long times;
static int cpus[2];
static atomic_long arrived;

/* Both are here when the count is twice the round. */
static void meet(long round)
{
	atomic_fetch_add(&arrived, 1);
	while (atomic_load(&arrived) < 2 * round)
		;
}

static void *make_calls(void *cpu)
{
	cpu_set_t set;
	long result;

	CPU_ZERO(&set);
	CPU_SET(*(int *)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		_exit(3);
	meet(1);
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "r8", "r9", "r10", "r11", "memory");
	if (result != getpid())
		_exit(4);
	for (long i = 0; i < times; i++) {
		meet(i + 2);
		syscall(1000 + i);
	}
	return 0;
}

/* Two that this process may use. */
static int find_cpus(void)
{
	cpu_set_t set;
	int found = 0;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 0;
	for (int cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[found++] = cpu;
	return found == 2;
}

int main(int argc, char **argv)
{
	pthread_t other;

	times = argc == 2 ? atol(argv[1]) : 0;
	if (times < 1 || !find_cpus())
		return 2;
	if (pthread_create(&other, 0, make_calls, &cpus[1]))
		return 5;
	make_calls(&cpus[0]);
	return pthread_join(other, 0);
}
