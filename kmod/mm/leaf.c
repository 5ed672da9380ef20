// SPDX-License-Identifier: GPL-2.0
/*
 * The leaves of the gfn map, for who walks over it: looks at them, marks them, takes them
 * away. What that has to be done with a slot, and when, is said in map.c.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include "mm/slot.h"

bool aerie_map_next_in(const struct aerie_mem *mem, gfn_t gfn, gfn_t end, struct aerie_leaf *leaf)
{
	struct place at;
	gfn_t size;

	end = min_t(gfn_t, end, mem->ram[mem->nr_ram - 1].end >> PAGE_SHIFT);
	while (gfn < end) {
		map_walk(mem, gfn, &at);
		size = 1ull << (MAP_BITS * (at.level - 1));
		gfn &= ~(size - 1);
		if (at.val) {
			leaf_set(leaf, gfn, at.slot, at.val, at.level);
			return true;
		}
		gfn += size;
		if (!slot_index(gfn, 1))
			cond_resched();
	}
	return false;
}

bool aerie_map_after(const struct aerie_mem *mem, struct aerie_leaf *leaf)
{
	gfn_t gfn = leaf->gfn + (leaf->large ? AERIE_LARGE_PAGES : 1);
	u64 val;

	/* Mostly its neighbour in the same node. */
	if (!leaf->large && slot_index(gfn, 1)) {
		val = READ_ONCE(leaf->slot[1]);
		if (val) {
			leaf_set(leaf, gfn, leaf->slot + 1, val, 1);
			return true;
		}
	}
	return aerie_map_next(mem, gfn, leaf);
}

/* One step of an own leaf's marks. False where the slot has changed. */
static bool leaf_mark(struct aerie_leaf *leaf, u64 val)
{
	if (cmpxchg(leaf->slot, leaf->val, val) != leaf->val)
		return false;
	leaf->val = val;
	return true;
}

enum aerie_seen aerie_map_look(struct aerie_mem *mem, struct aerie_leaf *leaf, bool *flush)
{
	bool seen = leaf->val & SLOT_SEEN, written;

	if (!leaf_mark(leaf, leaf->val | SLOT_SEEN))
		return AERIE_SEEN_WRITTEN;
	spin_lock(&mem->lock);
	*flush |= aerie_npt_look(&mem->npt, leaf->gfn << PAGE_SHIFT, leaf->large,
				 !mem->npt.ops->has_ad, &written);
	spin_unlock(&mem->lock);
	if (!seen || written) {
		leaf_mark(leaf, leaf->val & ~SLOT_HASHED);
		return AERIE_SEEN_WRITTEN;
	}
	return leaf->val & SLOT_HASHED ? AERIE_SEEN_HASHED : AERIE_SEEN_STILL;
}

bool aerie_map_has_hash(const struct aerie_leaf *leaf)
{
	return leaf->own && leaf->val & SLOT_HASHED;
}

bool aerie_map_shared(const struct aerie_leaf *leaf)
{
	return leaf->val & SLOT_LEAF && !leaf->own && READ_ONCE(*leaf->slot) == leaf->val &&
	       !leaf_zero(leaf->val, leaf->large ? 2 : 1);
}

bool aerie_map_hashed(struct aerie_leaf *leaf)
{
	return leaf_mark(leaf, leaf->val | SLOT_HASHED);
}

int aerie_map_split(struct aerie_mem *mem, const struct aerie_leaf *leaf)
{
	struct aerie_map_node *node = map_node_alloc(mem, GFP_KERNEL);
	unsigned int i;
	bool mapped;
	u64 val;

	if (!node)
		return -ENOMEM;
	preempt_disable();
	spin_lock(&mem->lock);
	do {
		val = READ_ONCE(*leaf->slot);
		if (!leaf_own(val)) {
			spin_unlock(&mem->lock);
			preempt_enable();
			free_page((unsigned long)node);
			return -EAGAIN;
		}
		if (!(val & SLOT_COUNTED)) {
			aerie_frame_count(leaf_page(val));
			val = slot_counted(leaf->slot, val);
		}
		for (i = 0; i < MAP_SLOTS; i++)
			node->slot[i] = leaf_make(leaf_page(val) + i,
						  val & (SLOT_SEEN | SLOT_HASHED | SLOT_AGE));
	} while (cmpxchg(leaf->slot, val, (u64)(uintptr_t)node | SLOT_NODE) != val);
	/* No page changes its size under the eyes of a processor. */
	mapped = aerie_npt_unmap(&mem->npt, leaf->gfn << PAGE_SHIFT, true);
	spin_unlock(&mem->lock);
	if (mapped && mem->flush)
		mem->flush(mem);
	preempt_enable();
	atomic_long_inc(&mem->nodes);
	atomic_long_sub(AERIE_LARGE_PAGES, &mem->large);
	return 0;
}

bool aerie_map_hold(struct aerie_leaf *leaf)
{
	return leaf_mark(leaf, leaf->val | SLOT_SEEN | SLOT_HELD);
}

bool aerie_map_held(const struct aerie_leaf *leaf)
{
	return READ_ONCE(*leaf->slot) == leaf->val;
}

void aerie_map_unhold(struct aerie_leaf *leaf, bool forget)
{
	leaf_mark(leaf, leaf->val & ~(forget ? SLOT_MARKS : SLOT_HELD));
}

