// SPDX-License-Identifier: Apache-2.0 OR MIT
// Makes a file through io_uring: no call of this program opens it.
//
// usage: ring FILE

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static char *mapped(int ring, size_t bytes, off_t what)
{
	return mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring, what);
}

int main(int argc, char **argv)
{
	struct io_uring_params params = {0};
	int ring = syscall(SYS_io_uring_setup, 1, &params);

	if (ring < 0 || argc != 2) {
		perror("io_uring_setup");
		return errno == ENOSYS || errno == EPERM ? 77 : 2;
	}
	char *submissions = mapped(ring, params.sq_off.array + sizeof(unsigned), IORING_OFF_SQ_RING);
	char *completions =
		mapped(ring, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
	char *entries = mapped(ring, sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	if (submissions == MAP_FAILED || completions == MAP_FAILED || entries == MAP_FAILED)
		return 3;

	struct io_uring_sqe *entry = (void *)entries;
	memset(entry, 0, sizeof(*entry));
	entry->opcode = IORING_OP_OPENAT;
	entry->fd = AT_FDCWD;
	entry->addr = (unsigned long)argv[1];
	entry->open_flags = O_CREAT | O_WRONLY;
	entry->len = 0600;
	*(unsigned *)(submissions + params.sq_off.array) = 0;
	__atomic_store_n((unsigned *)(submissions + params.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, 0, 0) != 1)
		return 4;
	return ((struct io_uring_cqe *)(completions + params.cq_off.cqes))->res >= 0 ? 0 : 5;
}
