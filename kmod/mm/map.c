// SPDX-License-Identifier: GPL-2.0
/*
 * The gfn map: which frame of content each guest page holds.
 *
 * A radix tree of four levels of 512 slots, one page a node. A slot is empty, which is
 * content of zeroes that nobody has looked at; or points at a lower node; or is a leaf:
 * in a level-1 node a 4 KiB frame, in a level-2 node a 2 MiB frame.
 *
 *            own                 A leaf is its own, or one of many that hold the same
 *   empty ---------> own         frame (MANY). An own frame is mapped writable, written
 *     | show           ^         by whoever finds it, and stays. Of one that many hold
 *     v           own  |         the map only reads; who wants to write breaks it: a new
 *   zero (MANY) ---> BUSY        frame gets the content and takes its place.
 *
 * From empty a slot goes by compare-and-exchange, without a lock: whoever loses the race
 * frees what it brought and uses the winner's. Read-only frames are mapped into the
 * nested table with mem->lock held and the slot looked at once more, so that who breaks
 * one can undo that: with the lock held it marks the slot BUSY, after which nobody maps
 * it, and unmaps it; then no vCPU may be left that has the translation in its TLB, or
 * one would read the old frame when another has read what a third has written to the
 * new one; only then the new frame takes the slot, and the BUSY mark is gone. All that is
 * done with preemption off, so who finds a slot BUSY and may wait, spins.
 *
 * Finding takes no lock and may see a frame just before it is replaced. Its content does
 * not change any more then, so the access comes as if a moment earlier; and the frame
 * stays allocated for as long as a read-side section of RCU (preemption off is one) lasts.
 *
 * An own frame can become a shared one (share.c): the scanner holds it, which is a mark
 * that whoever finds the frame to write to it takes away first. When all have gone who
 * did not see the mark, and the nested table has been made read-only and flushed, the
 * content cannot change but by taking the mark away; if it is still there the slot is
 * given the other frame with the same content. The nested table's entry is replaced
 * along with it, never removed, so that who breaks the frame next sees what to flush.
 *
 * A leaf that is not of zeroes can be emptied (drop.c), which is seen like any change.
 *
 * An own frame that nobody accesses can leave memory (reclaim.c): it is held like one that
 * is to be shared, then its slot says where the content is STORED, and it is unmapped. Who
 * finds such a slot, to read or to write, brings the content back: it marks the slot BUSY,
 * and what is stored is its alone; it may sleep then, and so do others who want to have it
 * (load.c).
 *
 * A 2 MiB frame is tried where the whole aligned 2 MiB is RAM and nothing below is
 * filled yet; clearing it is long work, so the atomic path leaves it to the sleeping one.
 *
 * 512 own frames can become one of 2 MiB again (collapse.c), with nobody writing meanwhile: its
 * leaf takes the place of the node, which is freed when all have left who have entered.
 *
 * Locks: mem->lock (spinlock) is the innermost, nothing is taken inside it but the page
 * allocator's own; interrupts may be on or off, no handler takes it.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/srcu.h>
#include "mm/slot.h"

static bool large_pages = true;
module_param(large_pages, bool, 0644);
MODULE_PARM_DESC(large_pages, "hold guest memory in 2 MiB frames where it fits");

DEFINE_STATIC_SRCU(walkers);

int aerie_map_enter(void) __acquires(&walkers)
{
	return srcu_read_lock(&walkers);
}

void aerie_map_leave(int entered) __releases(&walkers)
{
	srcu_read_unlock(&walkers, entered);
}

void aerie_map_wait(void)
{
	synchronize_srcu_expedited(&walkers);
}

bool aerie_map_find(const struct aerie_mem *mem, gfn_t gfn, struct aerie_frame_ref *ref)
{
	struct place at;

	map_walk(mem, gfn, &at);
	if (!(at.val & SLOT_LEAF)) {
		ref->stored = at.val & SLOT_STORED;
		return false;
	}
	leaf_ref(&at, gfn, ref);
	return true;
}

/* The frame is to be written. False where the slot has changed. */
static noinline bool marks_clear(const struct place *at)
{
	return cmpxchg(at->slot, at->val, at->val & ~SLOT_MARKS) == at->val;
}

bool aerie_map_find_own(struct aerie_mem *mem, gfn_t gfn, struct aerie_frame_ref *ref)
{
	struct place at;

	do {
		map_walk(mem, gfn, &at);
		if (!leaf_own(at.val))
			return false;
	} while (unlikely(at.val & SLOT_MARKS && !marks_clear(&at)));
	leaf_ref(&at, gfn, ref);
	return true;
}

bool aerie_map_large_fits(const struct aerie_mem *mem, gfn_t gfn)
{
	gpa_t start = (gfn & ~(gfn_t)(AERIE_LARGE_PAGES - 1)) << PAGE_SHIFT;

	return READ_ONCE(large_pages) && aerie_mem_is_ram(mem, start, AERIE_LARGE_BYTES);
}

