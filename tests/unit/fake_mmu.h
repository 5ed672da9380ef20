/* SPDX-License-Identifier: GPL-2.0 */
/* For tests of guest memory: the processor's walk over a nested table. */
#ifndef FAKE_MMU_H
#define FAKE_MMU_H

#include "shim.h"
#include "mm/map.h"

/*
 * The entry that maps @gpa, its level in @level, and whether all that leads to it and itself
 * allow writes; NULL for none.
 */
static inline u64 *mmu_walk_to(struct aerie_mem *mem, gpa_t gpa, unsigned int *level, bool *write)
{
	const struct aerie_pte_ops *ops = mem->npt.ops;
	u64 *table = mem->npt.root, *p;

	*write = true;
	for (*level = mem->npt.levels; ; --*level) {
		p = &table[gpa >> (12 + 9 * (*level - 1)) & 511];
		if (!ops->present(*p))
			return NULL;
		*write &= ops->writable(*p);
		if (*level == 1 || ops->large(*p, *level))
			return p;
		table = __va(ops->pfn(*p) << PAGE_SHIFT);
	}
}

static inline u64 *mmu_walk(struct aerie_mem *mem, gpa_t gpa, unsigned int *level)
{
	bool write;

	return mmu_walk_to(mem, gpa, level, &write);
}

/* What it does to say that a page has been written. */
static inline u64 mmu_dirty(const struct aerie_mem *mem)
{
	return mem->npt.ops == &aerie_pte_npt4 ? 1u << 6 : mem->npt.ops->has_ad ? 1u << 9 : 0;
}

/* What it does to say that a page has been accessed. */
static inline u64 mmu_accessed(const struct aerie_mem *mem)
{
	return mem->npt.ops == &aerie_pte_npt4 ? 1u << 5 : mem->npt.ops->has_ad ? 1u << 8 : 0;
}

#endif
