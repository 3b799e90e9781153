// SPDX-License-Identifier: Apache-2.0 OR MIT
// Owners, modes and times of files, and the bits that a file may lose.

#define _GNU_SOURCE
#include "asks.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

static int change_owner(const struct given *given)
{
	(void)given;
	return outcome(chown(WORK "mine", SOMEBODY, -1));
}

static int change_mode(const struct given *given)
{
	(void)given;
	return outcome(chmod(WORK "other", 0640));
}

static int change_times(const struct given *given)
{
	(void)given;
	struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	return outcome(utimensat(AT_FDCWD, WORK "other", times, 0));
}

static int unlink_sticky(const struct given *given)
{
	(void)given;
	return outcome(unlink(WORK "sticky/file"));
}

/* The mode lets everybody read: only the flag asks for more. */
static int open_noatime(const struct given *given)
{
	(void)given;
	return outcome(open(WORK "readable", O_RDONLY | O_NOATIME));
}

/* With the set-group-id bit of a group that the caller is not in. */
static int chmod_setgid(const struct given *given)
{
	(void)given;
	return outcome(chmod(WORK "grouped", 02775));
}

/* The same without the bit: the kernel asks all the same. */
static int chmod_plain(const struct given *given)
{
	(void)given;
	return outcome(chmod(WORK "grouped", 0775));
}

/* A write takes the bit away from a file, except from whoever may keep it. */
static int write_setgid(const struct given *given)
{
	(void)given;
	int file = open(WORK "setgid", O_WRONLY);

	prepared(file, "open");
	return outcome(write(file, "x", 1));
}

const struct row mode_rows[] = {
	{ "change_owner", change_owner },
	{ "change_mode", change_mode },
	{ "change_times", change_times },
	{ "unlink_sticky", unlink_sticky },
	{ "open_noatime", open_noatime },
	{ "chmod_setgid", chmod_setgid },
	{ "chmod_plain", chmod_plain },
	{ "write_setgid", write_setgid },
	{},
};
