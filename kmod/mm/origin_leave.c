// SPDX-License-Identifier: GPL-2.0
/*
 * What of a guest's memory its own disks have leaves memory without being stored.
 *
 * Of a batch (reclaim.c) what may be on one disk is read from there, as much as is read at a
 * time, and compared. What is the same leaves, if nobody has begun to write there since; from
 * then on the disk is to the store like an area of swap. What differs is forgotten; what is
 * being written, or cannot be read, is looked at again the next time.
 */
#include <linux/mm.h>
#include <linux/string.h>
#include "mm/origin.h"
#include "mm/reclaim.h"
#include "mm/store.h"
#include "mm/swap.h"

#define ALONE_FAILED	2	/* pages of one that have been read by themselves: it is given up */

enum seen {
	UNKNOWN,	/* it is being written, or cannot be read at this time */
	SAME,
	DIFFERS,
};

/**
 * struct look - victims beside what one disk has
 * @origin: the disk
 * @nr: of them
 * @victim: they do not change meanwhile
 * @at: pages of the disk
 * @seq: who writes there afterwards is known by it
 * @seen: what has come out
 */
struct look {
	struct aerie_origin *origin;
	unsigned int nr;
	struct aerie_victim *victim[AERIE_SWAP_READ];
	u32 at[AERIE_SWAP_READ];
	unsigned int seq[AERIE_SWAP_READ];
	enum seen seen[AERIE_SWAP_READ];
};

/* Both under share_lock. */
static struct look look;
static struct page *bounce[AERIE_SWAP_READ];	/* what is compared with */

static bool bounce_make(unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!bounce[i])
			bounce[i] = alloc_pages(GFP_KERNEL | __GFP_NOWARN, 0);
		if (!bounce[i])
			return false;
	}
	return true;
}

void aerie_victims_free(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bounce) && bounce[i]; i++) {
		__free_pages(bounce[i], 0);
		bounce[i] = NULL;
	}
}

static bool equal(const struct page *page, const struct page *other)
{
	return !memcmp(page_address(page), page_address(other), PAGE_SIZE);
}

/* Page @i of the disk is in bounce[i], or where reading has failed. */
static enum seen compare(unsigned int i, int err)
{
	unsigned int seq;

	if (err && err != -ENOENT)
		return UNKNOWN;
	if (!err && equal(look.victim[i]->leaf.page, bounce[i]))
		return SAME;
	/* It may have been read before what has been written since, or half of that. */
	smp_rmb();	/* pairs with aerie_origin_write_begin() */
	if (!aerie_origin_quiet(look.origin, look.at[i], &seq) || seq != look.seq[i])
		return UNKNOWN;
	return DIFFERS;
}

static void compare_all(void)
{
	bool quiet[AERIE_SWAP_READ];
	unsigned int i, failed = 0;
	int err, one;

	for (i = 0; i < look.nr; i++) {
		look.seen[i] = UNKNOWN;
		quiet[i] = aerie_origin_quiet(look.origin, look.at[i], &look.seq[i]);
	}
	if (!bounce_make(look.nr))
		return;
	err = aerie_origin_read(look.origin, look.at, bounce, look.nr);
	for (i = 0; i < look.nr; i++) {
		if (!quiet[i])
			continue;
		one = err ? aerie_origin_read(look.origin, &look.at[i], &bounce[i], 1) : 0;
		look.seen[i] = compare(i, one);
		/* A disk that fails may take very long to say so. */
		if (one && one != -ENOENT && ++failed == ALONE_FAILED)
			break;
	}
}

/* It is the same: it leaves memory. The origin is locked. */
static void victim_to_disk(struct aerie_mem *mem, unsigned int i)
{
	struct aerie_victim *v = look.victim[i];
	struct aerie_stored *stored;

	if (page_count(v->leaf.page) != 1 || !aerie_map_held(&v->leaf) ||
	    !aerie_origin_take(look.origin, look.at[i], look.seq[i], v->leaf.gfn))
		return;
	stored = aerie_store_origin(look.origin, look.at[i], v->leaf.page);
	if (!stored)
		aerie_origin_give(look.origin, look.at[i]);
	else if (aerie_map_store(mem, &v->leaf, stored))
		v->old = v->leaf.page;
	else
		aerie_store_free(stored);
}

/* What has been collected of one disk. */
static void look_end(struct aerie_mem *mem)
{
	unsigned int i;

	if (!look.nr)
		return;
	compare_all();
	aerie_origin_lock(look.origin);
	for (i = 0; i < look.nr; i++) {
		if (look.seen[i] == SAME)
			victim_to_disk(mem, i);
		else if (look.seen[i] == DIFFERS)
			aerie_origin_differs(look.origin, look.at[i], look.victim[i]->leaf.gfn);
	}
	aerie_origin_unlock(look.origin);
	aerie_origin_put(look.origin);
	look.nr = 0;
}

void aerie_victims_to_disk(struct aerie_mem *mem, struct aerie_victim *victims, unsigned int nr)
{
	struct aerie_origin *origin;
	struct aerie_victim *v;
	u32 at;

	for (v = victims; v < victims + nr; v++) {
		origin = aerie_origin_of(mem, v->leaf.gfn, &at);
		if (!origin)
			continue;
		if (look.nr && (look.nr == AERIE_SWAP_READ || look.origin != origin))
			look_end(mem);
		if (look.nr)
			aerie_origin_put(origin);
		look.origin = origin;
		look.at[look.nr] = at;
		look.victim[look.nr++] = v;
	}
	look_end(mem);
}
