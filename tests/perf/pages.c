// SPDX-License-Identifier: GPL-2.0
/*
 * Counts what a perfect finder of duplicates would leave of the memory of several guests:
 * pages that are not all zeroes, and different contents among them.
 *
 * usage: pages FILE[:OFFSET:BYTES]...
 *
 * Prints "pages NONZERO DIFFERENT". Two pages count as the same when 128 bits of hash are.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096

struct hash {
	uint64_t a, b;
};

static struct hash *hashes;
static size_t nr, room;

static struct hash hash_of(const uint64_t *words)
{
	struct hash h = { 0x243f6a8885a308d3, 0x13198a2e03707344 };
	unsigned int i;

	for (i = 0; i < PAGE / sizeof(*words); i++) {
		h.a = (h.a ^ words[i]) * 0x9e3779b97f4a7c15;
		h.a ^= h.a >> 29;
		h.b = (h.b + words[i]) * 0xd6e8feb86659fd93;
		h.b ^= h.b >> 32;
	}
	return h;
}

static void add(const uint64_t *words)
{
	static const uint64_t zeroes[PAGE / sizeof(*words)];

	if (!memcmp(words, zeroes, PAGE))
		return;
	if (nr == room) {
		room = room ? 2 * room : 65536;
		hashes = realloc(hashes, room * sizeof(*hashes));
		if (!hashes)
			err(1, "memory");
	}
	hashes[nr++] = hash_of(words);
}

static void read_guest(char *arg)
{
	unsigned long long off = 0, bytes = ~0ull;
	char *rest = strchr(arg, ':');
	uint64_t words[PAGE / 8];
	ssize_t n = 0;
	int fd;

	if (rest) {
		*rest++ = 0;
		if (sscanf(rest, "%llu:%llu", &off, &bytes) != 2)
			errx(2, "%s: not OFFSET:BYTES", rest);
	}
	fd = open(arg, O_RDONLY);
	if (fd < 0)
		err(1, "%s", arg);
	for (; bytes; bytes -= PAGE, off += PAGE) {
		n = pread(fd, words, PAGE, off);
		if (n != PAGE)
			break;
		add(words);
	}
	if (n != PAGE && (n || rest))
		err(1, "%s at %llu", arg, off);
	close(fd);
}

static int by_hash(const void *x, const void *y)
{
	return memcmp(x, y, sizeof(struct hash));
}

int main(int argc, char **argv)
{
	size_t different = 0, i;

	for (i = 1; i < (size_t)argc; i++)
		read_guest(argv[i]);
	if (nr)
		qsort(hashes, nr, sizeof(*hashes), by_hash);
	for (i = 0; i < nr; i++)
		different += !i || by_hash(&hashes[i - 1], &hashes[i]);
	printf("pages %zu %zu\n", nr, different);
	return 0;
}
