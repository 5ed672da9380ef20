// SPDX-License-Identifier: GPL-2.0
/*
 * What guest-physical memory is, page by page: a look at the map for people.
 *
 * Each leaf of the map has a state, and so has what lies between leaves; neighbours with the
 * same state are one run. Nobody is kept from changing what is looked at, but for clearing
 * it: share_lock is held, so not for long. A look ends when it has filled the room it was
 * given, has come far, or has seen many leaves; who wants to see more looks again.
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include "mm/map.h"
#include "mm/share.h"
#include "mm/store.h"
#include "uapi.h"

#define LOOK_PAGES	(1u << 24)	/* the most that a run can have */
#define LOOK_LEAVES	16384u

struct look {
	struct aerie_mem *mem;
	struct aerie_map_run *runs;
	unsigned int nr, room, leaves;
	gfn_t gfn;		/* what lies before it is in runs */
};

/* Where somebody else has it at the moment, it is on its way out of the store. */
static enum aerie_mem_state stored_state(struct aerie_mem *mem, const struct aerie_leaf *leaf)
{
	struct aerie_stored *stored = aerie_map_borrow(mem, leaf);
	static const enum aerie_mem_state states[] = {
		[AERIE_STORE_PACKED] = AERIE_MEM_STORED,
		[AERIE_STORE_SWAP] = AERIE_MEM_SWAPPED,
		[AERIE_STORE_DISK] = AERIE_MEM_ON_DISK,
	};
	enum aerie_store_where where;

	if (!stored)
		return AERIE_MEM_STORED;
	where = aerie_store_where(stored);
	aerie_map_return(mem, leaf);
	return states[where];
}

static enum aerie_mem_state leaf_state(struct aerie_mem *mem, const struct aerie_leaf *leaf)
{
	if (leaf->stored)
		return stored_state(mem, leaf);
	if (leaf->own)
		return leaf->large ? AERIE_MEM_LARGE : AERIE_MEM_OWN;
	return leaf->page == aerie_frame_zero(leaf->large) ? AERIE_MEM_ZERO : AERIE_MEM_SHARED;
}

/* Up to @end it is @state. False where there is no room to say so. */
static bool look_add(struct look *l, gfn_t end, enum aerie_mem_state state)
{
	if (end <= l->gfn)
		return true;
	if (!l->nr || l->runs[l->nr - 1].state != state) {
		if (l->nr == l->room)
			return false;
		l->runs[l->nr++] = (struct aerie_map_run){ .state = state };
	}
	l->runs[l->nr - 1].pages += end - l->gfn;
	l->gfn = end;
	return true;
}

/* Of RAM up to @end. False where the look ends before that. */
static bool look_leaves(struct look *l, gfn_t end)
{
	struct aerie_leaf leaf;
	gfn_t behind;

	while (aerie_map_next_in(l->mem, l->gfn, end, &leaf)) {
		behind = leaf.gfn + (leaf.large ? AERIE_LARGE_PAGES : 1);
		if (!look_add(l, leaf.gfn, AERIE_MEM_UNTOUCHED) ||
		    !look_add(l, min(behind, end), leaf_state(l->mem, &leaf)) ||
		    ++l->leaves == LOOK_LEAVES)
			return false;
		cond_resched();
	}
	return look_add(l, end, AERIE_MEM_UNTOUCHED);
}

static void look_up_to(struct look *l, gfn_t end)
{
	const struct aerie_ram *ram;

	for (ram = l->mem->ram; l->gfn < end; ram++)
		if (!look_add(l, min(ram->start >> PAGE_SHIFT, end), AERIE_MEM_HOLE) ||
		    !look_leaves(l, min(ram->end >> PAGE_SHIFT, end)))
			return;
}

int aerie_mem_picture(struct aerie_mem *mem, gpa_t start, struct aerie_map_run *runs,
		      unsigned int nr, gpa_t *next)
{
	const gfn_t end = mem->ram[mem->nr_ram - 1].end >> PAGE_SHIFT;
	struct look l = {
		.mem = mem, .runs = runs, .room = nr, .gfn = start >> PAGE_SHIFT,
	};

	if (l.gfn >= end)
		return -ERANGE;
	aerie_share_lock();
	if (mem->group)		/* else its map is gone, or about to go */
		look_up_to(&l, min(end, l.gfn + LOOK_PAGES));
	aerie_share_unlock();
	*next = l.gfn < end ? l.gfn << PAGE_SHIFT : 0;
	return l.nr ? (int)l.nr : -ENOENT;
}
