// SPDX-License-Identifier: GPL-2.0
/*
 * The gfn map: which frame of content each guest page holds.
 *
 * A radix tree of four levels of 512 slots, one page a node. A slot is empty,
 * or points at a lower node, or is a leaf: in a level-1 node a 4 KiB frame, in
 * a level-2 node a 2 MiB frame. Slots only ever go from empty to filled, by
 * compare-and-exchange, so filling needs no lock and finding needs none either:
 * whoever loses the race frees what it brought and uses the winner's. They are
 * emptied by aerie_map_clear() alone, when no vCPU and no device can look.
 *
 * A 2 MiB frame is tried where the whole aligned 2 MiB is RAM and nothing below
 * is filled yet; it is cleared by the allocation, which is long work, so the
 * atomic path leaves it to the sleeping one.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include "mm/map.h"

static bool large_pages = true;
module_param(large_pages, bool, 0644);
MODULE_PARM_DESC(large_pages, "hold guest memory in 2 MiB frames where it fits");

#define MAP_LEVELS	4
#define MAP_BITS	9
#define MAP_SLOTS	(1u << MAP_BITS)

#define SLOT_NODE	1ull		/* address of the next node */
#define SLOT_LEAF	2ull		/* host physical address of a frame */
#define SLOT_ADDR	(~0xfffull)

struct aerie_map_node {
	u64 slot[MAP_SLOTS];
};

static unsigned int slot_index(gfn_t gfn, unsigned int level)
{
	return gfn >> (MAP_BITS * (level - 1)) & (MAP_SLOTS - 1);
}

static struct aerie_map_node *slot_node(u64 slot)
{
	return (struct aerie_map_node *)(uintptr_t)(slot & SLOT_ADDR);
}

static void leaf_ref(u64 slot, gfn_t gfn, unsigned int level, struct aerie_frame_ref *ref)
{
	ref->large = level == 2;
	ref->pfn = (slot & SLOT_ADDR) >> PAGE_SHIFT;
	if (ref->large)
		ref->pfn += gfn & (AERIE_LARGE_PAGES - 1);
}

bool aerie_map_find(const struct aerie_mem *mem, gfn_t gfn, struct aerie_frame_ref *ref)
{
	const struct aerie_map_node *node = mem->map;
	unsigned int level;
	u64 slot;

	for (level = MAP_LEVELS; level; level--) {
		slot = READ_ONCE(node->slot[slot_index(gfn, level)]);
		if (slot & SLOT_LEAF) {
			leaf_ref(slot, gfn, level, ref);
			return true;
		}
		if (!slot)
			return false;
		node = slot_node(slot);
	}
	return false;
}

/* Is the 2 MiB around @gfn RAM from end to end? */
static bool large_fits(const struct aerie_mem *mem, gfn_t gfn)
{
	gpa_t start = (gfn & ~(gfn_t)(AERIE_LARGE_PAGES - 1)) << PAGE_SHIFT;

	return aerie_mem_is_ram(mem, start, AERIE_LARGE_BYTES);
}

/* A zeroed frame of 2^@order pages as a leaf slot, or 0. */
static u64 frame_alloc(gfp_t gfp, unsigned int order)
{
	struct page *page = alloc_pages(aerie_guest_gfp(gfp) | __GFP_ZERO, order);

	return page ? (u64)page_to_pfn(page) << PAGE_SHIFT | SLOT_LEAF : 0;
}

static void frame_free(u64 slot, unsigned int order)
{
	__free_pages(pfn_to_page((slot & SLOT_ADDR) >> PAGE_SHIFT), order);
}

/*
 * Put @new, a frame of 2^@order pages, into an empty slot, or free it where
 * somebody was faster. Returns what the slot holds now.
 */
static u64 slot_fill_leaf(struct aerie_mem *mem, u64 *slot, u64 new, unsigned int order)
{
	u64 old = cmpxchg(slot, 0, new);

	if (old) {
		frame_free(new, order);
		return old;
	}
	atomic_long_add(1L << order, &mem->resident);
	if (order)
		atomic_long_add(1L << order, &mem->large);
	return new;
}

/* The same for a new node; 0 where there is no memory for it. */
static u64 slot_fill_node(struct aerie_mem *mem, u64 *slot, gfp_t gfp)
{
	unsigned long page = get_zeroed_page(aerie_guest_gfp(gfp));
	u64 new, old;

	if (!page)
		return 0;
	new = page | SLOT_NODE;
	old = cmpxchg(slot, 0, new);
	if (old) {
		free_page(page);
		return old;
	}
	atomic_long_inc(&mem->nodes);
	return new;
}

int aerie_map_fill(struct aerie_mem *mem, gfn_t gfn, gfp_t gfp, struct aerie_frame_ref *ref)
{
	const bool may_sleep = gfp == GFP_KERNEL;
	const int no_memory = may_sleep ? -ENOMEM : -EAGAIN;
	struct aerie_map_node *node = mem->map;
	unsigned int level;

	for (level = MAP_LEVELS; ; level--) {
		u64 *p = &node->slot[slot_index(gfn, level)];
		u64 slot = READ_ONCE(*p), new;

		if (!slot && level == 2 && READ_ONCE(large_pages) && large_fits(mem, gfn)) {
			if (!may_sleep)
				return -EAGAIN;
			new = frame_alloc(gfp | __GFP_NORETRY | __GFP_COMP, 9);
			if (new)
				slot = slot_fill_leaf(mem, p, new, 9);
		}
		if (!slot && level == 1) {
			new = frame_alloc(gfp, 0);
			if (!new)
				return no_memory;
			slot = slot_fill_leaf(mem, p, new, 0);
		}
		if (!slot) {
			slot = slot_fill_node(mem, p, gfp);
			if (!slot)
				return no_memory;
		}
		if (slot & SLOT_LEAF) {
			leaf_ref(slot, gfn, level, ref);
			return 0;
		}
		node = slot_node(slot);
	}
}

/* Depth is bounded by MAP_LEVELS. */
static void map_node_clear(struct aerie_mem *mem, struct aerie_map_node *node, unsigned int level)
{
	unsigned int order = level == 2 ? 9 : 0;
	unsigned int i;

	for (i = 0; i < MAP_SLOTS; i++) {
		u64 slot = node->slot[i];

		if (!slot)
			continue;
		node->slot[i] = 0;
		if (slot & SLOT_LEAF) {
			frame_free(slot, order);
			atomic_long_sub(1L << order, &mem->resident);
			if (order)
				atomic_long_sub(1L << order, &mem->large);
			continue;
		}
		map_node_clear(mem, slot_node(slot), level - 1);
		free_page((unsigned long)slot_node(slot));
		atomic_long_dec(&mem->nodes);
	}
	cond_resched();
}

void aerie_map_clear(struct aerie_mem *mem)
{
	map_node_clear(mem, mem->map, MAP_LEVELS);
}
