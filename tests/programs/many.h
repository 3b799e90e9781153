/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The same round again and again, from threads and children. */
#ifndef MANY_H
#define MANY_H

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* What one round does; each program has its own. */
static void one_round(void);

/* How often each thread does it. */
static long times;

/* Nobody begins before all threads of a process are there, so that they live at once. */
static pthread_barrier_t all_are_there;

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

static void *rounds(void *unused)
{
	pthread_barrier_wait(&all_are_there);
	for (long i = 0; i < times; i++)
		one_round();
	return unused;
}

static void from_threads(int threads)
{
	pthread_t others[threads];

	demand(pthread_barrier_init(&all_are_there, NULL, threads) == 0, "pthread_barrier_init");
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

#endif
