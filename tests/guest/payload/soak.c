// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that is written and checked without end: each page has content of its own kind
 * (zeroes, what other guests have as well, that with one word changed, what can be compressed
 * and what cannot), and must keep it until this guest writes another. Most work is in a window
 * that wanders, so that pages grow old; "a sweep" is when all have been looked at. Command
 * line: "seed=N" (1), "sweeps=N" (0: for ever).
 */
#include "guest.h"

#define FIRST	0x1000000ull	/* clear of the payload itself */
#define PAGE	4096ull
#define WORDS	(PAGE / 8)
#define MAX	(192u << 8)	/* pages: 192 MiB */
#define WINDOW	1024u
#define KINDS	8u

static u32 seeds[MAX];		/* what each page holds */
static u32 pages, nr_cpus;
static volatile u32 stop;	/* somebody has found a word that is wrong */

static u64 next(u64 x)
{
	x ^= x << 13;
	x ^= x >> 7;
	return x ^ x << 17;
}

/* Word @i of a page of @seed; @x is a stream of the page's own. */
static u64 word(u32 seed, u32 i, u64 x)
{
	const u32 common = (seed >> 3) % 61;

	switch (seed % KINDS) {
	case 0:
		return 0;
	case 1 ... 3:
		return common * 0x100000001ull + i / 16;
	case 4:
		return i == seed % WORDS ? seed : common * 0x100000001ull + i / 16;
	case 5 ... 6:
		return i % 8 ? i / 64 : x;
	}
	return x;
}

static volatile u64 *page(u32 n)
{
	return (volatile u64 *)(FIRST + n * PAGE);
}

static void fill(u32 n, u32 seed)
{
	u64 x = seed * 0x9e3779b97f4a7c15ull | 1;
	u32 i;

	for (i = 0; i < WORDS; i++, x = next(x))
		page(n)[i] = word(seed, i, x);
	seeds[n] = seed;
}

static void check(u32 n)
{
	u64 x = seeds[n] * 0x9e3779b97f4a7c15ull | 1, want, got;
	u32 i;

	for (i = 0; i < WORDS; i++, x = next(x)) {
		want = word(seeds[n], i, x);
		got = page(n)[i];
		if (got == want)
			continue;
		printf("# page %u, kind %u, word %u: 0x%lx, expected 0x%lx, now 0x%lx\n", n,
		       seeds[n] % KINDS, i, got, want, page(n)[i]);
		stop = 1;
		return;
	}
}

/* One word is what two kinds differ in. */
static void change(u32 n)
{
	const u32 old = seeds[n], i = old % WORDS;

	if (old % KINDS != 4) {
		fill(n, old * 0x343fd + 0x269ec3);
		return;
	}
	page(n)[i] = word(old - 1, i, 0);
	seeds[n] = old - 1;
}

/* Every processor has pages of its own. */
static void work(void *arg)
{
	const u32 cpu = this_cpu()->id, mine = pages / nr_cpus, sweeps = boot_option("sweeps=", 0);
	u64 x = boot_option("seed=", 1) * 0x9e3779b97f4a7c15ull + cpu + 1;
	u32 sweep, at, n, i;

	for (n = 0; n < mine; n++, x = next(x))
		fill(n * nr_cpus + cpu, x >> 32);
	for (sweep = 0; !stop && (!sweeps || sweep < sweeps); sweep++) {
		for (at = 0; at < mine && !stop; at += WINDOW / 4) {
			for (i = 0; i < WINDOW && !stop; i++, x = next(x)) {
				n = (at + (x >> 20) % WINDOW) % mine * nr_cpus + cpu;
				if (x >> 60 < 4)
					change(n);
				else
					check(n);
				if (i % 64 == 0)
					relax();	/* for the reason memory.c has */
			}
		}
		for (n = 0; n < mine && !stop; n++)
			check(n * nr_cpus + cpu);
		if (!cpu)
			printf("# sweep %u\n", sweep);
	}
}

TEST(every_page_keeps_its_content)
{
	const u32 *info = (u32 *)(u64)boot_ebx;

	/* mem_upper: KiB from 1 MiB on. */
	pages = ((u64)info[2] * 1024 + 0x100000 - FIRST) / PAGE;
	if (pages > MAX)
		pages = MAX;
	nr_cpus = smp_start();
	smp_run(work, NULL);
	EXPECT(!stop);
}
