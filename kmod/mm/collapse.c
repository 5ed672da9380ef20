// SPDX-License-Identifier: GPL-2.0
/*
 * Frames of 4 KiB become one of 2 MiB again, where all 512 of them are the VM's own.
 *
 * A 2 MiB frame is split because pages of it had twins, or were not used; and none is made
 * where the host had no memory in one piece. Later, when all of it is the VM's own once more
 * and most of it is in use, its content moves into a new frame of 2 MiB: the guest's
 * processors find it with one entry of the nested table again.
 *
 * The frames are held, as for being shared or stored: a grace period passes, the nested table
 * is made read-only and flushed. What does not change any more is copied. Then each slot
 * becomes BUSY, if nobody has written to its frame meanwhile, so that who wants to has to
 * walk again; what the nested table has of them is taken out and flushed; and the new leaf
 * takes the place of the node. Node, table and frames are freed when nobody can have found
 * them any more: after a grace period of RCU, one of who sleeps with a slot in his hand
 * (aerie_map_enter()), and one of holders.
 */
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "mm/pool.h"
#include "mm/reclaim.h"
#include "mm/share.h"
#include "mm/slot.h"

#define BATCH_REGIONS	512u	/* of 2 MiB, looked at in a batch */
#define ROUND_FRAMES	16u	/* made in a round: copying them takes a few milliseconds */
#define HOT_AGE		1u	/* the greatest age of a page in use */
#define HOT_PAGES	(AERIE_LARGE_PAGES / 2)

/* What is to become one frame, under share_lock. */
struct region {
	gfn_t gfn;
	u64 *slot;			/* of level 2 */
	struct aerie_map_node *node;
	struct page *page;		/* the new frame */
	void *table;			/* taken out of the nested table; or NULL */
	struct aerie_leaf leaf[MAP_SLOTS];
};

static struct region *region;		/* allocated with the first round, kept */
static struct aerie_mem *at_mem;	/* the next round goes on where one ends; NULL: at the start */
static gfn_t at_gfn;
static unsigned int made;		/* frames, in this round */

void aerie_collapse_leave(struct aerie_mem *mem)
{
	if (at_mem == mem)
		at_mem = NULL;
}

void aerie_collapse_free(void)
{
	kvfree(region);
	region = NULL;
	at_mem = NULL;
}

/* Are there 512 frames in @r->node that can be one, of which enough are in use? */
static bool worth_it(struct region *r)
{
	unsigned int i, hot = 0;
	u64 val;

	for (i = 0; i < MAP_SLOTS; i++) {
		val = READ_ONCE(r->node->slot[i]);
		if (!leaf_own(val) || val & SLOT_HELD || page_count(leaf_page(val)) != 1)
			return false;
		hot += (val & SLOT_AGE) >> SLOT_AGE_SHIFT <= HOT_AGE;
		leaf_set(&r->leaf[i], r->gfn + i, &r->node->slot[i], val, 1);
	}
	return hot >= HOT_PAGES;
}

/* Hold the first frames, all if nobody is in the way. Returns how many. */
static unsigned int hold(struct region *r)
{
	unsigned int i;

	for (i = 0; i < MAP_SLOTS; i++)
		if (!aerie_map_hold(&r->leaf[i]))
			break;
	return i;
}

static void unhold(struct region *r, unsigned int nr)
{
	while (nr)
		aerie_map_unhold(&r->leaf[--nr], false);
}

/* From here on what is still held does not change. */
static void protect(struct aerie_mem *mem, struct region *r)
{
	bool flush = false, written;
	unsigned int i;

	synchronize_rcu_expedited();
	aerie_mem_wait_holders();
	for (i = 0; i < MAP_SLOTS; i++)
		flush |= aerie_map_protect(mem, &r->leaf[i], &written);
	if (flush)
		aerie_mem_flush(mem);
}

/* False where somebody has written to one, or has it pinned. */
static bool copy(struct region *r)
{
	unsigned int i;

	for (i = 0; i < MAP_SLOTS; i++) {
		const struct aerie_leaf *leaf = &r->leaf[i];

		if (page_count(leaf->page) != 1 || !aerie_map_held(leaf))
			return false;
		copy_page(page_address(r->page + i), page_address(leaf->page));
		if (i % 32 == 0)
			cond_resched();
	}
	return true;
}

