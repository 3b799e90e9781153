// SPDX-License-Identifier: Apache-2.0 OR MIT
/*
 * Times chunks of one of a few cheap calls, made by one or more threads at once, each on a processor of its own, and
 * prints what a call took, in ns: the first percentile of the chunks, their median, and their 90th percentile.
 *
 * The first is the number to compare: everything else that a machine does only adds to it, and of so many chunks one
 * may be lucky. What threads cost each other shows in the last. Before, the call is made untimed for a while: a recorder
 * has the kernel measure its programs for 200 ms when it starts (see "What a recording costs" in README.md), and every
 * program takes longer then. Afterwards it is made until all threads are done, so that none is ever measured alone.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { CALLS = 300 };

static const double WARM_UP_NS = 400e6;

static void plain(void)
{
	syscall(SYS_getppid);
}

/* Asks for CAP_SYS_ADMIN once, and then fails: no host name has this length. */
static void check(void)
{
	syscall(SYS_sethostname, 0, -1);
}

/* Each mmap makes the kernel probe for CAP_SYS_ADMIN, to account for memory. */
static void map(void)
{
	munmap(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
}

static const struct {
	const char *name;
	void (*make)(void);
} calls[] = { { "plain", plain }, { "check", check }, { "map", map } };

static void (*make)(void);
static int threads, chunks;
static double *times; /* those of all threads, one after the other */
static pthread_barrier_t together;
static atomic_int busy;

static double chunk_ns(void)
{
	struct timespec start, end;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < CALLS; i++)
		make();
	clock_gettime(CLOCK_MONOTONIC, &end);
	return ((end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec)) / CALLS;
}

static void *measure(void *first)
{
	for (double untimed = 0; untimed < WARM_UP_NS;)
		untimed += CALLS * chunk_ns();
	pthread_barrier_wait(&together);
	for (int i = 0; i < chunks; i++)
		((double *)first)[i] = chunk_ns();
	for (busy--; busy;)
		chunk_ns();
	return 0;
}

/* Starts the threads, each on one of the processors that this process may use, the last ones first. */
static int start(void)
{
	cpu_set_t allowed, one;
	pthread_t thread[CPU_SETSIZE];
	pthread_attr_t attributes;
	int started = 0;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) || CPU_COUNT(&allowed) < threads)
		return -1;
	pthread_attr_init(&attributes);
	for (int cpu = CPU_SETSIZE; cpu-- && started < threads;) {
		if (!CPU_ISSET(cpu, &allowed))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		pthread_attr_setaffinity_np(&attributes, sizeof(one), &one);
		if (pthread_create(&thread[started], &attributes, measure, times + started * chunks))
			exit(1);
		started++;
	}
	while (started--)
		pthread_join(thread[started], 0);
	return 0;
}

static int by_size(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return (a > b) - (a < b);
}

/* loop CALL THREADS CHUNKS FILE: appends "first median 90th" to FILE. */
int main(int count, char **words)
{
	FILE *file;
	int all;

	threads = count == 5 ? atoi(words[2]) : 0;
	chunks = count == 5 ? atoi(words[3]) : 0;
	for (size_t i = 0; threads > 0 && chunks > 0 && i < sizeof(calls) / sizeof(*calls); i++)
		if (!strcmp(calls[i].name, words[1]))
			make = calls[i].make;
	if (!make) {
		fprintf(stderr, "usage: loop plain|check|map THREADS CHUNKS FILE\n");
		return 2;
	}
	all = busy = threads;
	all *= chunks;
	times = malloc(all * sizeof(*times));
	if (!times || pthread_barrier_init(&together, 0, threads) || start()) {
		fprintf(stderr, "loop: %d threads need as many processors, and memory\n", threads);
		return 1;
	}
	qsort(times, all, sizeof(*times), by_size);
	file = fopen(words[4], "a");
	if (!file || fprintf(file, "%.2f %.2f %.2f\n", times[all / 100], times[all / 2], times[all * 9L / 10]) < 0 ||
	    fclose(file)) {
		perror(words[4]);
		return 1;
	}
	return 0;
}
