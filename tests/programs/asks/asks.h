/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* One program a row: each provokes one kind of capability check, once, and gives the errno of the call that it is made
 * in (0: it succeeded). What a row is to be taken for is in tests/engines/asks. */
#ifndef ASKS_H
#define ASKS_H

#include <errno.h>
#include <sys/types.h>

/* Files that "prepare" makes. In memory, so that overlayfs asks nothing on its own account. */
#define WORK "/dev/shm/"

/* A user that no file of the image belongs to, and one more. */
enum { SOMEBODY = 1000, SOMEBODY_ELSE = 1001 };

/* What the rows are given on the command line. */
struct given {
	/* A process of SOMEBODY. */
	pid_t other;
	/* The same word, for a row that changes a file. */
	const char *file;
	/* A port below 1024 that is free. */
	int port;
};

struct row {
	const char *name;
	int (*ask)(const struct given *given);
};

/* The tables of the files beside this one; each ends with a row without a name. */
extern const struct row probe_rows[];
extern const struct row pair_rows[];
extern const struct row limit_rows[];
extern const struct row file_rows[];
extern const struct row mode_rows[];
extern const struct row identity_rows[];
extern const struct row network_rows[];
extern const struct row system_rows[];
extern const struct row namespace_rows[];
extern const struct row preparing_rows[];

/* The errno of a call by what it returned. */
static inline int outcome(long result)
{
	return result < 0 ? errno : 0;
}

/* Ends the program if a step before the call in question failed: that is no answer. */
void prepared(long result, const char *step);

#endif
