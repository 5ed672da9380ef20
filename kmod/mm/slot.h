/* SPDX-License-Identifier: GPL-2.0 */
/* The slots of the gfn map: for map.c, which says what they mean, and who changes them. */
#ifndef AERIE_MM_SLOT_H
#define AERIE_MM_SLOT_H

#include <linux/mm.h>
#include <linux/sched/mm.h>
#include "mm/map.h"
#include "mm/pool.h"
#include "mm/store.h"

#define MAP_LEVELS	4
#define MAP_BITS	9
#define MAP_SLOTS	(1u << MAP_BITS)

#define SLOT_NODE	1ull		/* address of the next node */
#define SLOT_LEAF	2ull		/* host physical address of a frame */
#define SLOT_MANY	4ull		/* which others hold as well */
#define SLOT_BUSY	8ull		/* of MANY: it is being replaced */
#define SLOT_COUNTED	16ull		/* of 2 MiB: pages counted one by one */
#define SLOT_RAW	16ull		/* of 4 KiB: it does not get smaller in the store */
/* Of an own frame; who writes to it, or lets the guest do so, takes them away. */
#define SLOT_SEEN	32ull		/* not written since the scanner has looked */
#define SLOT_HASHED	64ull		/* of SEEN: there is a hash of it */
#define SLOT_HELD	128ull		/* of SEEN: the scanner is about to take it away */
#define SLOT_MARKS	(SLOT_SEEN | SLOT_HASHED | SLOT_HELD)
#define SLOT_STORED	256ull		/* neither node nor leaf: content that is not in memory */
#define SLOT_AGE	(7ull << SLOT_AGE_SHIFT)	/* of an own frame: AERIE_AGES */
#define SLOT_AGE_SHIFT	9
#define SLOT_UNASKED	(1ull << 63)	/* of 4 KiB: it was read around another, not accessed so far */
#define SLOT_ADDR	(~0xfffull)
#define SLOT_PFN	(SLOT_ADDR & ~SLOT_UNASKED)

#define STORED_SHIFT	7		/* a pointer to 8 bytes, whose upper 8 bits are alike */

struct aerie_map_node {
	u64 slot[MAP_SLOTS];
};

/* Where the way to a gfn ends: at a leaf, or where one is missing. */
struct place {
	u64 *slot;
	u64 val;
	unsigned int level;
};

static inline unsigned int slot_index(gfn_t gfn, unsigned int level)
{
	return gfn >> (MAP_BITS * (level - 1)) & (MAP_SLOTS - 1);
}

static inline struct aerie_map_node *slot_node(u64 slot)
{
	return (struct aerie_map_node *)(uintptr_t)(slot & SLOT_ADDR);
}

static __always_inline void map_walk(const struct aerie_mem *mem, gfn_t gfn, struct place *at)
{
	struct aerie_map_node *node = mem->map;

	for (at->level = MAP_LEVELS; ; at->level--) {
		at->slot = &node->slot[slot_index(gfn, at->level)];
		at->val = READ_ONCE(*at->slot);
		if (!(at->val & SLOT_NODE))
			return;
		node = slot_node(at->val);
	}
}

/* The slot that has, or may have, the node of @gfn's 4 KiB frames. Its nodes are there. */
static inline u64 *map_slot_above(const struct aerie_mem *mem, gfn_t gfn)
{
	struct aerie_map_node *node = mem->map;
	unsigned int level;

	for (level = MAP_LEVELS; level > 2; level--)
		node = slot_node(READ_ONCE(node->slot[slot_index(gfn, level)]));
	return &node->slot[slot_index(gfn, 2)];
}

/* A leaf of content that is not in memory. */
static inline u64 stored_make(const struct aerie_stored *stored)
{
	return (u64)(uintptr_t)stored << STORED_SHIFT | SLOT_STORED;
}

static inline struct aerie_stored *slot_stored(u64 slot)
{
	return (struct aerie_stored *)(uintptr_t)((s64)slot >> STORED_SHIFT & ~7ll);
}

