// SPDX-License-Identifier: Apache-2.0 OR MIT
// Checks that the kernel makes to choose between two ways, without anybody wanting the capability.

#define _GNU_SOURCE
#include "asks.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef SYS_statmount
#define SYS_statmount 457
#define SYS_listmount 458
#endif

static int read_all(const char *path)
{
	char bytes[4096];
	int file = open(path, O_RDONLY);

	return outcome(file < 0 ? -1 : read(file, bytes, sizeof(bytes)));
}

static int reserve_mmap(const struct given *given)
{
	(void)given;
	void *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return outcome(memory == MAP_FAILED ? -1 : 0);
}

static int reserve_brk(const struct given *given)
{
	(void)given;
	return outcome(sbrk(1 << 16) == (void *)-1 ? -1 : 0);
}

static int reserve_fork(const struct given *given)
{
	(void)given;
	int status;
	long child = syscall(SYS_fork);

	if (child == 0)
		_exit(0);
	return outcome(child < 0 ? -1 : waitpid(child, &status, 0));
}

/* Addresses in the file are hidden from whoever may not trace the process. */
static int read_stat(const struct given *given)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stat", given->other);
	return read_all(path);
}

/* Whoever is privileged in a network gets the owner's permissions on its sysctls. */
static int net_sysctl(const struct given *given)
{
	(void)given;
	return read_all("/proc/sys/net/ipv4/ip_forward");
}

static int pid_sysctl(const struct given *given)
{
	(void)given;
	return read_all("/proc/sys/kernel/pid_max");
}

static int vsock(const struct given *given)
{
	(void)given;
	return outcome(socket(AF_VSOCK, SOCK_STREAM, 0));
}

/* A filter of a socket is compiled with a mitigation, except for whoever could do worse. */
static int socket_filter(const struct given *given)
{
	(void)given;
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, 0xffff) };
	struct sock_fprog program = { .len = 1, .filter = code };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	prepared(fd, "socket");
	return outcome(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)));
}

static int load_seccomp(void)
{
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog program = { .len = 1, .filter = code };

	return outcome(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

static int seccomp_priv(const struct given *given)
{
	(void)given;
	return load_seccomp();
}

static int seccomp_nnp(const struct given *given)
{
	(void)given;
	prepared(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	return load_seccomp();
}

static int enter_landlock(void)
{
	struct landlock_ruleset_attr rules = { .handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_BLOCK };
	int fd = syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);

	prepared(fd, "landlock_create_ruleset");
	return outcome(syscall(SYS_landlock_restrict_self, fd, 0));
}

static int landlock_priv(const struct given *given)
{
	(void)given;
	return enter_landlock();
}

static int landlock_nnp(const struct given *given)
{
	(void)given;
	prepared(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	return enter_landlock();
}

/* Only whoever is privileged is shown the names that begin with "trusted.". */
static int list_xattr(const struct given *given)
{
	(void)given;
	char names[4096];

	return outcome(listxattr(WORK "mine", names, sizeof(names)));
}

struct mount_request {
	uint32_t size;
	uint32_t spare;
	uint64_t mount;
	uint64_t param;
};

/* Asks about a mount that cannot be reached any more from a root directory below it. */
static int ask_mount(long number, uint64_t param)
{
	struct statx root;
	uint64_t answer[512];
	/* STATX_MNT_ID_UNIQUE */
	prepared(statx(AT_FDCWD, "/", 0, 0x4000, &root), "statx");
	struct mount_request request = { .size = sizeof(request), .mount = root.stx_mnt_id, .param = param };

	prepared(chroot("/tmp"), "chroot");
	return outcome(syscall(number, &request, answer, number == SYS_listmount ? 512 : sizeof(answer), 0));
}

static int stat_mount(const struct given *given)
{
	(void)given;
	return ask_mount(SYS_statmount, 1);
}

static int list_mount(const struct given *given)
{
	(void)given;
	return ask_mount(SYS_listmount, 0);
}

/* Executes a set-user-id program while it is traced: the kernel asks whether its tracer may trace that. */
static int exec_traced(const struct given *given)
{
	(void)given;
	int status;
	pid_t child = fork();

	prepared(child, "fork");
	if (child == 0) {
		prepared(ptrace(PTRACE_TRACEME, 0, NULL, NULL), "PTRACE_TRACEME");
		prepared(setresuid(SOMEBODY, SOMEBODY, SOMEBODY), "setresuid");
		execl("/rows/set_user", "set_user", NULL);
		_exit(errno);
	}
	prepared(waitpid(child, &status, 0), "waitpid");
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	prepared(ptrace(PTRACE_CONT, child, NULL, NULL), "PTRACE_CONT");
	prepared(waitpid(child, &status, 0), "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

/* Writes until nothing is left but what is kept back for root. */
static int fill_disk(const struct given *given)
{
	static char block[4096];
	int file = open("/full/file", O_WRONLY | O_CREAT, 0600);
	long written;

	(void)given;
	prepared(file, "open");
	do
		written = write(file, block, sizeof(block));
	while (written > 0);
	return outcome(written);
}

const struct row probe_rows[] = {
	{ "fill_disk", fill_disk },
	{ "reserve_mmap", reserve_mmap },
	{ "reserve_brk", reserve_brk },
	{ "reserve_fork", reserve_fork },
	{ "read_stat", read_stat },
	{ "net_sysctl", net_sysctl },
	{ "pid_sysctl", pid_sysctl },
	{ "vsock", vsock },
	{ "socket_filter", socket_filter },
	{ "seccomp_priv", seccomp_priv },
	{ "seccomp_nnp", seccomp_nnp },
	{ "landlock_priv", landlock_priv },
	{ "landlock_nnp", landlock_nnp },
	{ "list_xattr", list_xattr },
	{ "stat_mount", stat_mount },
	{ "list_mount", list_mount },
	{ "exec_traced", exec_traced },
	{},
};
