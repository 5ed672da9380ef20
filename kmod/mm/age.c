// SPDX-License-Identifier: GPL-2.0
/*
 * How long pages have not been accessed.
 *
 * Every so often a round over all frames looks at the nested tables' accessed bits, and
 * clears them. The age of a frame is the logarithm of the rounds since it was seen to be
 * accessed; how many pages there are of each age tells how much memory a guest works with,
 * and how much it would not miss.
 *
 * A processor without accessed bits tells by faults, of which each round would bring many:
 * there ages are counted only where a limit has been set.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/string.h>
#include "mm/map.h"
#include "mm/pool.h"
#include "mm/reclaim.h"
#include "mm/share.h"

#define BATCH_LEAVES	4096u
#define RESCHED_LEAVES	64u

static struct aerie_mem *at_mem;	/* where the round is; NULL: at its start */
static gfn_t at_gfn;
static unsigned long pages[AERIE_AGES];	/* of at_mem so far */
static unsigned int tick;

void aerie_age_leave(struct aerie_mem *mem)
{
	if (at_mem == mem)
		at_mem = NULL;
}

static void mem_begin(struct aerie_mem *mem)
{
	at_mem = mem;
	at_gfn = 0;
	memset(pages, 0, sizeof(pages));
}

static void mem_end(struct aerie_mem *mem)
{
	unsigned int i;

	for (i = 0; i < AERIE_AGES; i++)
		WRITE_ONCE(mem->idle[i], pages[i]);
	mem_begin(aerie_share_next(mem));
}

static bool worth_it(const struct aerie_mem *mem)
{
	return mem->npt.ops->has_ad || READ_ONCE(aerie_pool_limited);
}

bool aerie_age_batch(void)
{
	unsigned int looked = 0, age;
	bool flush = false, accessed, more;
	struct aerie_leaf leaf;

	if (!at_mem) {
		tick = tick + 1 ?: 1;
		mem_begin(aerie_share_next(NULL));
		if (!at_mem)
			return false;
	}
	more = worth_it(at_mem) && aerie_map_next(at_mem, at_gfn, &leaf);
	for (; more && looked < BATCH_LEAVES; looked++) {
		at_gfn = leaf.gfn + (leaf.large ? AERIE_LARGE_PAGES : 1);
		if (leaf.own) {
			age = aerie_map_age(at_mem, &leaf, tick, &accessed, &flush);
			pages[age] += leaf.large ? AERIE_LARGE_PAGES : 1;
		}
		more = aerie_map_after(at_mem, &leaf);
		if (looked % RESCHED_LEAVES == 0)
			cond_resched();
	}
	if (flush)
		aerie_mem_flush(at_mem);
	if (!more)
		mem_end(at_mem);
	return at_mem;
}
