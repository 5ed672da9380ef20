/* SPDX-License-Identifier: GPL-2.0 */
/* Places in swap, for the store (store.c). */
#ifndef AERIE_MM_SWAP_H
#define AERIE_MM_SWAP_H

#include "mm/mm.h"

struct page;

#define AERIE_SWAP_RUN	64u	/* pages of one write, at most */
#define AERIE_SWAP_READ	16u	/* pages that are read at a time, at most */

/* Where a page is: @area counts from 1, 0 is none. */
struct aerie_swap_place {
	u32 slot;
	u8 area;
};

/*
 * Take up to @nr places one behind the other, from @first on. Context: share_lock is held.
 * Return: how many; 0 where there are none.
 */
unsigned int aerie_swap_take(unsigned int nr, struct aerie_swap_place *first);

/* Give one back. Context: any but handlers of interrupts. */
void aerie_swap_give(const struct aerie_swap_place *place);

/* May there be any? Context: any. */
bool aerie_swap_has_room(void);

/*
 * Write @nr pages at @first and behind it; it took @took ns, processors aside. Context: may
 * sleep; the places are taken. Return: 0 or -errno, then nothing is certain of any of it.
 */
int aerie_swap_write(const struct aerie_swap_place *first, struct page *const *pages,
		     unsigned int nr, u64 *took);

/* A page, and where it is. */
struct aerie_swap_page {
	struct aerie_swap_place place;
	struct page *page;
};

/* Read @nr of them, AERIE_SWAP_READ at most, which are put in order. As aerie_swap_write(). */
int aerie_swap_read(struct aerie_swap_page *pages, unsigned int nr, u64 *took);

/* swap_io.c */

/* So many pages at byte @pos of a file. */
struct aerie_swap_part {
	struct file *file;
	u64 pos;
	unsigned int nr;
};

/* Write or read one. Context: may sleep. Return: 0 or -errno. */
int aerie_swap_io(const struct aerie_swap_part *part, struct page *const *pages, bool write,
		  u64 *took);

/*
 * Read @nr parts at the same time, of AERIE_SWAP_READ pages together at most: @pages has those
 * of the first, then those of the second and so on. As aerie_swap_io().
 */
int aerie_swap_io_read(const struct aerie_swap_part *parts, unsigned int nr,
		       struct page *const *pages, u64 *took);

#endif
