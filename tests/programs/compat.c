// SPDX-License-Identifier: Apache-2.0 OR MIT
// A real 32-bit program without any library: getppid (64) 100 times, sched_yield (158) 50 times, then exit (1).
// i386 and Arm have these numbers in common.

static long call(long number, long first)
{
#ifdef __arm__
	register long r7 __asm__("r7") = number;
	register long r0 __asm__("r0") = first;

	__asm__ volatile("svc #0" : "+r"(r0) : "r"(r7) : "memory");
	return r0;
#else
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(first) : "memory");
	return result;
#endif
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
