// SPDX-License-Identifier: GPL-2.0
/*
 * What a random write to a disk costs, in a guest: DEVICE COUNT writes of 4 KiB, one at a
 * time and past the page cache, each to a place of its own; then to the same places again.
 * Prints nanoseconds a write, the flush at the end of each pass included.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define BLOCK	4096u

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* An odd step of about 0.618 of a power of two: no place comes twice. */
static uint64_t place(uint64_t n, uint64_t blocks)
{
	uint64_t size = 1;

	while (size * 2 <= blocks)
		size *= 2;
	return n * (size * 618 / 1000 | 1) % size * BLOCK;
}

static uint64_t pass(int fd, const void *buf, uint64_t blocks, uint64_t count)
{
	uint64_t n, begin = now();

	for (n = 0; n < count; n++) {
		if (pwrite(fd, buf, BLOCK, place(n, blocks)) != BLOCK) {
			perror("randwrite: write");
			exit(1);
		}
	}
	if (fsync(fd)) {
		perror("randwrite: fsync");
		exit(1);
	}
	return (now() - begin) / count;
}

int main(int argc, char **argv)
{
	uint64_t bytes, count, first;
	void *buf;
	int fd;

	if (argc != 3)
		return 2;
	count = strtoull(argv[2], NULL, 10);
	fd = open(argv[1], O_RDWR | O_DIRECT);
	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes) || posix_memalign(&buf, BLOCK, BLOCK)) {
		perror(argv[1]);
		return 1;
	}
	memset(buf, 'x', BLOCK);
	first = pass(fd, buf, bytes / BLOCK, count);
	printf("randwrite %llu %llu.\n", (unsigned long long)first,
	       (unsigned long long)pass(fd, buf, bytes / BLOCK, count));
	return 0;
}
