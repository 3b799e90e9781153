// SPDX-License-Identifier: Apache-2.0 OR MIT
// What a process asks that has made a user namespace of its own.

#define _GNU_SOURCE
#include "asks.h"

#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Its own network namespace belongs to its own user namespace. */
static int raw_inside(const struct given *given)
{
	(void)given;
	prepared(unshare(CLONE_NEWUSER | CLONE_NEWNET), "unshare");
	return outcome(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static int host_name_inside(const struct given *given)
{
	(void)given;
	prepared(unshare(CLONE_NEWUSER | CLONE_NEWUTS), "unshare");
	return outcome(sethostname("inside", 6));
}

/* The container's network belongs to the container's user namespace. */
static int raw_outside(const struct given *given)
{
	(void)given;
	prepared(unshare(CLONE_NEWUSER), "unshare");
	return outcome(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

/* The clock belongs to the machine. */
static int clock_outside(const struct given *given)
{
	(void)given;
	struct timespec now;

	prepared(unshare(CLONE_NEWUSER), "unshare");
	prepared(clock_gettime(CLOCK_REALTIME, &now), "clock_gettime");
	return outcome(clock_settime(CLOCK_REALTIME, &now));
}

const struct row namespace_rows[] = {
	{ "raw_inside", raw_inside },
	{ "name_inside", host_name_inside },
	{ "raw_outside", raw_outside },
	{ "clock_outside", clock_outside },
	{},
};
