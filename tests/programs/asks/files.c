// SPDX-License-Identifier: Apache-2.0 OR MIT
// Access to others' files, and what overlayfs asks on its own account.

#define _GNU_SOURCE
#include "asks.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static int write_other(const struct given *given)
{
	(void)given;
	return outcome(open(WORK "other", O_WRONLY));
}

static int read_other(const struct given *given)
{
	(void)given;
	return outcome(open(WORK "other", O_RDONLY));
}

static int search_other(const struct given *given)
{
	(void)given;
	struct stat status;

	return outcome(stat(WORK "closed/file", &status));
}

static int list_other(const struct given *given)
{
	(void)given;
	return outcome(open(WORK "closed", O_RDONLY | O_DIRECTORY));
}

/* access asks as the real user, not as the effective one. */
static int access_other(const struct given *given)
{
	(void)given;
	prepared(setresuid(SOMEBODY_ELSE, 0, 0), "setresuid");
	return outcome(access(WORK "other", W_OK));
}

/* No capability lets a file be executed that nobody may execute. */
static int exec_other(const struct given *given)
{
	(void)given;
	return outcome(execl(WORK "other", "other", NULL));
}

static int open_handle(const struct given *given)
{
	(void)given;
	int mount, folder = open(WORK, O_RDONLY | O_DIRECTORY);
	struct file_handle *handle = malloc(sizeof(*handle) + MAX_HANDLE_SZ);

	prepared(folder, "open");
	handle->handle_bytes = MAX_HANDLE_SZ;
	prepared(name_to_handle_at(AT_FDCWD, WORK "mine", handle, &mount, 0), "name_to_handle_at");
	return outcome(open_by_handle_at(folder, handle, O_RDONLY));
}

static int chroot_below(const struct given *given)
{
	(void)given;
	return outcome(chroot("/tmp"));
}

static int make_device(const struct given *given)
{
	(void)given;
	return outcome(mknod(WORK "null", S_IFCHR | 0600, makedev(1, 3)));
}

static int make_fifo(const struct given *given)
{
	(void)given;
	return outcome(mknod(WORK "fifo", S_IFIFO | 0600, 0));
}

static int set_file_cap(const struct given *given)
{
	(void)given;
	struct vfs_cap_data data = { .magic_etc = VFS_CAP_REVISION_2, .data[0].permitted = 1 << CAP_KILL };

	return outcome(setxattr(WORK "mine", "security.capability", &data, sizeof(data), 0));
}

static int overlay_chown(const struct given *given)
{
	(void)given;
	return outcome(chown("/lower/chown", SOMEBODY, SOMEBODY));
}

static int overlay_chmod(const struct given *given)
{
	(void)given;
	return outcome(chmod("/lower/chmod", 0600));
}

static int overlay_unlink(const struct given *given)
{
	(void)given;
	return outcome(unlink("/lower/unlink"));
}

const struct row file_rows[] = {
	{ "write_other", write_other },
	{ "read_other", read_other },
	{ "search_other", search_other },
	{ "list_other", list_other },
	{ "access_other", access_other },
	{ "exec_other", exec_other },
	{ "open_handle", open_handle },
	{ "chroot_below", chroot_below },
	{ "make_device", make_device },
	{ "make_fifo", make_fifo },
	{ "set_file_cap", set_file_cap },
	{ "overlay_chown", overlay_chown },
	{ "overlay_chmod", overlay_chmod },
	{ "overlay_unlink", overlay_unlink },
	{},
};
