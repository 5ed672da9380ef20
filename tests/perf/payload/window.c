// SPDX-License-Identifier: GPL-2.0
/*
 * A working set that moves: fills mib=N MiB from 16 MiB on with a mix of pages (content.h),
 * waits for the host, and then visits pages of a window of window=N pages in random order. A
 * visit reads a few words of the page, and one in four writes one. After eight visits the
 * window moves on by a page; it is over after moves=N. guest=N makes this guest's pages others
 * than those of the next.
 *
 * Tells "visits N TICKS", the time they took by the TSC, and waits again, for others that need
 * its memory not to get it. No page may be another than it was.
 */
#include "await.h"
#include "content.h"
#include "guest.h"

#define FIRST		0x1000000ull	/* clear of the payload itself */
#define PAGE		4096ull
#define VISITS		8u		/* until the window moves */
#define STRIDE		64u		/* words from one that is read to the next */

static u64 pages, window, first_number, wrong;

static void visit(u64 n, bool write)
{
	volatile u64 *page = (void *)(FIRST + n * PAGE);
	u64 sum = 0;
	u32 i;

	for (i = 1; i < PAGE_WORDS; i += STRIDE)
		sum += page[i];
	wrong += page[0] != first_number + n;
	if (write)
		page[PAGE_WORDS - 1] = sum;
}

TEST(moving)
{
	u64 moves = boot_option("moves=", 1), at, n, start;

	pages = (boot_option("mib=", 1) << 20) / PAGE;
	window = boot_option("window=", 64);
	first_number = boot_option("guest=", 0) << 32;
	for (n = 0; n < pages; n++)
		content_fill((void *)(FIRST + n * PAGE), content_mixed(first_number + n),
			     first_number + n);
	await_host("filled");
	start = rdtsc();
	for (at = 0; at < moves; at++) {
		for (n = 0; n < VISITS; n++) {
			u64 r = content_random();

			visit((at + (r >> 8) % window) % pages, !(r & 3));
		}
	}
	printf("visits %lu %lu\n", moves * VISITS, rdtsc() - start);
	EXPECT_EQ(wrong, 0);
	await_host("done");
}
