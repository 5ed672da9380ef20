/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What guests' memory might hold: pages no two of which are alike, of four kinds that
 * compress as differently as those of programs do. lz4 makes 15 % of a SPARSE one, 45 % of a
 * TYPICAL one, 66 % of a DENSE one; of a mix as content_mixed() makes it 48 %.
 */
#ifndef CONTENT_H
#define CONTENT_H

#include "guest.h"

#define PAGE_WORDS	512u
#define DICTIONARY	32u	/* words that come again */

enum content {
	CONTENT_SPARSE,		/* the first quarter as the typical ones, zeroes */
	CONTENT_TYPICAL,	/* a word in sixteen is new */
	CONTENT_DENSE,		/* six in sixteen are */
	CONTENT_RANDOM,		/* all are: compressed or encrypted before */
};

static u64 content_seed = 0x9e3779b97f4a7c15;

static inline u64 content_random(void)
{
	content_seed ^= content_seed << 13;
	content_seed ^= content_seed >> 7;
	content_seed ^= content_seed << 17;
	return content_seed;
}

/* As a page of that kind; @number makes it another than others. */
static inline void content_fill(u64 *page, enum content kind, u64 number)
{
	static const u8 of_sixteen[] = { 1, 1, 6, 16 };
	u32 i, end = kind == CONTENT_SPARSE ? PAGE_WORDS / 4 : PAGE_WORDS;
	u64 r;

	content_seed = (number + 1) * 0x9e3779b97f4a7c15;
	for (i = 0; i < PAGE_WORDS; i++) {
		r = i < end ? content_random() : 0;
		if (i < end && r % 16 >= of_sixteen[kind])
			r = (r / 16 % DICTIONARY + 1) * 0xd6e8feb86659fd93;
		page[i] = r;
	}
	page[0] = number;
}

/* The kind of page @number: of sixteen 4, 7, 3 and 2 of each, in no order. */
static inline enum content content_mixed(u64 number)
{
	u32 of_sixteen = number * 0x9e3779b97f4a7c15 >> 60;

	return of_sixteen < 4 ? CONTENT_SPARSE : of_sixteen < 11 ? CONTENT_TYPICAL :
	       of_sixteen < 14 ? CONTENT_DENSE : CONTENT_RANDOM;
}

#endif
