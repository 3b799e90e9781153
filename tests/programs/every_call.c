// SPDX-License-Identifier: Apache-2.0 OR MIT
// Makes every call of both tables, each in a child of its own, with arguments that no call does anything with: the first
// is -1, the others are 0. A child that blocks or goes astray is ended by its timer. Left out is what blocks the whole
// machine: sync.
//
// usage: every_call

#define _GNU_SOURCE
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* Beyond the last call of either table. */
enum { NUMBERS = 480 };

enum { SYNC_64 = 162, SYNC_32 = 36, EXIT_64 = 231 };

static long call_64(long number, long first)
{
	register long fourth __asm__("r10") = 0;
	register long fifth __asm__("r8") = 0;
	register long sixth __asm__("r9") = 0;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(first), "S"(0L), "d"(0L), "r"(fourth), "r"(fifth), "r"(sixth)
			 : "rcx", "r11", "memory");
	return result;
}

static void call_32(long number)
{
	long result;

	__asm__ volatile("push %%rbp; xor %%ebp, %%ebp; int $0x80; pop %%rbp"
			 : "=a"(result)
			 : "a"(number), "b"(-1L), "c"(0L), "d"(0L), "S"(0L), "D"(0L)
			 : "r8", "r9", "r10", "r11", "memory");
}

/* Nothing but what was asked for and the end: a child of vfork shares this stack. */
static void make(int table, long number)
{
	struct itimerval soon = { .it_value.tv_usec = 100000 };
	struct rlimit nothing = { 0, 0 }, second = { 1, 1 };

	setrlimit(RLIMIT_CORE, &nothing);
	/* rt_sigreturn may block the timer's signal, by whatever lies on the stack */
	setrlimit(RLIMIT_CPU, &second);
	setitimer(ITIMER_REAL, &soon, NULL);
	if (table == 64)
		call_64(number, -1);
	else
		call_32(number);
	call_64(EXIT_64, 0);
}

static int try(int table, long number)
{
	pid_t child = fork();

	if (child == 0)
		make(table, number);
	return child < 0 || waitpid(child, NULL, 0) != child;
}

int main(void)
{
	for (long number = 0; number < NUMBERS; number++) {
		if (number != SYNC_64 && try(64, number))
			return 1;
		if (number != SYNC_32 && try(32, number))
			return 1;
	}
	return 0;
}
