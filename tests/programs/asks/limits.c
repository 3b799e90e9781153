// SPDX-License-Identifier: Apache-2.0 OR MIT
// Denials that programs usually take in their stride: other processes' secrets, limits, priorities.

#define _GNU_SOURCE
#include "asks.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Opens, and for those that ask only then, reads. */
static int read_of_other(const struct given *given, const char *name)
{
	char path[64], bytes[256];

	snprintf(path, sizeof(path), "/proc/%d/%s", given->other, name);
	int file = open(path, O_RDONLY);
	return outcome(file < 0 ? -1 : read(file, bytes, sizeof(bytes)));
}

static int read_environ(const struct given *given)
{
	return read_of_other(given, "environ");
}

static int read_maps(const struct given *given)
{
	return read_of_other(given, "maps");
}

static int read_exe(const struct given *given)
{
	char path[64], target[256];

	snprintf(path, sizeof(path), "/proc/%d/exe", given->other);
	return outcome(readlink(path, target, sizeof(target)));
}

static int read_kallsyms(const struct given *given)
{
	(void)given;
	char bytes[4096];
	int file = open("/proc/kallsyms", O_RDONLY);

	return outcome(file < 0 ? -1 : read(file, bytes, sizeof(bytes)));
}

static int raise_limit(const struct given *given)
{
	(void)given;
	struct rlimit limit;

	prepared(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
	limit.rlim_max++;
	return outcome(setrlimit(RLIMIT_NOFILE, &limit));
}

static int pipe_size(const struct given *given)
{
	(void)given;
	int ends[2];

	prepared(pipe(ends), "pipe");
	return outcome(fcntl(ends[1], F_SETPIPE_SZ, 1 << 21));
}

static int lower_oom(const struct given *given)
{
	(void)given;
	int file = open("/proc/self/oom_score_adj", O_WRONLY);

	prepared(file, "open");
	return outcome(write(file, "-1", 2));
}

static int lower_nice(const struct given *given)
{
	(void)given;
	return outcome(setpriority(PRIO_PROCESS, 0, -5));
}

static int real_time(const struct given *given)
{
	(void)given;
	struct sched_param param = { .sched_priority = 1 };

	return outcome(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param));
}

/* Without reserving pages, which the machine may have none of. */
static int huge_pages(const struct given *given)
{
	(void)given;
	int id = shmget(IPC_PRIVATE, 2 << 20, IPC_CREAT | SHM_HUGETLB | SHM_NORESERVE | 0600);
	int result = outcome(id);

	if (id >= 0)
		prepared(shmctl(id, IPC_RMID, NULL), "shmctl");
	return result;
}

static int userfault(const struct given *given)
{
	(void)given;
	return outcome(syscall(SYS_userfaultfd, O_CLOEXEC));
}

static int force_buffer(const struct given *given)
{
	(void)given;
	int bytes = 1 << 16;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	prepared(fd, "socket");
	return outcome(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)));
}

static int lock_memory(const struct given *given)
{
	(void)given;
	struct rlimit limit = { .rlim_cur = 1 << 16, .rlim_max = 1 << 16 };
	void *memory = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	prepared(memory == MAP_FAILED ? -1 : 0, "mmap");
	prepared(setrlimit(RLIMIT_MEMLOCK, &limit), "setrlimit");
	return outcome(mlock(memory, 1 << 20));
}

const struct row limit_rows[] = {
	{ "read_environ", read_environ },
	{ "read_maps", read_maps },
	{ "read_exe", read_exe },
	{ "read_kallsyms", read_kallsyms },
	{ "raise_limit", raise_limit },
	{ "pipe_size", pipe_size },
	{ "lower_oom", lower_oom },
	{ "lower_nice", lower_nice },
	{ "real_time", real_time },
	{ "huge_pages", huge_pages },
	{ "userfault", userfault },
	{ "force_buffer", force_buffer },
	{ "lock_memory", lock_memory },
	{},
};
