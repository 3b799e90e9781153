// SPDX-License-Identifier: Apache-2.0 OR MIT
// What the rows find: files of others, and a process of somebody else. Needs to change user and group, nothing more.

#define _GNU_SOURCE
#include "asks.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static void act_as(uid_t user, gid_t group)
{
	setfsgid(group);
	setfsuid(user);
}

static void make_file(const char *path, mode_t mode)
{
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	prepared(file, path);
	prepared(fchmod(file, mode), path);
	close(file);
}

static void make_folder(const char *path, mode_t mode)
{
	prepared(mkdir(path, 0700), path);
	prepared(chmod(path, mode), path);
}

static int prepare(const struct given *given)
{
	(void)given;
	umask(0);
	make_file(WORK "mine", 0644);
	act_as(SOMEBODY, SOMEBODY);
	make_file(WORK "other", 0600);
	make_file(WORK "readable", 0666);
	make_folder(WORK "closed", 0700);
	make_file(WORK "closed/file", 0600);
	make_folder(WORK "sticky", 01777);
	act_as(SOMEBODY_ELSE, SOMEBODY_ELSE);
	make_file(WORK "sticky/file", 0600);
	/* root's, of a group that root is not in */
	act_as(0, SOMEBODY);
	make_file(WORK "grouped", 0664);
	make_file(WORK "setgid", 02776);
	return 0;
}

/* Prints the id of a process of somebody else, which stays. */
static int other(const struct given *given)
{
	(void)given;
	prepared(setresgid(SOMEBODY, SOMEBODY, SOMEBODY), "setresgid");
	prepared(setresuid(SOMEBODY, SOMEBODY, SOMEBODY), "setresuid");
	pid_t child = fork();

	prepared(child, "fork");
	if (child > 0)
		return printf("%d\n", child) < 0;
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	for (;;)
		pause();
}

/* Gives a file a capability: done where an image is made, on a file of it. */
static int give_file_cap(const struct given *given)
{
	struct vfs_cap_data data = {
		.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
		.data[0].permitted = 1 << CAP_NET_RAW,
	};

	return outcome(setxattr(given->file, "security.capability", &data, sizeof(data), 0));
}

const struct row preparing_rows[] = {
	{ "prepare", prepare },
	{ "other", other },
	{ "give_file_cap", give_file_cap },
	{},
};