/* Nobody writes from here on. False where somebody has: then all is as before. */
static bool freeze(struct region *r)
{
	unsigned int i;
	u64 val;

	for (i = 0; i < MAP_SLOTS; i++) {
		val = r->leaf[i].val;
		if (cmpxchg(r->leaf[i].slot, val, val | SLOT_MANY | SLOT_BUSY) != val)
			break;
	}
	if (i == MAP_SLOTS)
		return true;
	while (i--)
		WRITE_ONCE(*r->leaf[i].slot, r->leaf[i].val);
	return false;
}

/* The new frame takes the place of the node. */
static bool replace(struct aerie_mem *mem, struct region *r)
{
	bool done, mapped = false;

	r->table = NULL;
	preempt_disable();
	spin_lock(&mem->lock);
	done = freeze(r);
	if (done) {
		WRITE_ONCE(mem->generation, mem->generation + 1);
		mapped = aerie_npt_unmap(&mem->npt, r->gfn << PAGE_SHIFT, true);
		r->table = aerie_npt_cut(&mem->npt, r->gfn << PAGE_SHIFT);
	}
	spin_unlock(&mem->lock);
	if ((mapped || r->table) && mem->flush)
		mem->flush(mem);
	if (done)
		smp_store_release(r->slot, leaf_make(r->page, 0));
	preempt_enable();
	return done;
}

/* What it was before is of no use to anybody. */
static void release(struct aerie_mem *mem, struct region *r)
{
	unsigned int i;

	synchronize_rcu_expedited();
	aerie_map_wait();
	aerie_mem_wait_holders();
	for (i = 0; i < MAP_SLOTS; i++)
		aerie_frame_put(r->leaf[i].page);
	free_page((unsigned long)r->node);
	atomic_long_dec(&mem->nodes);
	free_page((unsigned long)r->table);
}

static bool collapse(struct aerie_mem *mem, struct region *r)
{
	unsigned int held;
	bool done = false;

	r->page = frame_for(mem, GFP_KERNEL, true, false);
	if (!r->page)
		return false;
	held = hold(r);
	if (held == MAP_SLOTS) {
		protect(mem, r);
		done = copy(r) && replace(mem, r);
	}
	if (!done) {
		unhold(r, held);
		aerie_frame_free(r->page, true, false);
		return false;
	}
	atomic_long_add(AERIE_LARGE_PAGES, &mem->large);
	release(mem, r);
	return true;
}

/* Would a large frame be for nothing, as something has to leave memory? */
static bool tight(const struct aerie_mem *mem)
{
	return aerie_pool_excess() || aerie_pool_excess_of(mem);
}

/* Returns true where a frame has been made. */
static bool region_look(struct aerie_mem *mem, struct region *r, gfn_t gfn)
{
	struct place at;

	map_walk(mem, gfn, &at);
	if (at.level != 1 || !aerie_map_large_fits(mem, gfn))
		return false;
	r->gfn = gfn;
	r->node = (struct aerie_map_node *)at.slot;	/* its first slot is it */
	r->slot = map_slot_above(mem, gfn);
	return worth_it(r) && collapse(mem, r);
}

bool aerie_collapse_batch(void)
{
	unsigned int looked;

	if (!region)
		region = kvcalloc(1, sizeof(*region), GFP_KERNEL | __GFP_NOWARN);
	if (!region)
		return false;
	if (!at_mem) {
		at_mem = aerie_share_next(NULL);
		at_gfn = 0;
	}
	for (looked = 0; at_mem && looked < BATCH_REGIONS; looked++) {
		if (tight(at_mem) || at_gfn >= at_mem->ram[at_mem->nr_ram - 1].end >> PAGE_SHIFT) {
			at_mem = aerie_share_next(at_mem);
			at_gfn = 0;
			continue;
		}
		made += region_look(at_mem, region, at_gfn);
		at_gfn += AERIE_LARGE_PAGES;
		if (made == ROUND_FRAMES)
			break;
		cond_resched();
	}
	if (at_mem && made < ROUND_FRAMES)
		return true;
	made = 0;
	return false;
}
