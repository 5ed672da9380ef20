// SPDX-License-Identifier: GPL-2.0
/*
 * Content that is stored comes back: what somebody needs, and of what is in swap what lies
 * behind it, where the guest reads on and on.
 *
 * Who has marked a slot BUSY has what it names for itself, and may take its time. Others wait
 * for the slot to change. Who brings something back while processors may still have the
 * translation to where it was (mem->flush_due) has them flushed first, as others are about to
 * write to it where it is then. What is read ahead takes memory only where there is room.
 */
#include <linux/mm.h>
#include <linux/minmax.h>
#include <linux/wait_bit.h>
#include "mm/slot.h"

#define AHEAD	16u		/* pages of one read, at most */

/* Slots that are being loaded, one behind the other. */
struct run {
	unsigned int nr;
	u64 *slot[AHEAD];
	u64 val[AHEAD];
	struct page *page[AHEAD];
	struct aerie_stored *stored[AHEAD];
};

static void slot_release(u64 *slot, u64 val)
{
	smp_store_release(slot, val);
	smp_mb();	/* who waits has been counted before it looked at the slot */
	wake_up_var(slot);
}

/* Returns -ENOMEM, and -EAGAIN where the slot has changed. */
static int run_add(struct aerie_mem *mem, struct run *run, u64 *slot, u64 val, gfp_t gfp)
{
	struct page *page = frame_for(mem, gfp, false, false);

	if (!page)
		return -ENOMEM;
	if (cmpxchg(slot, val, val | SLOT_BUSY) != val) {
		aerie_frame_free(page, false, false);
		return -EAGAIN;
	}
	run->slot[run->nr] = slot;
	run->val[run->nr] = val;
	run->page[run->nr] = page;
	run->stored[run->nr++] = slot_stored(val);
	return 0;
}

/* The last of the run stays where it is. */
static void run_drop(struct run *run)
{
	run->nr--;
	aerie_frame_free(run->page[run->nr], false, false);
	slot_release(run->slot[run->nr], run->val[run->nr]);
}

/* How many pages to read for @gfn: more each time where it is the next one. */
static unsigned int ahead(struct aerie_mem *mem, gfn_t gfn)
{
	unsigned int nr = gfn == READ_ONCE(mem->ahead.next) ? 2 * READ_ONCE(mem->ahead.nr) : 1;

	nr = clamp(nr, 1u, AHEAD);
	WRITE_ONCE(mem->ahead.nr, nr);
	return nr;
}

static void run_extend(struct aerie_mem *mem, struct run *run, gfn_t gfn)
{
	unsigned int i, nr = ahead(mem, gfn);
	u64 *slot, val;

	for (i = 1; i < nr && slot_index(gfn + i, 1); i++) {
		slot = run->slot[0] + i;
		val = READ_ONCE(*slot);
		if (!(val & SLOT_STORED) || val & SLOT_BUSY ||
		    run_add(mem, run, slot, val, GFP_NOWAIT))
			break;
		if (!aerie_store_follows(run->stored[i], run->stored[i - 1])) {
			run_drop(run);
			break;
		}
	}
	WRITE_ONCE(mem->ahead.next, gfn + run->nr);
}

static int run_read(struct run *run)
{
	int err = -EIO;

	if (run->nr > 1)
		err = aerie_store_load_run(run->stored, run->page, run->nr);
	if (!err)
		return 0;
	while (run->nr > 1)
		run_drop(run);
	return aerie_store_load(run->stored[0], run->page[0]);
}

/*
 * Nobody reads any more where it was, neither by a translation nor by having remembered the
 * frame: from here on others may write to it where it is.
 */
static void flush_due(struct aerie_mem *mem)
{
	spin_lock(&mem->lock);
	WRITE_ONCE(mem->generation, mem->generation + 1);
	spin_unlock(&mem->lock);
	aerie_mem_flush(mem);
}

/* The slots have their frames again. */
static void run_publish(struct aerie_mem *mem, struct run *run)
{
	unsigned int i;

	for (i = 0; i < run->nr; i++) {
		slot_release(run->slot[i], leaf_make(run->page[i], 0));
		count_stored(mem, run->stored[i], -1);
		aerie_store_free(run->stored[i]);
		count_own(mem, 1);
	}
}

static int run_load(struct aerie_mem *mem, struct run *run)
{
	int err = run_read(run);

	if (err) {
		run_drop(run);
		return err;
	}
	if (READ_ONCE(mem->flush_due))
		flush_due(mem);
	run_publish(mem, run);
	atomic_long_add(run->nr, &mem->loaded);
	return 0;
}

int aerie_slot_load(struct aerie_mem *mem, gfn_t gfn, struct place at, gfp_t gfp)
{
	struct run run = {};
	int err;

	if (gfp != GFP_KERNEL)
		return -EAGAIN;
	if (at.val & SLOT_BUSY) {
		wait_var_event(at.slot, READ_ONCE(*at.slot) != at.val);
		return 0;
	}
	err = run_add(mem, &run, at.slot, at.val, gfp);
	if (err)
		return err == -EAGAIN ? 0 : err;
	if (aerie_store_swapped(run.stored[0]))
		run_extend(mem, &run, gfn);
	return run_load(mem, &run);
}

int aerie_map_load(struct aerie_mem *mem, gfn_t gfn, gfp_t gfp)
{
	struct place at;

	map_walk(mem, gfn, &at);
	return at.val & SLOT_STORED ? aerie_slot_load(mem, gfn, at, gfp) : 0;
}

int aerie_map_load_from(struct aerie_mem *mem, const struct aerie_leaf *leaf, unsigned int id)
{
	struct run run = {};
	int err;

	if (leaf->val & SLOT_BUSY) {
		wait_var_event(leaf->slot, READ_ONCE(*leaf->slot) != leaf->val);
		return -EAGAIN;
	}
	err = run_add(mem, &run, leaf->slot, leaf->val, GFP_KERNEL);
	if (err)
		return err;
	if (aerie_store_is_in(run.stored[0], id))
		return run_load(mem, &run);
	run_drop(&run);
	return 0;
}

struct aerie_stored *aerie_map_borrow(struct aerie_mem *mem, const struct aerie_leaf *leaf)
{
	u64 val = leaf->val;

	if (val & SLOT_BUSY || cmpxchg(leaf->slot, val, val | SLOT_BUSY) != val)
		return NULL;
	count_stored(mem, slot_stored(val), -1);
	return slot_stored(val);
}

void aerie_map_return(struct aerie_mem *mem, const struct aerie_leaf *leaf)
{
	count_stored(mem, slot_stored(leaf->val), 1);
	slot_release(leaf->slot, leaf->val);
}

void aerie_map_fresh(struct aerie_mem *mem, gfn_t gfn, gfp_t gfp)
{
	struct run run = {};
	struct place at;

	map_walk(mem, gfn, &at);
	if (!(at.val & SLOT_STORED) || at.val & SLOT_BUSY ||
	    run_add(mem, &run, at.slot, at.val, gfp))
		return;
	if (READ_ONCE(mem->flush_due)) {
		run_drop(&run);
		return;
	}
	clear_page(page_address(run.page[0]));
	run_publish(mem, &run);
}
