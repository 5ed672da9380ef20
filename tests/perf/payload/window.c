// SPDX-License-Identifier: GPL-2.0
/*
 * A working set that moves: fills mib=N MiB from 16 MiB on with a mix of pages (content.h),
 * waits for the host, and then visits pages of a window of window=N pages in random order. A
 * visit reads a few words of the page, and one in four writes one. After eight visits the
 * window moves on by a page. Visits count for ms=N milliseconds, warm=N after the start; khz=N
 * is the TSC's rate, guest=N makes this guest's pages others than those of the next.
 *
 * Tells "visits N", and how many found what was not there before: none.
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

/* Visit until @end, which is a time; @at is where the window is. */
static u64 visit_until(u64 end, u64 *at)
{
	u64 visits = 0, r;

	do {
		r = content_random();
		visit((*at + (r >> 8) % window) % pages, !(r & 3));
		if (++visits % VISITS == 0)
			++*at;
	} while (visits % 16 || rdtsc() < end);
	return visits;
}

TEST(moving)
{
	u64 khz = boot_option("khz=", 1000000), at = 0, n, end;

	pages = (boot_option("mib=", 1) << 20) / PAGE;
	window = boot_option("window=", 64);
	first_number = boot_option("guest=", 0) << 32;
	for (n = 0; n < pages; n++)
		content_fill((void *)(FIRST + n * PAGE), content_mixed(first_number + n),
			     first_number + n);
	await_host("filled");
	end = rdtsc() + khz * boot_option("warm=", 1000);
	n = visit_until(end, &at);
	printf("# %lu visits before\n", n);
	n = visit_until(end + khz * boot_option("ms=", 1000), &at);
	printf("visits %lu %lu\n", n, wrong);
	EXPECT_EQ(wrong, 0);
}
