// SPDX-License-Identifier: GPL-2.0
/*
 * Content that is stored comes back: what somebody needs, and of what is in a file what lies
 * around it, as far as that turns out to be of use.
 *
 * Who has marked a slot BUSY has what it names for itself, and may take its time. Others wait
 * for the slot to change. Who brings something back while processors may still have the
 * translation to where it was (mem->flush_due) has them flushed first, as others are about to
 * write to it where it is then. What nobody has asked for takes memory only where there is room.
 */
#include <linux/mm.h>
#include <linux/minmax.h>
#include <linux/wait_bit.h>
#include "mm/pool.h"
#include "mm/slot.h"
#include "mm/swap.h"

#define AROUND	AERIE_SWAP_READ	/* pages that are read at a time, at most; they are aligned */
#define NEAR	32u		/* pages from one that has been read to one beside it */
#define JUDGED	64u		/* pages by which it is seen whether reading around is of use */

/* Slots that are being loaded, the one that is wanted first. */
struct run {
	unsigned int nr;
	u64 *slot[AROUND];
	u64 val[AROUND];
	struct page *page[AROUND];
	struct aerie_stored *stored[AROUND];
};

static void slot_release(u64 *slot, u64 val)
{
	smp_store_release(slot, val);
	smp_mb();	/* who waits has been counted before it looked at the slot */
	wake_up_var(slot);
}

/* The first of the run, or what is beside it in a file. -ENOMEM; -EAGAIN where it is not there. */
static int run_add(struct aerie_mem *mem, struct run *run, u64 *slot, u64 val, gfp_t gfp)
{
	struct aerie_stored *stored = slot_stored(val);
	int err = -EAGAIN;

	/* From here on nobody else frees it. */
	if (cmpxchg(slot, val, val | SLOT_BUSY) != val)
		return -EAGAIN;
	if (!run->nr || aerie_store_near(stored, run->stored[0])) {
		run->page[run->nr] = frame_for(mem, gfp, false, false);
		err = run->page[run->nr] ? 0 : -ENOMEM;
	}
	if (err) {
		slot_release(slot, val);
		return err;
	}
	run->slot[run->nr] = slot;
	run->val[run->nr] = val;
	run->stored[run->nr++] = stored;
	return 0;
}

/* The last of the run stays where it is. */
static void run_drop(struct run *run)
{
	run->nr--;
	aerie_frame_free(run->page[run->nr], false, false);
	slot_release(run->slot[run->nr], run->val[run->nr]);
}

void aerie_map_around_was(struct aerie_mem *mem, bool used)
{
	unsigned int *of = used ? &mem->around.used : &mem->around.wasted;

	WRITE_ONCE(*of, READ_ONCE(*of) + 1);
}

/* Is @gfn close to one that has been read lately? From now on it is one itself. */
static bool is_near(struct aerie_mem *mem, gfn_t gfn)
{
	unsigned int i, next = READ_ONCE(mem->around.next) % ARRAY_SIZE(mem->around.read);
	bool near = false;

	for (i = 0; i < ARRAY_SIZE(mem->around.read); i++)
		near |= gfn + NEAR - READ_ONCE(mem->around.read[i]) <= 2 * NEAR;
	WRITE_ONCE(mem->around.read[next], gfn);
	WRITE_ONCE(mem->around.next, next + 1);
	return near;
}

/*
 * How many pages to read for @gfn: more where others have been read beside it, less where
 * most of what nobody had asked for has left memory again without having been of use.
 */
static unsigned int around(struct aerie_mem *mem, gfn_t gfn)
{
	unsigned int nr = READ_ONCE(mem->around.nr) ?: AROUND / 2;
	unsigned int used = READ_ONCE(mem->around.used), wasted = READ_ONCE(mem->around.wasted);

	if (is_near(mem, gfn))
		nr = min(2 * nr, AROUND);
	if (used + wasted >= JUDGED) {
		if (wasted > used)
			nr = max(nr / 4, 1u);
		WRITE_ONCE(mem->around.used, 0);
		WRITE_ONCE(mem->around.wasted, 0);
	}
	WRITE_ONCE(mem->around.nr, nr);
	return nr;
}

/* Add what is around @gfn, and not far away in the file that it is in. */
static void run_extend(struct aerie_mem *mem, struct run *run, gfn_t gfn)
{
	unsigned int nr = around(mem, gfn), i;
	u64 *slot = run->slot[0] - gfn % nr, val;

	for (i = 0; i < nr; i++, slot++) {
		val = READ_ONCE(*slot);
		if (!(val & SLOT_STORED) || val & SLOT_BUSY)
			continue;
		if (run_add(mem, run, slot, val, GFP_NOWAIT) == -ENOMEM)
			break;
	}
}

static int run_read(struct run *run)
{
	if (run->nr > 1 && !aerie_store_load_many(run->stored, run->page, run->nr))
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
		slot_release(run->slot[i], leaf_make(run->page[i], i ? SLOT_UNASKED : 0));
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

/* Who is given what nobody has asked for takes no fault for it; if it is accessed is seen. */
static void run_show(struct aerie_mem *mem, const struct run *run, gfn_t gfn)
{
	unsigned int i;

	rcu_read_lock();
	for (i = 1; i < run->nr; i++)
		aerie_map_show(mem, gfn + (run->slot[i] - run->slot[0]));
	rcu_read_unlock();
}

int aerie_slot_load(struct aerie_mem *mem, gfn_t gfn, struct place at, gfp_t gfp)
{
	struct run run = { .nr = 0 };
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
	if (aerie_store_where(run.stored[0]) != AERIE_STORE_PACKED)
		run_extend(mem, &run, gfn);
	err = run_load(mem, &run);
	if (!err && mem->npt.ops->has_ad)
		run_show(mem, &run, gfn);
	return err;
}

int aerie_map_load(struct aerie_mem *mem, gfn_t gfn, gfp_t gfp)
{
	struct place at;

	map_walk(mem, gfn, &at);
	return at.val & SLOT_STORED ? aerie_slot_load(mem, gfn, at, gfp) : 0;
}

int aerie_map_load_from(struct aerie_mem *mem, const struct aerie_leaf *leaf, unsigned int id)
{
	struct run run = { .nr = 0 };
	int err;

	if (leaf->val & SLOT_BUSY) {
		wait_var_event(leaf->slot, READ_ONCE(*leaf->slot) != leaf->val);
		return -EAGAIN;
	}
	err = run_add(mem, &run, leaf->slot, leaf->val, GFP_KERNEL);
	if (err)
		return err;
	if (!aerie_store_is_in(run.stored[0], id)) {
		run_drop(&run);
		return 0;
	}
	err = run_load(mem, &run);
	if (!err)
		aerie_pool_lend(mem, 1, true);
	return err;
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
	struct run run = { .nr = 0 };
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
