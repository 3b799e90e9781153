// SPDX-License-Identifier: Apache-2.0 OR MIT
// Calls that take either of two capabilities.

#define _GNU_SOURCE
#include "asks.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int perf_event(const struct given *given)
{
	(void)given;
	struct perf_event_attr event = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(event),
		.config = PERF_COUNT_SW_CPU_CLOCK,
	};

	return outcome(syscall(SYS_perf_event_open, &event, 0, -1, -1, 0));
}

static int create(__u32 type)
{
	union bpf_attr map = { .map_type = type, .key_size = 4, .value_size = 4, .max_entries = 1 };

	return outcome(syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map)));
}

static int bpf_map(const struct given *given)
{
	(void)given;
	return create(BPF_MAP_TYPE_HASH);
}

static int bpf_array(const struct given *given)
{
	(void)given;
	return create(BPF_MAP_TYPE_ARRAY);
}

static int socket_option(int option, int value)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	prepared(fd, "socket");
	return outcome(setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value)));
}

static int mark(const struct given *given)
{
	(void)given;
	return socket_option(SO_MARK, 7);
}

static int priority(const struct given *given)
{
	(void)given;
	return socket_option(SO_PRIORITY, 7);
}

static int kernel_log(const struct given *given)
{
	(void)given;
	char bytes[4096];

	/* SYSLOG_ACTION_READ_ALL */
	return outcome(klogctl(3, bytes, sizeof(bytes)));
}

/* The best real-time class, for this process alone: IOPRIO_CLASS_RT, level 7. */
static int io_priority(const struct given *given)
{
	(void)given;
	return outcome(syscall(SYS_ioprio_set, 1, 0, 1 << 13 | 7));
}

/* Follows the link of one of its own mappings. */
static int map_files(const struct given *given)
{
	(void)given;
	char path[512];
	DIR *folder = opendir("/proc/self/map_files");

	prepared(folder ? 0 : -1, "opendir");
	for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/self/map_files/%s", entry->d_name);
		return outcome(open(path, O_RDONLY));
	}
	errno = ENOENT;
	prepared(-1, "map_files");
	return 0;
}

const struct row pair_rows[] = {
	{ "perf_event", perf_event },
	{ "bpf_map", bpf_map },
	{ "bpf_array", bpf_array },
	{ "mark", mark },
	{ "priority", priority },
	{ "kernel_log", kernel_log },
	{ "io_priority", io_priority },
	{ "map_files", map_files },
	{},
};