bool aerie_map_protect(struct aerie_mem *mem, const struct aerie_leaf *leaf, bool *written)
{
	bool flush;

	spin_lock(&mem->lock);
	flush = aerie_npt_look(&mem->npt, leaf->gfn << PAGE_SHIFT, false, true, written);
	spin_unlock(&mem->lock);
	return flush;
}

bool aerie_map_share(struct aerie_mem *mem, const struct aerie_leaf *leaf, struct page *page)
{
	const bool zero = page == aerie_frame_zero(false);
	bool done;

	spin_lock(&mem->lock);
	done = cmpxchg(leaf->slot, leaf->val, leaf_make(page, SLOT_MANY)) == leaf->val;
	if (done && page != leaf->page) {
		aerie_npt_replace(&mem->npt, leaf->gfn << PAGE_SHIFT, page_to_pfn(page));
		WRITE_ONCE(mem->generation, mem->generation + 1);
	}
	spin_unlock(&mem->lock);
	if (!done)
		return false;
	atomic_long_dec(&mem->resident);
	atomic_long_inc(zero ? &mem->zero : &mem->shared);
	return true;
}

unsigned int aerie_map_age(struct aerie_mem *mem, struct aerie_leaf *leaf, unsigned int tick,
			   bool *accessed, bool *flush)
{
	unsigned int age = (leaf->val & SLOT_AGE) >> SLOT_AGE_SHIFT;
	u64 keep;

	spin_lock(&mem->lock);
	*flush |= aerie_npt_age(&mem->npt, leaf->gfn << PAGE_SHIFT, leaf->large, accessed);
	spin_unlock(&mem->lock);
	if (*accessed) {
		age = 0;
		leaf->raw = false;
		if (leaf->unasked)
			aerie_map_around_was(mem, true);
		leaf->unasked = false;
	} else if (tick && age < AERIE_AGES - 1 && !(tick & ((1u << age) - 1))) {
		age++;
	}
	keep = leaf->large || leaf->raw ? ~SLOT_AGE : ~(SLOT_AGE | SLOT_RAW);
	if (!leaf->unasked)
		keep &= ~SLOT_UNASKED;
	leaf_mark(leaf, (leaf->val & keep) | (u64)age << SLOT_AGE_SHIFT);
	return age;
}

void aerie_map_raw(struct aerie_leaf *leaf)
{
	leaf->raw = leaf_mark(leaf, leaf->val | SLOT_RAW);
}

bool aerie_map_store(struct aerie_mem *mem, const struct aerie_leaf *leaf,
		     const struct aerie_stored *stored)
{
	bool done, due;

	/* As soon as the slot names it, it may be brought back and be gone. */
	count_stored(mem, stored, 1);
	spin_lock(&mem->lock);
	/* Who finds the slot stored sees this. */
	due = mem->flush_due;
	WRITE_ONCE(mem->flush_due, true);
	done = cmpxchg(leaf->slot, leaf->val, stored_make(stored)) == leaf->val;
	if (done) {
		aerie_npt_unmap(&mem->npt, leaf->gfn << PAGE_SHIFT, false);
		WRITE_ONCE(mem->generation, mem->generation + 1);
	} else {
		WRITE_ONCE(mem->flush_due, due);
	}
	spin_unlock(&mem->lock);
	if (!done) {
		count_stored(mem, stored, -1);
		return false;
	}
	atomic_long_dec(&mem->resident);
	return true;
}

void aerie_map_stored_flush(struct aerie_mem *mem)
{
	aerie_mem_flush(mem);
	WRITE_ONCE(mem->flush_due, false);
}

/* Content that is stored is given up, unless somebody has it for itself. */
static void stored_take(struct aerie_mem *mem, u64 *slot, u64 val)
{
	if (val & SLOT_BUSY || cmpxchg(slot, val, 0) != val)
		return;
	count_stored(mem, slot_stored(val), -1);
	aerie_store_free(slot_stored(val));
}

bool aerie_map_take(struct aerie_mem *mem, struct aerie_leaf *leaf)
{
	const unsigned int level = leaf->large ? 2 : 1;
	u64 val;

	if (leaf->stored) {
		stored_take(mem, leaf->slot, leaf->val);
		return false;
	}
	spin_lock(&mem->lock);
	do {
		val = READ_ONCE(*leaf->slot);
		if (!(val & SLOT_LEAF) || val & SLOT_BUSY ||
		    (val & SLOT_MANY && leaf_zero(val, level))) {
			spin_unlock(&mem->lock);
			return false;
		}
		/* Who has found it may still want to pin a page of it. */
		if (leaf->large && !(val & SLOT_COUNTED)) {
			aerie_frame_count(leaf_page(val));
			val = slot_counted(leaf->slot, val);
		}
	} while (cmpxchg(leaf->slot, val, 0) != val);
	WRITE_ONCE(mem->generation, mem->generation + 1);
	spin_unlock(&mem->lock);
	leaf->page = leaf_page(val);
	leaf->own = leaf_own(val);
	atomic_long_sub(level_pages(level), leaf->own ? &mem->resident : &mem->shared);
	if (leaf->large)
		atomic_long_sub(AERIE_LARGE_PAGES, &mem->large);
	return true;
}
