// SPDX-License-Identifier: Apache-2.0 OR MIT
// Finds the row by the name that the program was started by, and exits with the row's errno.
//
// usage: ROW [OTHER-PID | FILE [FREE-PORT]]

#include "asks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No errno is as high. */
enum { NO_ANSWER = 255 };

static const struct row *const tables[] = {
	probe_rows,    pair_rows,    limit_rows,  file_rows,	  mode_rows,
	identity_rows, network_rows, system_rows, namespace_rows, preparing_rows,
};

void prepared(long result, const char *step)
{
	if (result >= 0)
		return;
	fprintf(stderr, "%s: %s\n", step, strerror(errno));
	exit(NO_ANSWER);
}

static const struct row *row_of(const char *name)
{
	for (size_t table = 0; table < sizeof(tables) / sizeof(tables[0]); table++)
		for (const struct row *row = tables[table]; row->name; row++)
			if (!strcmp(row->name, name))
				return row;
	return NULL;
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	const char *name = slash ? slash + 1 : argv[0];
	const struct row *row = row_of(name);
	struct given given = {
		.other = argc > 1 ? atoi(argv[1]) : 0,
		.file = argc > 1 ? argv[1] : "",
		.port = argc > 2 ? atoi(argv[2]) : 0,
	};

	if (!row) {
		fprintf(stderr, "no row %s\n", name);
		return NO_ANSWER;
	}
	return row->ask(&given);
}