/* Put a new frame into an empty slot, or free it where somebody was faster. */
static __always_inline void slot_fill_leaf(struct aerie_mem *mem, struct place *at, struct page *page)
{
	u64 new = leaf_make(page, 0);

	at->val = cmpxchg(at->slot, 0, new);
	if (at->val) {
		aerie_frame_free(page, at->level == 2, false);
		return;
	}
	count_own(mem, at->level);
	at->val = new;
}

/* Put a new node into an empty slot. Returns -ENOMEM without memory for one. */
static noinline int slot_fill_node(struct aerie_mem *mem, u64 *slot, gfp_t gfp)
{
	struct aerie_map_node *node = map_node_alloc(mem, gfp);

	if (!node)
		return -ENOMEM;
	if (cmpxchg(slot, 0, (u64)(uintptr_t)node | SLOT_NODE))
		free_page((unsigned long)node);
	else
		atomic_long_inc(&mem->nodes);
	return 0;
}

/* One step from an empty slot on: a frame where it goes, else a node. */
static __always_inline int slot_fill(struct aerie_mem *mem, gfn_t gfn, struct place *at, gfp_t gfp)
{
	struct page *page = NULL;

	if (at->level == 1) {
		page = frame_for(mem, gfp, false, true);
		if (!page)
			return -ENOMEM;
	} else if (at->level == 2 && aerie_map_large_fits(mem, gfn)) {
		if (gfp != GFP_KERNEL)
			return -EAGAIN;
		page = frame_for(mem, gfp, true, true);
	}
	if (!page)
		return slot_fill_node(mem, at->slot, gfp);
	slot_fill_leaf(mem, at, page);
	return 0;
}

/* What takes the place of a frame that many hold, as a slot; 0 without memory. */
static u64 replacement(struct aerie_mem *mem, unsigned int level, bool zero, gfp_t gfp)
{
	struct page *page = frame_for(mem, gfp, level == 2, zero);
	struct aerie_map_node *node;

	if (page)
		return leaf_make(page, 0);
	if (level != 2)
		return 0;
	node = map_node_alloc(mem, gfp);
	return node ? (u64)(uintptr_t)node | SLOT_NODE : 0;
}

static void replacement_free(u64 new, unsigned int level)
{
	if (new & SLOT_NODE)
		free_page((unsigned long)slot_node(new));
	else
		aerie_frame_free(leaf_page(new), level == 2, false);
}

/*
 * Replace a frame that many hold: see above. Returns 0 where it has been done, or where
 * the slot has changed meanwhile and is to be looked at again.
 */
static noinline int slot_break(struct aerie_mem *mem, gfn_t gfn, struct place at, gfp_t gfp)
{
	const bool large = at.level == 2, zero = leaf_zero(at.val, at.level);
	bool taken, mapped = false;
	u64 new;

	/* Who may not sleep is a vCPU, and waits for no other; it may be the only one. */
	if (gfp != GFP_KERNEL && (large || !mem->lone || at.val & SLOT_BUSY))
		return -EAGAIN;
	if (at.val & SLOT_BUSY) {
		cpu_relax();
		return 0;
	}
	new = replacement(mem, at.level, zero, gfp);
	if (!new)
		return -ENOMEM;
	preempt_disable();
	spin_lock(&mem->lock);
	taken = READ_ONCE(*at.slot) == at.val;
	if (taken) {
		WRITE_ONCE(*at.slot, at.val | SLOT_BUSY);
		/* Who remembers where the frame was has forgotten it when it is written. */
		if (!zero)
			WRITE_ONCE(mem->generation, mem->generation + 1);
		mapped = aerie_npt_unmap(&mem->npt, gfn << PAGE_SHIFT, large);
	}
	spin_unlock(&mem->lock);
	if (taken) {
		if (!zero)
			copy_page(page_address(leaf_page(new)), page_address(leaf_page(at.val)));
		if (mapped && mem->flush)
			mem->flush(mem);
		smp_store_release(at.slot, new);
	}
	preempt_enable();
	if (!taken) {
		replacement_free(new, at.level);
		return 0;
	}
	if (new & SLOT_NODE)
		atomic_long_inc(&mem->nodes);
	else
		count_own(mem, at.level);
	if (zero) {
		atomic_long_sub(level_pages(at.level), &mem->zero);
		return 0;
	}
	atomic_long_dec(&mem->shared);
	atomic_long_inc(&mem->broken);
	aerie_shared_put(aerie_shared_of(leaf_page(at.val)));
	return 0;
}

/* Without memory for it who may not sleep has to come again. */
static int map_err(int err, gfp_t gfp)
{
	return gfp == GFP_KERNEL ? err : -EAGAIN;
}

/* By value: the caller's stays in registers. */
static noinline bool slot_written(struct place at)
{
	return marks_clear(&at);
}

