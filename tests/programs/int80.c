// SPDX-License-Identifier: Apache-2.0 OR MIT
// i386 calls from a 64-bit process: number 20 is getpid by `int $0x80` and writev by `syscall`.
//
// usage: int80 TIMES

#include <stdlib.h>
#include <unistd.h>

static long int80(long number)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number) : "r8", "r9", "r10", "r11", "memory");
	return result;
}

int main(int argc, char **argv)
{
	long times = argc == 2 ? atol(argv[1]) : 0;

	for (long i = 0; i < times; i++)
		if (int80(20) != getpid())
			return 2;
	return times > 0 ? 0 : 2;
}
