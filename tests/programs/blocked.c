// SPDX-License-Identifier: Apache-2.0 OR MIT
// Says "blocked" and then never returns from one call: `pause`, or `read` of a pipe that nobody writes to.
//
// usage: blocked pause|read

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

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
	else
		syscall(SYS_read, ends[0], &byte, 1);
	return 3;
}
