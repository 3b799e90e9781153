// SPDX-License-Identifier: Apache-2.0 OR MIT
// A real 32-bit program without any library: getppid (64) 100 times, sched_yield (158) 50 times, then exit (1).

static long call(long number, long first)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(first) : "memory");
	return result;
}

void _start(void)
{
	for (int i = 0; i < 100; i++)
		call(64, 0);
	for (int i = 0; i < 50; i++)
		call(158, 0);
	call(1, 0);
	for (;;)
		;
}
