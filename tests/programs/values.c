// SPDX-License-Identifier: Apache-2.0 OR MIT
// Calls whose arguments are known, and which come back as they should.
//
// usage: values known THREADS CHILDREN TIMES   each of the calls in `one_round`, from threads and children
//        values different N                    fcntl with N different commands, twice
//        values i386                           some of them through the 32-bit table, from 64-bit code

#define _GNU_SOURCE
#include "many.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define CLONE_NEWNET 0x40000000
#define TIOCSTI 0x5412
#define X32 0x40000000
// The kernel takes the low half of most registers: what stands above it is none of the value.
#define ABOVE 0x7777777700000000UL

static void with_sockets(void)
{
	int on = 1, fd = syscall(SYS_socket, ABOVE | AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	demand(fd >= 0, "socket");
	demand(syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0, "setsockopt");
	demand_errno(syscall(SYS_setsockopt, -1, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), EBADF, "setsockopt");
	close(fd);
	demand_errno(syscall(SYS_socket, 99, SOCK_RAW, 0x12345678), EAFNOSUPPORT, "socket");
#ifdef __x86_64__
	demand_errno(syscall(SYS_socket | X32, AF_UNIX, SOCK_DGRAM, 0), ENOSYS, "socket of x32");
#endif
}

static void one_round(void)
{
	void *page = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	demand(page != MAP_FAILED && mprotect(page, 4096, PROT_NONE) == 0 && munmap(page, 4096) == 0, "mmap");
	with_sockets();
	demand_errno(syscall(SYS_ioctl, -1, ABOVE | TIOCSTI, 0), EBADF, "ioctl");
	demand_errno(syscall(SYS_setns, -1, CLONE_NEWNET), EBADF, "setns");
	demand_errno(syscall(SYS_bpf, 9999, 0, 0), EINVAL, "bpf");
	demand_errno(syscall(SYS_keyctl, 9999, 0), EOPNOTSUPP, "keyctl");
	demand_errno(syscall(SYS_ptrace, PTRACE_PEEKDATA, 0, 0, 0), ESRCH, "ptrace");
	demand_errno(syscall(SYS_ptrace, ABOVE | PTRACE_PEEKDATA, 0, 0, 0), ESRCH, "ptrace");
	demand_errno(syscall(SYS_prctl, 9999, 0, 0, 0, 0), EINVAL, "prctl");
	demand(syscall(SYS_unshare, 0) == 0, "unshare");
	demand(syscall(SYS_personality, 0xffffffff) >= 0, "personality");
	demand(syscall(SYS_kill, getpid(), 0) == 0, "kill");
	demand(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGCONT) == 0, "tgkill");
}

static void different(int count)
{
	for (int round = 0; round < 2; round++)
		for (int command = 2000; command < 2000 + count; command++)
			demand_errno(syscall(SYS_fcntl, 0, command, 0), EINVAL, "fcntl");
}

#ifdef __x86_64__
static long int80(long number, long first, long second, long third)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(first), "c"(second), "d"(third)
			 : "r8", "r9", "r10", "r11", "memory");
	return result;
}

static void of_i386(void)
{
	int fd = int80(359, ABOVE | AF_UNIX, ABOVE | SOCK_STREAM, ABOVE | 0);

	demand(fd >= 0, "socket");
	demand(int80(221, fd, F_SETFD, FD_CLOEXEC) == 0, "fcntl64");
	demand(int80(54, -1, TIOCSTI, 0) == -EBADF, "ioctl");
	demand(int80(102, 1, 0, 0) == -EFAULT, "socketcall");
}
#endif

int main(int argc, char **argv)
{
	demand(argc > 1, "usage: values known|different|i386 ...");
	if (!strcmp(argv[1], "known") && argc == 5) {
		times = atol(argv[4]);
		from_children(atoi(argv[3]), atoi(argv[2]));
		from_threads(atoi(argv[2]));
	} else if (!strcmp(argv[1], "different") && argc == 3) {
		different(atoi(argv[2]));
	} else {
		demand(!strcmp(argv[1], "i386"), "usage: values known|different|i386 ...");
#ifdef __x86_64__
		of_i386();
#endif
	}
	return 0;
}
