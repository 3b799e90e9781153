// SPDX-License-Identifier: Apache-2.0 OR MIT
// Says "blocked" and then never returns from one call: `pause`, `read` of a pipe that nobody writes to, or the `pause` of
// i386 by `int $0x80`.
//
// usage: blocked pause|read|pause32

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __x86_64__
static void pause_by_i386(void)
{
	long number = 29;

	__asm__ volatile("int $0x80" : "+a"(number) : : "r8", "r9", "r10", "r11", "memory");
}
#endif

int main(int argc, char **argv)
{
	int ends[2];
	char byte;

	if (argc != 2 || pipe(ends) != 0)
		return 2;
	puts("blocked");
	fflush(stdout);
	if (strcmp(argv[1], "pause") == 0)
		syscall(SYS_pause);
	else if (strcmp(argv[1], "read") == 0)
		syscall(SYS_read, ends[0], &byte, 1);
#ifdef __x86_64__
	else if (strcmp(argv[1], "pause32") == 0)
		pause_by_i386();
#endif
	return 3;
}
