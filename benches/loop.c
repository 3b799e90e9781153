// SPDX-License-Identifier: Apache-2.0 OR MIT
/*
 * Times chunks of a cheap call and prints the least and the median time of one call, in ns.
 *
 * The least is the number to compare: everything else that a machine does only adds to it.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { CALLS = 300 };

static double chunk_ns(void)
{
	struct timespec start, end;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return ((end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec)) / CALLS;
}

static int by_size(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return (a > b) - (a < b);
}

/* loop CPU CHUNKS FILE: appends "least median" to FILE. */
int main(int count, char **words)
{
	int chunks = count == 4 ? atoi(words[2]) : 0;
	double *times = chunks > 0 ? malloc(chunks * sizeof(*times)) : 0;
	cpu_set_t cpu;
	FILE *file;

	if (!times) {
		fprintf(stderr, "usage: loop CPU CHUNKS FILE\n");
		return 2;
	}
	CPU_ZERO(&cpu);
	CPU_SET(atoi(words[1]), &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu)) {
		perror("sched_setaffinity");
		return 1;
	}
	for (int i = 0; i < chunks; i++)
		times[i] = chunk_ns();
	qsort(times, chunks, sizeof(*times), by_size);
	file = fopen(words[3], "a");
	if (!file || fprintf(file, "%.2f %.2f\n", times[0], times[chunks / 2]) < 0 || fclose(file)) {
		perror(words[3]);
		return 1;
	}
	return 0;
}
