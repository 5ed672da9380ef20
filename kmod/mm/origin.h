/* SPDX-License-Identifier: GPL-2.0 */
/* What of a guest's memory its own disks have: for the store, and for who makes room. */
#ifndef AERIE_MM_ORIGIN_H
#define AERIE_MM_ORIGIN_H

#include "mm/mm.h"
#include "mm/swap.h"

struct page;

/*
 * Which page of which disk @gfn may have. Context: any. Return: the disk, to be given back with
 * aerie_origin_put(); NULL: none is known.
 */
struct aerie_origin *aerie_origin_of(struct aerie_mem *mem, gfn_t gfn, u32 *at);
void aerie_origin_put(struct aerie_origin *origin);

/* @gfn has something else than page @at: forget that, if it is still what is known. */
void aerie_origin_differs(struct aerie_origin *origin, u32 at, gfn_t gfn);

/* What comparing has shown. */
enum aerie_origin_seen {
	AERIE_ORIGIN_UNKNOWN,	/* nothing: it is being written, or cannot be read at this time */
	AERIE_ORIGIN_SAME,	/* they have the same content, if nobody has written since */
	AERIE_ORIGIN_DIFFERS,
};

/**
 * struct aerie_origin_look - pages of memory beside those of a disk
 * @origin: the disk
 * @nr: of them
 * @at: pages of the disk
 * @page: pages of memory, which do not change meanwhile
 * @seen: set: what has come out
 * @seq: who has written there is known by it
 */
struct aerie_origin_look {
	struct aerie_origin *origin;
	unsigned int nr;
	u32 at[AERIE_SWAP_READ];
	struct page *page[AERIE_SWAP_READ];
	enum aerie_origin_seen seen[AERIE_SWAP_READ];
	unsigned int seq[AERIE_SWAP_READ];
};

/* Compare them. Context: may sleep; share_lock is held. */
void aerie_origin_compare(struct aerie_origin_look *look);

/* What of those pages leaves memory does so in between. May sleep. */
void aerie_origin_lock(struct aerie_origin *origin);
void aerie_origin_unlock(struct aerie_origin *origin);

/*
 * What is the same as page @i of @look is about to leave memory, where it was @gfn's: from now on
 * the page of the disk is not written before that has come back. Context: may sleep; the
 * origin is locked.
 * Return: false where it has been written, or another has left for it, or there is no memory.
 */
bool aerie_origin_take(struct aerie_origin_look *look, unsigned int i, gfn_t gfn);

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

/* What is kept for comparing. Context: module unload. */
void aerie_origin_free(void);

#endif
