/* SPDX-License-Identifier: GPL-2.0 */
/* Places in swap, for the store (store.c). */
#ifndef AERIE_MM_SWAP_H
#define AERIE_MM_SWAP_H

#include "mm/mm.h"

struct page;

#define AERIE_SWAP_RUN	64u	/* pages of one read or write, at most */

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
 * Write or read @nr pages at @first and behind it. Context: may sleep; the places are taken.
 * Return: 0 or -errno, then nothing is certain of any of it.
 */
int aerie_swap_write(const struct aerie_swap_place *first, struct page *const *pages,
		     unsigned int nr);
int aerie_swap_read(const struct aerie_swap_place *first, struct page *const *pages,
		    unsigned int nr);

/* swap_io.c: @nr pages at byte @pos of a file. Context: may sleep. Return: 0 or -errno. */
int aerie_swap_io(struct file *file, u64 pos, struct page *const *pages, unsigned int nr,
		  bool write);

#endif
