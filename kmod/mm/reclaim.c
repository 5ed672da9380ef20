// SPDX-License-Identifier: GPL-2.0
/*
 * Replacement: frames that guests have not accessed for long leave memory for the store.
 *
 * A round walks over the maps of all VMs that have to give, or more than they have reserved.
 * It takes frames of a certain age or more, the oldest that are as many as needed; a frame
 * that has been accessed since it was looked at last is passed over, whatever its age. VMs
 * that have less than the part of the pool that is theirs by weight are taken from later
 * than others. Where a round is not enough the next one is content with less age, and when
 * even that does not help, nothing can leave memory any more.
 *
 * A batch is of one VM: frames are held, a grace period passes, the nested table is made
 * read-only and flushed. What is held then still does not change: it is stored, the slot
 * says so, it is unmapped and flushed; after a last grace period the frame is freed. Zeroes
 * become the frame of zeroes. What has more references than the map's is pinned and stays;
 * so does what does not get smaller, until it has been accessed again.
 *
 * What a disk of the guest has leaves memory first, without being stored (origin_leave.c).
 *
 * Where there is swap, that is where this goes. When the store has a quarter of the pool, or
 * a round was not enough, all goes there, and so does what has been compressed longest; and
 * batches go there that are not worth compressing (worth.c).
 *
 * A 2 MiB frame that is old enough is split, and its pages are looked at. Frames that many
 * hold stay: one of them is worth many.
 */
#include <linux/err.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "mm/map.h"
#include "mm/pool.h"
#include "mm/reclaim.h"
#include "mm/share.h"
#include "mm/store.h"
#include "mm/swap.h"
#include "mm/worth.h"

#define BATCH		1024u	/* frames of a batch */
#define BATCH_LEAVES	8192u	/* looked at for it */
#define MOVE_LEAVES	2048u	/* looked at for what goes from the store to swap */
#define RESCHED_LEAVES	64u

/* Neighbours that go from the store to swap at a time. */
struct run {
	unsigned int nr;
	struct aerie_leaf leaf[AERIE_SWAP_RUN];
	struct aerie_stored *stored[AERIE_SWAP_RUN];
};

/* All under share_lock. */
static struct aerie_victim *victims;
static unsigned int nr_victims;
static struct run run;
static struct aerie_mem *at_mem;	/* where the round is; NULL: at its start */
static gfn_t at_gfn;
static unsigned long taken;		/* in this round */
static unsigned int eager;		/* rounds in a row that have not been enough */
static unsigned int want_all;		/* the age that is old enough, for the pool */

void aerie_reclaim_leave(struct aerie_mem *mem)
{
	if (at_mem == mem)
		at_mem = NULL;
}

void aerie_reclaim_free(void)
{
	kvfree(victims);
	victims = NULL;
	at_mem = NULL;
	aerie_victims_free();
}

/* ---- How much, of whom, how old ---------------------------------------------------- */

/* Pages that @mem can be made to give for others. */
static unsigned long spare(const struct aerie_mem *mem)
{
	unsigned long own = atomic_long_read(&mem->resident), keep = READ_ONCE(mem->reserve);

	return own > keep ? own - keep : 0;
}

static unsigned long quota(const struct aerie_mem *mem)
{
	return max(aerie_pool_excess_of(mem), min(aerie_pool_excess(), spare(mem)));
}

/* The greatest age of which, and of greater ones, there are @need of @pages. */
static unsigned int age_of(const unsigned long *pages, unsigned long need)
{
	unsigned int age = AERIE_AGES;
	unsigned long sum = 0;

	while (age && sum < need)
		sum += pages[--age];
	return age;
}

/* Has @mem more than its part of the pool? */
static bool has_much(const struct aerie_mem *mem)
{
	u64 weights = 0, all = 0;
	struct aerie_mem *other;

	for (other = aerie_share_next(NULL); other; other = aerie_share_next(other)) {
		weights += READ_ONCE(other->weight);
		all += atomic_long_read(&other->resident);
	}
	return atomic_long_read(&mem->resident) * weights > all * READ_ONCE(mem->weight);
}

static unsigned int want(const struct aerie_mem *mem)
{
	unsigned long over = aerie_pool_excess_of(mem);
	unsigned int age = over ? age_of(mem->idle, over) : want_all + !has_much(mem);

	return age > eager ? age - eager : 0;
}

static void round_begin(void)
{
	unsigned long sum[AERIE_AGES] = {};
	struct aerie_mem *mem;
	unsigned int i;

	at_mem = aerie_share_next(NULL);
	at_gfn = 0;
	taken = 0;
	for (mem = at_mem; mem; mem = aerie_share_next(mem))
		for (i = 0; spare(mem) && i < AERIE_AGES; i++)
			sum[i] += mem->idle[i];
	want_all = age_of(sum, aerie_pool_excess());
}

