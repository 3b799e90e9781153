// SPDX-License-Identifier: Apache-2.0 OR MIT
/*
 * Loads and attaches the programs of an object file, says so by a line on stdout, and keeps them until stdin ends.
 * A cgroup's id, where one is given, is what the object's only constant becomes.
 */
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>

static int set_constant(struct bpf_object *object, const char *text)
{
	struct bpf_map *constants = bpf_object__find_map_by_name(object, ".rodata");
	unsigned long long value = strtoull(text, 0, 10);

	return constants ? bpf_map__set_initial_value(constants, &value, sizeof(value)) : -1;
}

/* attach OBJECT [CGROUP_ID] */
int main(int count, char **words)
{
	struct bpf_object *object = count > 1 ? bpf_object__open_file(words[1], 0) : 0;
	struct bpf_program *program;

	if (!object || (count > 2 && set_constant(object, words[2])) || bpf_object__load(object)) {
		fprintf(stderr, "attach: cannot load the object file\n");
		return 1;
	}
	bpf_object__for_each_program(program, object) {
		if (!bpf_program__attach(program)) {
			fprintf(stderr, "attach: cannot attach %s\n", bpf_program__name(program));
			return 1;
		}
	}
	puts("attached");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
