// SPDX-License-Identifier: GPL-2.0
/*
 * What faults on guest memory cost, by what there is of it: nothing, zeroes, a page that is
 * held twice, one that is compressed. Figures as exits.c has them; before the last two the
 * host is told "filled", and does what it has to do until it sends a byte. clear=BYTES is as
 * with exits.c.
 */
#include "await.h"
#include "batches.h"
#include "content.h"
#include "guest.h"

#define PAGES		64u			/* of a batch */
#define ALL_PAGES	((BATCHES + 1) * PAGES)
#define OTHERS		(FRESH + (16ull << 20))	/* the other ones of pairs */
/* Filled last, so that it is not the pages before that are in memory to the end. */
#define LAST_PAGES	512u

static void fill(u64 addr, u32 pages)
{
	u32 i;

	for (i = 0; i < pages; i++)
		content_fill((void *)(addr + i * PAGE), CONTENT_TYPICAL, i);
}

/* With one word again and again, of which nobody needs to keep more. */
static void fill_plain(u64 addr, u32 pages)
{
	u64 at;

	for (at = addr; at < addr + pages * PAGE; at += 8)
		*(volatile u64 *)at = at / PAGE;
}

TEST(touch)
{
	measure_nop();
	measure_stores("touch-4k", FRESH, PAGES, PAGE);
	measure_clear();
}

TEST(large)
{
	measure_stores("touch-2m", FRESH, 1, LARGE);
}

TEST(zero)
{
	measure_loads("read-zero", FRESH, PAGES, PAGE);
	measure_stores("break-zero", FRESH, PAGES, PAGE);
}

TEST(pairs)
{
	fill(FRESH, ALL_PAGES);
	fill(OTHERS, ALL_PAGES);
	await_host("filled");
	measure_stores("break-shared", FRESH, PAGES, PAGE);
}

TEST(compressed)
{
	fill(FRESH, ALL_PAGES + LAST_PAGES);
	await_host("filled");
	measure_loads("read-compressed", FRESH, PAGES, PAGE);
}

TEST(plain)
{
	fill_plain(FRESH, ALL_PAGES + LAST_PAGES);
	await_host("filled");
	measure_loads("read-plain", FRESH, PAGES, PAGE);
}