/* ---- A batch ------------------------------------------------------------------------ */

static void victim_add(struct aerie_leaf *leaf)
{
	if (leaf->unasked)
		aerie_map_around_was(at_mem, false);
	if (page_count(leaf->page) == 1 && aerie_map_hold(leaf))
		victims[nr_victims++] = (struct aerie_victim){ .leaf = *leaf };
}

/* Is what is compressed to go to swap, and what is not yet to go there at once? */
static bool store_gives(void)
{
	return aerie_pool_excess() && aerie_swap_has_room() &&
	       (eager > 2 || aerie_pool_stored() > aerie_pool_used() / 4);
}

/* Hold what is old enough, @nr at the most. False at the end of at_mem. */
static bool collect(unsigned int nr)
{
	const unsigned int old = want(at_mem);
	const bool swap = aerie_swap_has_room();
	bool flush = false, accessed, more;
	unsigned int looked, age;
	struct aerie_leaf leaf;

	more = aerie_map_next(at_mem, at_gfn, &leaf);
	for (looked = 0; more && looked < BATCH_LEAVES && nr_victims < nr; looked++) {
		at_gfn = leaf.gfn + (leaf.large ? AERIE_LARGE_PAGES : 1);
		if (leaf.own) {
			age = aerie_map_age(at_mem, &leaf, 0, &accessed, &flush);
			if (!accessed && age >= old && leaf.large) {
				if (!aerie_map_split(at_mem, &leaf))
					at_gfn = leaf.gfn;
				more = aerie_map_next(at_mem, at_gfn, &leaf);
				continue;
			}
			if (!accessed && age >= old && (swap || !leaf.raw))
				victim_add(&leaf);
		}
		more = aerie_map_after(at_mem, &leaf);
		if (looked % RESCHED_LEAVES == 0)
			cond_resched();
	}
	if (flush)
		aerie_mem_flush(at_mem);
	return more;
}

/* From here on the content of what is still held does not change. */
static void protect(struct aerie_mem *mem)
{
	struct aerie_victim *v;
	bool flush = false;

	synchronize_rcu_expedited();
	aerie_mem_wait_holders();
	for (v = victims; v < victims + nr_victims; v++)
		flush |= aerie_map_protect(mem, &v->leaf, &v->written);
	if (flush)
		aerie_mem_flush(mem);
}

/* What is next of @mem that is compressed and can go to swap. False at its end. */
static bool run_collect(struct aerie_mem *mem, unsigned int *looked)
{
	struct aerie_leaf leaf;
	bool more = aerie_map_next(mem, mem->move_at, &leaf);

	run.nr = 0;
	for (; more && *looked < MOVE_LEAVES && run.nr < AERIE_SWAP_RUN; ++*looked) {
		mem->move_at = leaf.gfn + (leaf.large ? AERIE_LARGE_PAGES : 1);
		run.stored[run.nr] = leaf.stored ? aerie_map_borrow(mem, &leaf) : NULL;
		if (run.stored[run.nr] && aerie_store_moves(run.stored[run.nr]))
			run.leaf[run.nr++] = leaf;
		else if (run.stored[run.nr])
			aerie_map_return(mem, &leaf);
		more = aerie_map_after(mem, &leaf);
		if (*looked % RESCHED_LEAVES == 0)
			cond_resched();
	}
	if (!more)
		mem->move_at = 0;
	return more;
}

/* What is compressed goes to swap: from where that ended the last time, as it is older. */
static void move(struct aerie_mem *mem)
{
	unsigned int looked = 0, moved, i;
	bool more = true;

	while (more && looked < MOVE_LEAVES && store_gives()) {
		more = run_collect(mem, &looked);
		moved = aerie_store_move(run.stored, run.nr);
		for (i = 0; i < run.nr; i++)
			aerie_map_return(mem, &run.leaf[i]);
		taken += moved;
		aerie_pool_left(mem, moved / 4);
	}
}

/* Is the batch to be compressed? What would not stay in the store for long does not go there. */
static bool store_takes(void)
{
	return !aerie_swap_has_room() || (!store_gives() && aerie_worth_packing());
}

