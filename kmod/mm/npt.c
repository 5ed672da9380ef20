// SPDX-License-Identifier: GPL-2.0
/*
 * The nested page table: a cache of the gfn map that the processor walks.
 *
 * Whatever is in it can be dropped at any time and is found again by a nested
 * fault. Entries go from empty to filled by compare-and-exchange, without a
 * lock; a lost race means that somebody mapped the same frame. Filling an empty
 * entry needs no flush on either vendor. Entry formats are aerie_pte_ops.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include "mm/map.h"

#define NPT_BITS	9
#define NPT_ENTRIES	(1u << NPT_BITS)

static unsigned int npt_index(gpa_t gpa, unsigned int level)
{
	return gpa >> (PAGE_SHIFT + NPT_BITS * (level - 1)) & (NPT_ENTRIES - 1);
}

static u64 *npt_table(const struct aerie_npt *npt, u64 pte)
{
	return __va(npt->ops->pfn(pte) << PAGE_SHIFT);
}

int aerie_npt_init(struct aerie_npt *npt, const struct aerie_pte_ops *ops)
{
	npt->ops = ops;
	npt->levels = ops->levels;
	npt->root = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!npt->root)
		return -ENOMEM;
	npt->root_hpa = __pa(npt->root);
	atomic_long_set(&npt->tables, 1);
	return 0;
}

/* Depth is bounded by npt->levels. */
static void table_clear(struct aerie_npt *npt, u64 *table, unsigned int level)
{
	unsigned int i;

	for (i = 0; level > 1 && i < NPT_ENTRIES; i++) {
		u64 pte = table[i];

		if (!npt->ops->present(pte) || npt->ops->large(pte, level))
			continue;
		table_clear(npt, npt_table(npt, pte), level - 1);
		free_page((unsigned long)npt_table(npt, pte));
		atomic_long_dec(&npt->tables);
	}
	if (level > 1)
		cond_resched();
}

void aerie_npt_clear(struct aerie_npt *npt)
{
	table_clear(npt, npt->root, npt->levels);
	memset(npt->root, 0, PAGE_SIZE);
}

void aerie_npt_fini(struct aerie_npt *npt)
{
	if (!npt->root)
		return;
	aerie_npt_clear(npt);
	free_page((unsigned long)npt->root);
	npt->root = NULL;
}

/* Point an empty entry at a new table. Returns the entry then, or 0. */
static u64 table_add(struct aerie_npt *npt, u64 *pte, gfp_t gfp)
{
	unsigned long page = get_zeroed_page(aerie_guest_gfp(gfp));
	u64 new, old;

	if (!page)
		return 0;
	new = npt->ops->make_table(__pa(page));
	old = cmpxchg(pte, 0, new);
	if (old) {
		free_page(page);
		return old;
	}
	atomic_long_inc(&npt->tables);
	return new;
}

static void pte_fill(struct aerie_npt *npt, u64 *pte, u64 pfn, unsigned int level, bool writable)
{
	cmpxchg(pte, 0, npt->ops->make_page(pfn << PAGE_SHIFT, level, writable));
}

int aerie_npt_map(struct aerie_npt *npt, gpa_t gpa, u64 pfn, bool large, bool writable,
		  gfp_t gfp)
{
	const struct aerie_pte_ops *ops = npt->ops;
	const unsigned int leaf = large && !ops->no_large ? 2 : 1;
	u64 *table = npt->root;
	unsigned int level, index;

	for (level = npt->levels; level > leaf; level--) {
		u64 *p = &table[npt_index(gpa, level)];
		u64 pte = READ_ONCE(*p);

		if (!ops->present(pte)) {
			pte = table_add(npt, p, gfp);
			if (!pte)
				return gfp == GFP_KERNEL ? -ENOMEM : -EAGAIN;
		}
		if (ops->large(pte, level))
			return 0;
		table = npt_table(npt, pte);
	}
	if (large)
		pfn &= ~(u64)(AERIE_LARGE_PAGES - 1);
	if (large && leaf == 1) {
		/* The frame is there from end to end: one fault maps all of it. */
		for (index = 0; index < NPT_ENTRIES; index++)
			pte_fill(npt, &table[index], pfn + index, 1, writable);
		return 0;
	}
	pte_fill(npt, &table[npt_index(gpa, leaf)], pfn, leaf, writable);
	return 0;
}
