// SPDX-License-Identifier: Apache-2.0 OR MIT
// What concerns a whole machine. Rows that could do harm are run only where they are denied, and most of them would do
// nothing if they were not.

#define _GNU_SOURCE
#include "asks.h"

#include <sched.h>
#include <stddef.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* To the name that it has; Docker gives every container a name of its own. */
static int host_name(const struct given *given)
{
	(void)given;
	char name[256];

	prepared(gethostname(name, sizeof(name)), "gethostname");
	size_t length = 0;
	while (name[length])
		length++;
	return outcome(sethostname(name, length));
}

static int unshare_mounts(const struct given *given)
{
	(void)given;
	return outcome(unshare(CLONE_NEWNS));
}

static int mount_memory(const struct given *given)
{
	(void)given;
	return outcome(mount("none", "/tmp", "tmpfs", 0, NULL));
}

/* A file system that nobody knows: the kernel grants the capability first, and then fails. */
static int mount_nothing(const struct given *given)
{
	(void)given;
	return outcome(mount("none", "/tmp", "nothing", 0, NULL));
}

/* The kernel asks before it looks for the file. */
static int swap_on(const struct given *given)
{
	(void)given;
	return outcome(swapon("/nowhere", 0));
}

static int watch_mounts(const struct given *given)
{
	(void)given;
	return outcome(fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC, 0));
}

/* With magic numbers that mean nothing. */
static int restart(const struct given *given)
{
	(void)given;
	return outcome(syscall(SYS_reboot, 0, 0, 0, NULL));
}

static int account(const struct given *given)
{
	(void)given;
	return outcome(acct("/nowhere/file"));
}

static int hang_up(const struct given *given)
{
	(void)given;
	return outcome(vhangup());
}

/* The time that it is. */
static int set_clock(const struct given *given)
{
	(void)given;
	struct timespec now;

	prepared(clock_gettime(CLOCK_REALTIME, &now), "clock_gettime");
	return outcome(clock_settime(CLOCK_REALTIME, &now));
}

const struct row system_rows[] = {
	{ "host_name", host_name },
	{ "unshare_mounts", unshare_mounts },
	{ "mount_memory", mount_memory },
	{ "mount_nothing", mount_nothing },
	{ "swap_on", swap_on },
	{ "watch_mounts", watch_mounts },
	{ "restart", restart },
	{ "account", account },
	{ "hang_up", hang_up },
	{ "set_clock", set_clock },
	{},
};
