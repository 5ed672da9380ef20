// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory whose content the guest has given up: its frames go back to the host.
 *
 * A slot is emptied first. Whoever has found the frame before that, to copy, to map or to
 * pin it, is done with it after a grace period of RCU; from then on nobody maps it, and
 * what the nested table has of it is taken out and flushed; who holds memory is waited
 * for; then it is freed, or stays for as long as somebody has it pinned. The guest that
 * touches such memory meanwhile finds what was there, or zeroes, and what it writes may be
 * lost: it has said that it does not care. Nobody else sees any of it.
 *
 * What the scanner has looked at stays while it does: share_lock keeps it out.
 */
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "mm/map.h"
#include "mm/share.h"

#define BATCH	256u

/* Leaves that have been taken out of the map of @mem. */
struct batch {
	struct aerie_mem *mem;
	unsigned int nr;
	struct aerie_leaf leaf[BATCH];
};

static void batch_unmap(struct batch *b)
{
	struct aerie_mem *mem = b->mem;
	bool mapped = false;
	unsigned int i;

	spin_lock(&mem->lock);
	for (i = 0; i < b->nr; i++)
		mapped |= aerie_npt_unmap(&mem->npt, b->leaf[i].gfn << PAGE_SHIFT,
					  b->leaf[i].large);
	spin_unlock(&mem->lock);
	if (mapped)
		aerie_mem_flush(mem);
}

static void batch_end(struct batch *b)
{
	unsigned int i;

	if (!b->nr)
		return;
	synchronize_rcu();
	batch_unmap(b);
	aerie_mem_wait_holders();
	for (i = 0; i < b->nr; i++) {
		const struct aerie_leaf *leaf = &b->leaf[i];

		if (leaf->own)
			aerie_frame_free(leaf->page, leaf->large, leaf->large);
		else
			aerie_shared_put(aerie_shared_of(leaf->page));
	}
	b->nr = 0;
}

static void leaf_take(struct batch *b, const struct aerie_leaf *leaf)
{
	b->leaf[b->nr] = *leaf;
	if (aerie_map_take(b->mem, &b->leaf[b->nr]))
		b->nr++;
	if (b->nr == BATCH)
		batch_end(b);
}

/* The gfns from @first up to, not including, @end. */
static void run_drop(struct batch *b, gfn_t first, gfn_t end)
{
	struct aerie_leaf leaf;
	gfn_t gfn = first, next;

	while (aerie_map_next_in(b->mem, gfn, end, &leaf)) {
		next = leaf.gfn + (leaf.large ? AERIE_LARGE_PAGES : 1);
		if (leaf.gfn >= first && next <= end)
			leaf_take(b, &leaf);
		else if (leaf.own && aerie_map_split(b->mem, &leaf) != -ENOMEM)
			next = max(leaf.gfn, gfn);	/* look at its pages */
		gfn = next;
		cond_resched();
	}
}

int aerie_mem_drop(struct aerie_mem *mem, const struct aerie_ram *runs, unsigned int nr)
{
	struct batch *b = kvmalloc(sizeof(*b), GFP_KERNEL);
	unsigned int i;

	if (!b)
		return -ENOMEM;
	b->mem = mem;
	b->nr = 0;
	aerie_share_lock();
	for (i = 0; i < nr; i++)
		if (runs[i].start < runs[i].end)
			run_drop(b, (runs[i].start + PAGE_SIZE - 1) >> PAGE_SHIFT,
				 runs[i].end >> PAGE_SHIFT);
	batch_end(b);
	aerie_share_unlock();
	kvfree(b);
	return 0;
}