int aerie_map_own(struct aerie_mem *mem, gfn_t gfn, gfp_t gfp, struct aerie_frame_ref *ref)
{
	struct place at;
	int err = 0;

	do {
		map_walk(mem, gfn, &at);
		if (!at.val)
			err = slot_fill(mem, gfn, &at, gfp);
		if (likely(leaf_own(at.val))) {
			if (unlikely(at.val & SLOT_MARKS && !slot_written(at)))
				continue;
			leaf_ref(&at, gfn, ref);
			return 0;
		}
		if (at.val & SLOT_MANY)
			err = slot_break(mem, gfn, at, gfp);
		else if (unlikely(at.val & SLOT_STORED))
			err = aerie_slot_load(mem, gfn, at, gfp);
	} while (!err);
	return map_err(err, gfp);
}

/* May an empty slot become a zero frame? Else it takes a node. */
static bool zero_fits(const struct aerie_mem *mem, gfn_t gfn, unsigned int level)
{
	return level == 1 || (level == 2 && aerie_frame_zero(true) && aerie_map_large_fits(mem, gfn));
}

int aerie_map_reach(struct aerie_mem *mem, gfn_t gfn, gfp_t gfp)
{
	struct place at;
	int err = 0;

	do {
		map_walk(mem, gfn, &at);
		if (at.val & SLOT_STORED) {
			err = aerie_slot_load(mem, gfn, at, gfp);
			continue;
		}
		if (at.val || zero_fits(mem, gfn, at.level))
			return 0;
		err = slot_fill_node(mem, at.slot, gfp);
	} while (!err);
	return map_err(err, gfp);
}

/* The same with mem->lock held and read-only: what the slot holds, zeroes if nothing. */
static int show_locked(struct aerie_mem *mem, gfn_t gfn, struct place *at)
{
	const bool large = at->level == 2;
	struct aerie_frame_ref ref;
	u64 zero;

	if (!at->val) {
		if (!zero_fits(mem, gfn, at->level))
			return -EAGAIN;
		zero = leaf_make(aerie_frame_zero(large), SLOT_MANY);
		at->val = cmpxchg(at->slot, 0, zero);
		if (at->val)
			return -EAGAIN;
		at->val = zero;
		atomic_long_add(level_pages(at->level), &mem->zero);
	}
	if (READ_ONCE(*at->slot) != at->val || at->val & (SLOT_BUSY | SLOT_STORED))
		return -EAGAIN;
	leaf_ref(at, gfn, &ref);
	return aerie_npt_map(&mem->npt, gfn << PAGE_SHIFT, ref.pfn, large, false, GFP_NOWAIT);
}

int aerie_map_show(struct aerie_mem *mem, gfn_t gfn)
{
	struct aerie_frame_ref ref;
	struct place at;
	int err;

	map_walk(mem, gfn, &at);
	/* Without dirty bits, or guarded, it is known by a fault that it is written. */
	if (leaf_own(at.val) && !READ_ONCE(mem->npt.guarded) &&
	    !(at.val & (mem->npt.ops->has_ad ? SLOT_HELD : SLOT_SEEN))) {
		leaf_ref(&at, gfn, &ref);
		return aerie_npt_map(&mem->npt, gfn << PAGE_SHIFT, ref.pfn, ref.large, true,
				     GFP_NOWAIT);
	}
	spin_lock(&mem->lock);
	err = show_locked(mem, gfn, &at);
	spin_unlock(&mem->lock);
	return err;
}

void aerie_map_count(struct aerie_mem *mem, gfn_t gfn)
{
	struct place at;

	spin_lock(&mem->lock);
	map_walk(mem, gfn, &at);
	if (at.level == 2 && leaf_own(at.val) && !(at.val & SLOT_COUNTED)) {
		aerie_frame_count(leaf_page(at.val));
		slot_counted(at.slot, at.val);
	}
	spin_unlock(&mem->lock);
}

/* Depth is bounded by MAP_LEVELS. */
static void map_node_clear(struct aerie_mem *mem, struct aerie_map_node *node, unsigned int level)
{
	long pages = level_pages(level);
	unsigned int i;

	for (i = 0; i < MAP_SLOTS; i++) {
		u64 slot = node->slot[i];

		if (!slot)
			continue;
		node->slot[i] = 0;
		if (slot & SLOT_NODE) {
			map_node_clear(mem, slot_node(slot), level - 1);
			free_page((unsigned long)slot_node(slot));
			atomic_long_dec(&mem->nodes);
		} else if (slot & SLOT_STORED) {
			count_stored(mem, slot_stored(slot), -1);
			aerie_store_free(slot_stored(slot));
		} else if (slot & SLOT_MANY && leaf_zero(slot, level)) {
			atomic_long_sub(pages, &mem->zero);
		} else if (slot & SLOT_MANY) {
			aerie_shared_put(aerie_shared_of(leaf_page(slot)));
			atomic_long_dec(&mem->shared);
		} else {
			aerie_frame_free(leaf_page(slot), level == 2, slot & SLOT_COUNTED);
			atomic_long_sub(pages, &mem->resident);
			if (level == 2)
				atomic_long_sub(pages, &mem->large);
		}
	}
	cond_resched();
}

void aerie_map_clear(struct aerie_mem *mem)
{
	map_node_clear(mem, mem->map, MAP_LEVELS);
}