static inline void count_stored(struct aerie_mem *mem, const struct aerie_stored *stored, int sign)
{
	switch (aerie_store_where(stored)) {
	case AERIE_STORE_PACKED:
		atomic_long_add(sign, &mem->stored);
		atomic_long_add(sign * (long)aerie_store_bytes(stored), &mem->packed);
		break;
	case AERIE_STORE_SWAP:
		atomic_long_add(sign, &mem->swapped);
		break;
	case AERIE_STORE_DISK:
		atomic_long_add(sign, &mem->on_disk);
		break;
	}
}

static inline struct page *leaf_page(u64 slot)
{
	return pfn_to_page((slot & SLOT_PFN) >> PAGE_SHIFT);
}

static inline u64 leaf_make(struct page *page, u64 flags)
{
	return (u64)page_to_pfn(page) << PAGE_SHIFT | SLOT_LEAF | flags;
}

static inline bool leaf_zero(u64 slot, unsigned int level)
{
	return leaf_page(slot) == aerie_frame_zero(level == 2);
}

static __always_inline void leaf_ref(const struct place *at, gfn_t gfn, struct aerie_frame_ref *ref)
{
	ref->large = at->level == 2;
	ref->pfn = (at->val & SLOT_PFN) >> PAGE_SHIFT;
	if (ref->large)
		ref->pfn += gfn & (AERIE_LARGE_PAGES - 1);
	ref->zero = at->val & SLOT_MANY && leaf_zero(at->val, at->level);
	ref->busy = at->val & SLOT_BUSY;
}

static inline bool leaf_own(u64 slot)
{
	return (slot & (SLOT_LEAF | SLOT_MANY)) == SLOT_LEAF;
}

static inline void leaf_set(struct aerie_leaf *leaf, gfn_t gfn, u64 *slot, u64 val,
			    unsigned int level)
{
	*leaf = (struct aerie_leaf){
		.gfn = gfn, .slot = slot, .val = val,
		.page = val & SLOT_LEAF ? leaf_page(val) : NULL,
		.large = level == 2, .own = leaf_own(val), .stored = val & SLOT_STORED,
		.raw = level == 1 && leaf_own(val) && val & SLOT_RAW,
		.unasked = val & SLOT_LEAF && val & SLOT_UNASKED,
	};
}

static inline unsigned long level_pages(unsigned int level)
{
	return level == 2 ? AERIE_LARGE_PAGES : 1;
}

static inline void count_own(struct aerie_mem *mem, unsigned int level)
{
	atomic_long_add(level_pages(level), &mem->resident);
	if (level == 2)
		atomic_long_add(AERIE_LARGE_PAGES, &mem->large);
}

/* A frame for @mem, if it and all may have one more: who may sleep has asked for that. */
static __always_inline struct page *frame_for(struct aerie_mem *mem, gfp_t gfp, bool large,
					      bool zeroed)
{
	if (unlikely(READ_ONCE(aerie_pool_limited)) && !aerie_pool_fits(mem, gfp, large))
		return NULL;
	return aerie_frame_alloc(mem, gfp, large, zeroed);
}

/* A node of @mem's map, or NULL. */
static inline struct aerie_map_node *map_node_alloc(struct aerie_mem *mem, gfp_t gfp)
{
	struct mem_cgroup *old = set_active_memcg(mem->memcg);
	struct aerie_map_node *node = (void *)get_zeroed_page(aerie_guest_gfp(gfp));

	set_active_memcg(old);
	return node;
}

/*
 * load.c: bring back what a slot says is stored. Returns 0 where that has been done, or where
 * the slot has changed meanwhile and is to be looked at again; -EAGAIN, -ENOMEM, -EIO.
 */
int aerie_slot_load(struct aerie_mem *mem, gfn_t gfn, struct place at, gfp_t gfp);

/* Marks come and go without the lock. Returns what the slot holds then. */
static inline u64 slot_counted(u64 *slot, u64 val)
{
	u64 seen;

	for (;; val = seen) {
		seen = cmpxchg(slot, val, val | SLOT_COUNTED);
		if (seen == val)
			return val | SLOT_COUNTED;
	}
}

#endif
