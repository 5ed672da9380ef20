/* SPDX-License-Identifier: GPL-2.0 */
/* What of a guest's memory its own disks have: for the store, and for who makes room. */
#ifndef AERIE_MM_ORIGIN_H
#define AERIE_MM_ORIGIN_H

#include "mm/mm.h"

struct page;

/*
 * Which page of which disk @gfn may have. Context: any. Return: the disk, to be given back with
 * aerie_origin_put(); NULL: none is known.
 */
struct aerie_origin *aerie_origin_of(struct aerie_mem *mem, gfn_t gfn, u32 *at);
void aerie_origin_put(struct aerie_origin *origin);

/* @gfn has something else than page @at: forget that, if it is still what is known. */
void aerie_origin_differs(struct aerie_origin *origin, u32 at, gfn_t gfn);

/*
 * Is nobody writing to the part of the disk that page @at is in? Whether somebody has since is
 * known by @seq. Context: any.
 */
bool aerie_origin_quiet(struct aerie_origin *origin, u32 at, unsigned int *seq);

/* What leaves memory for being there does so in between. May sleep. */
void aerie_origin_lock(struct aerie_origin *origin);
void aerie_origin_unlock(struct aerie_origin *origin);

/*
 * What page @at had as well when @seq was is about to leave memory, where it was @gfn's: from now
 * on the page of the disk is not written before that has come back. Context: may sleep; the
 * origin is locked.
 * Return: false where it has been written, or another has left for it, or there is no memory.
 */
bool aerie_origin_take(struct aerie_origin *origin, u32 at, unsigned int seq, gfn_t gfn);

/* That is over: it has come back, or is of no use any more. Context: any but interrupts. */
void aerie_origin_give(struct aerie_origin *origin, u32 at);

/*
 * Read @nr pages, AERIE_SWAP_READ at most. Context: may sleep. Return: 0, -EIO; -ENOENT where one
 * of them is in no file.
 */
int aerie_origin_read(struct aerie_origin *origin, const u32 *at, struct page *const *pages,
		      unsigned int nr);

/* Forget all that is known of @mem; its disks are gone. May sleep. */
void aerie_origin_forget(struct aerie_mem *mem);

#endif
