// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest does to a disk when disks are measured: reads and writes past its own page
 * cache, so many at a time, by the kernel's asynchronous I/O.
 *
 * usage: disk NAME DEVICE REGION [KIND COUNT]...
 *
 * REGION MiB at the start of the disk are written first. Of each KIND, read-4k-d1 and so
 * on, COUNT requests are done; "figure NAME/KIND COUNT NANOSECONDS" is printed. 4 KiB are
 * read and written at random places, 1 MiB one after the other. Each 4 KiB begin with
 * their place on the disk, and it is an error where they do not when they are read.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MAX	32u
#define BLOCK		4096u
#define LARGE		(1u << 20)

static int disk;
static uint64_t region;		/* bytes */
static char *memory;		/* a buffer of LARGE bytes for each request */
static aio_context_t context;

static struct {
	bool write;
	uint32_t size, depth;
} kind;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static uint64_t next_place(void)
{
	static uint64_t state = 88172645463325252ull, sequential;

	if (kind.size == LARGE) {
		sequential = (sequential + LARGE) % region;
		return sequential;
	}
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % (region / BLOCK) * BLOCK;
}

static void stamp(char *buf, uint64_t place, uint32_t size)
{
	for (uint32_t off = 0; off < size; off += BLOCK)
		*(uint64_t *)(buf + off) = place + off;
}

static void check(const char *buf, uint64_t place, uint32_t size)
{
	for (uint32_t off = 0; off < size; off += BLOCK)
		if (*(const uint64_t *)(buf + off) != place + off)
			errx(1, "what is at %#llx belongs to %#llx",
			     (unsigned long long)place + off,
			     *(const unsigned long long *)(buf + off));
}

static void prepare(struct iocb *cb, unsigned int slot)
{
	char *buf = memory + (size_t)slot * LARGE;

	*cb = (struct iocb){
		.aio_data = slot, .aio_fildes = disk, .aio_buf = (uintptr_t)buf,
		.aio_lio_opcode = kind.write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
		.aio_nbytes = kind.size, .aio_offset = next_place(),
	};
	if (kind.write)
		stamp(buf, cb->aio_offset, kind.size);
}

static void submit(struct iocb **list, long nr)
{
	for (long n; nr; nr -= n, list += n) {
		n = syscall(SYS_io_submit, context, nr, list);
		if (n <= 0)
			err(1, "io_submit");
	}
}

/* Those that are done are followed by as many others at once. */
static void run(unsigned long count)
{
	static struct iocb cbs[DEPTH_MAX], *list[DEPTH_MAX];
	static struct io_event events[DEPTH_MAX];
	unsigned long left = count, done = 0;
	unsigned int slot, nr = 0;
	long n;

	for (; nr < kind.depth && left; nr++, left--) {
		prepare(&cbs[nr], nr);
		list[nr] = &cbs[nr];
	}
	submit(list, nr);
	while (done < count) {
		n = syscall(SYS_io_getevents, context, 1, DEPTH_MAX, events, NULL);
		if (n <= 0)
			err(1, "io_getevents");
		nr = 0;
		for (long i = 0; i < n; i++) {
			slot = events[i].data;
			if (events[i].res != kind.size)
				errx(1, "a request of %u bytes ends with %lld", kind.size,
				     (long long)events[i].res);
			if (!kind.write)
				check(memory + (size_t)slot * LARGE, cbs[slot].aio_offset,
				      kind.size);
			if (!left)
				continue;
			left--;
			prepare(&cbs[slot], slot);
			list[nr++] = &cbs[slot];
		}
		done += n;
		submit(list, nr);
	}
}

static void parse(const char *text)
{
	char op[8], size[4];

	if (sscanf(text, "%7[a-z]-%3[0-9km]-d%u", op, size, &kind.depth) != 3 || !kind.depth ||
	    kind.depth > DEPTH_MAX || (strcmp(op, "read") && strcmp(op, "write")) ||
	    (strcmp(size, "4k") && strcmp(size, "1m")))
		errx(2, "%s: no such kind", text);
	kind.write = !strcmp(op, "write");
	kind.size = strcmp(size, "4k") ? LARGE : BLOCK;
}

int main(int argc, char **argv)
{
	uint64_t start;

	if (argc < 6 || argc % 2)
		errx(2, "usage: disk NAME DEVICE MIB [KIND COUNT]...");
	for (int i = 4; i < argc; i += 2)
		parse(argv[i]);
	disk = open(argv[2], O_RDWR | O_DIRECT);
	if (disk < 0)
		err(1, "%s", argv[2]);
	region = strtoull(argv[3], NULL, 0) * LARGE;
	memory = aligned_alloc(LARGE, (size_t)DEPTH_MAX * LARGE);
	if (!region || !memory || syscall(SYS_io_setup, DEPTH_MAX, &context))
		err(1, "set-up");
	/* Whether there are large pages depends on what the guest has done before. */
	if (madvise(memory, (size_t)DEPTH_MAX * LARGE, MADV_NOHUGEPAGE) && errno != EINVAL)
		err(1, "madvise");
	memset(memory, 0, (size_t)DEPTH_MAX * LARGE);
	parse("write-1m-d1");
	run(region / LARGE);
	for (int i = 4; i < argc; i += 2) {
		unsigned long count = strtoul(argv[i + 1], NULL, 0);

		parse(argv[i]);
		run(kind.depth);	/* nothing is cold */
		start = now_ns();
		run(count);
		printf("figure %s/%s %lu %llu\n", argv[1], argv[i], count,
		       (unsigned long long)(now_ns() - start));
	}
	return 0;
}