/* Returns true where the map does not hold the frame any more. */
static bool victim_store(struct aerie_mem *mem, struct aerie_victim *v, bool compress)
{
	struct page *page = v->leaf.page;
	struct aerie_stored *stored;

	v->swap = v->leaf.raw;
	if (v->swap)
		return false;
	if (page_count(page) != 1 || !aerie_map_held(&v->leaf))
		return false;
	if (!memchr_inv(page_address(page), 0, PAGE_SIZE))
		return aerie_map_share(mem, &v->leaf, aerie_frame_zero(false));
	stored = aerie_store_page(page, compress);
	if (IS_ERR(stored)) {
		if (compress && PTR_ERR(stored) == -E2BIG)
			aerie_map_raw(&v->leaf);
		v->swap = !compress || v->leaf.raw;
		return false;
	}
	if (aerie_map_store(mem, &v->leaf, stored))
		return true;
	aerie_store_free(stored);
	return false;
}

static void run_swap(struct aerie_mem *mem, struct aerie_victim **run, unsigned int nr, bool alone)
{
	struct aerie_stored *stored[AERIE_SWAP_RUN];
	struct page *pages[AERIE_SWAP_RUN];
	unsigned int i;

	for (i = 0; i < nr; i++)
		pages[i] = run[i]->leaf.page;
	nr = aerie_store_swap(pages, stored, nr, alone);
	for (i = 0; i < nr; i++) {
		if (aerie_map_store(mem, &run[i]->leaf, stored[i]))
			run[i]->old = pages[i];
		else
			aerie_store_free(stored[i]);
	}
}

/* What has not been stored, as long as swap has room. @alone: what lies between them has. */
static void victims_swap(struct aerie_mem *mem, bool alone)
{
	struct aerie_victim *run[AERIE_SWAP_RUN], *v;
	unsigned int nr = 0;

	for (v = victims; v < victims + nr_victims && aerie_swap_has_room(); v++) {
		if (v->old || !v->swap || page_count(v->leaf.page) != 1 || !aerie_map_held(&v->leaf))
			continue;
		run[nr++] = v;
		if (nr == AERIE_SWAP_RUN) {
			run_swap(mem, run, nr, alone);
			nr = 0;
		}
	}
	if (nr)
		run_swap(mem, run, nr, alone);
}

static void release(struct aerie_mem *mem)
{
	struct aerie_victim *v;
	bool flush = false;

	for (v = victims; v < victims + nr_victims; v++) {
		if (v->old)
			flush = true;
		else
			aerie_map_unhold(&v->leaf, v->written);
	}
	if (!flush)
		return;
	aerie_map_stored_flush(mem);
	synchronize_rcu_expedited();
	aerie_mem_wait_holders();
	for (v = victims; v < victims + nr_victims; v++) {
		if (v->old) {
			aerie_frame_put(v->old);
			taken++;
			aerie_pool_left(mem, 1);
		}
	}
}

static void batch(struct aerie_mem *mem, unsigned long nr)
{
	struct aerie_victim *v;
	bool more, compress;

	nr_victims = 0;
	more = nr && collect(min_t(unsigned long, nr, BATCH));
	if (store_gives())
		move(mem);
	if (nr_victims) {
		protect(mem);
		aerie_victims_to_disk(mem, victims, nr_victims);
		compress = store_takes();
		for (v = victims; v < victims + nr_victims; v++) {
			if (!v->old && victim_store(mem, v, compress))
				v->old = v->leaf.page;
			cond_resched();
		}
		victims_swap(mem, compress);
		release(mem);
	}
	if (!more) {
		at_mem = aerie_share_next(mem);
		at_gfn = 0;
	}
}

static bool anybody_over(void)
{
	struct aerie_mem *mem;

	for (mem = aerie_share_next(NULL); mem; mem = aerie_share_next(mem))
		if (quota(mem))
			return true;
	return store_gives();
}

enum aerie_reclaim aerie_reclaim_batch(void)
{
	struct aerie_mem *mem;
	unsigned long nr;

	if (!anybody_over()) {
		eager = 0;
		return aerie_pool_excess() ? AERIE_RECLAIM_STUCK : AERIE_RECLAIM_NONE;
	}
	if (!victims)
		victims = kvcalloc(BATCH, sizeof(*victims), GFP_KERNEL | __GFP_NOWARN);
	if (!victims)
		return AERIE_RECLAIM_STUCK;
	if (!at_mem)
		round_begin();
	nr = quota(at_mem);
	if (nr || store_gives()) {
		batch(at_mem, nr);
	} else {
		at_mem = aerie_share_next(at_mem);
		at_gfn = 0;
	}
	if (at_mem)
		return AERIE_RECLAIM_MORE;
	eager++;
	if (taken || eager <= AERIE_AGES + 1)
		return AERIE_RECLAIM_MORE;
	eager = 0;
	for (mem = aerie_share_next(NULL); mem; mem = aerie_share_next(mem))
		atomic_long_set(&mem->asked, 0);
	return AERIE_RECLAIM_STUCK;
}
