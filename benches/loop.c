// SPDX-License-Identifier: Apache-2.0 OR MIT
/*
 * Times chunks of one of a few cheap calls and prints the least and the median time of one call, in ns.
 *
 * The least is the number to compare: everything else that a machine does only adds to it. Before, the call is made
 * untimed for a while: a recorder has the kernel measure its programs for 200 ms when it starts (see "What a recording
 * costs" in README.md), and every program takes longer then.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
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

static double chunk_ns(void (*make)(void))
{
	struct timespec start, end;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < CALLS; i++)
		make();
	clock_gettime(CLOCK_MONOTONIC, &end);
	return ((end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec)) / CALLS;
}

static int by_size(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return (a > b) - (a < b);
}

/* loop CALL CPU CHUNKS FILE: appends "least median" to FILE. */
int main(int count, char **words)
{
	int chunks = count == 5 ? atoi(words[3]) : 0;
	void (*make)(void) = 0;
	double *times = chunks > 0 ? malloc(chunks * sizeof(*times)) : 0;
	cpu_set_t cpu;
	FILE *file;

	for (size_t i = 0; times && i < sizeof(calls) / sizeof(*calls); i++)
		if (!strcmp(calls[i].name, words[1]))
			make = calls[i].make;
	if (!make) {
		fprintf(stderr, "usage: loop plain|check|map CPU CHUNKS FILE\n");
		return 2;
	}
	CPU_ZERO(&cpu);
	CPU_SET(atoi(words[2]), &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu)) {
		perror("sched_setaffinity");
		return 1;
	}
	for (double untimed = 0; untimed < WARM_UP_NS;)
		untimed += CALLS * chunk_ns(make);
	for (int i = 0; i < chunks; i++)
		times[i] = chunk_ns(make);
	qsort(times, chunks, sizeof(*times), by_size);
	file = fopen(words[4], "a");
	if (!file || fprintf(file, "%.2f %.2f\n", times[0], times[chunks / 2]) < 0 || fclose(file)) {
		perror(words[4]);
		return 1;
	}
	return 0;
}
