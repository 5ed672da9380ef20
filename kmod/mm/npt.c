// SPDX-License-Identifier: GPL-2.0
/*
 * The nested page table: a cache of the gfn map that the processor walks.
 *
 * Whatever is in it can be dropped at any time and is found again by a nested
 * fault. Entries of frames that are a gfn's own go from empty to filled, and from
 * read-only to writable, by compare-and-exchange without a lock; a lost race means
 * that somebody mapped the same frame. Frames that many hold are mapped with mem->lock
 * held, and unmapped (map.c says when). Filling an empty entry or allowing more needs no
 * flush on either vendor: a processor that faults by what its TLB still has of an entry
 * drops that. The scanner (share.c) clears dirty bits and protects against writes.
 * All of it is protected at once by its root (aerie_npt_guard()): the way to a page that is
 * written then becomes writable again, table by table, and what is beside it protected.
 * Tables stay until all are dropped, or until one is cut for a large page (collapse.c).
 * Entry formats are aerie_pte_ops.
 */
#include <linux/err.h>
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

/* Does @pte, found in the place of one for a page, point at a table? */
static bool is_table(const struct aerie_npt *npt, u64 pte, unsigned int level)
{
	return level > 1 && npt->ops->present(pte) && !npt->ops->large(pte, level);
}

/* @old is in the place of @new: where that allows more, it is to be there. */
static noinline void pte_allow(struct aerie_npt *npt, u64 *p, u64 old, u64 new)
{
	const struct aerie_pte_ops *ops = npt->ops;
	u64 seen;

	while (!ops->writable(old) && ops->pfn(old) == ops->pfn(new)) {
		seen = cmpxchg(p, old, new);
		if (seen == old)
			return;
		old = seen;
	}
}

static __always_inline void pte_fill(struct aerie_npt *npt, u64 *p, u64 pfn, unsigned int level,
				     bool writable)
{
	u64 new = npt->ops->make_page(pfn << PAGE_SHIFT, level, writable);
	u64 old = cmpxchg(p, 0, new);

	if (unlikely(old) && writable)
		pte_allow(npt, p, old, new);
}

/*
 * The entry of @level on the way to @gpa; ERR_PTR(-EEXIST) where a larger page is in the
 * way, NULL where a table is missing and @gfp is 0 or there is no memory for it.
 */
static __always_inline u64 *pte_find(struct aerie_npt *npt, gpa_t gpa, unsigned int level,
				     gfp_t gfp)
{
	u64 *table = npt->root, *p, pte;
	unsigned int at;

	for (at = npt->levels; at > level; at--) {
		p = &table[npt_index(gpa, at)];
		pte = READ_ONCE(*p);
		if (!npt->ops->present(pte)) {
			pte = gfp ? table_add(npt, p, gfp) : 0;
			if (!pte)
				return NULL;
		}
		if (npt->ops->large(pte, at))
			return ERR_PTR(-EEXIST);
		table = npt_table(npt, pte);
	}
	return &table[npt_index(gpa, level)];
}

static unsigned int leaf_level(const struct aerie_npt *npt, bool large)
{
	return large && !npt->ops->no_large ? 2 : 1;
}

int aerie_npt_reach(struct aerie_npt *npt, gpa_t gpa, bool large, gfp_t gfp)
{
	if (pte_find(npt, gpa, leaf_level(npt, large), gfp))
		return 0;
	return gfp == GFP_KERNEL ? -ENOMEM : -EAGAIN;
}

/* The frame is there from end to end: one fault maps all of it. */
static noinline int map_small(struct aerie_npt *npt, gpa_t gpa, u64 pfn, bool writable, gfp_t gfp)
{
	u64 *p = pte_find(npt, gpa & ~(gpa_t)(AERIE_LARGE_BYTES - 1), 1, gfp);
	unsigned int i;

	if (IS_ERR(p))
		return 0;
	if (!p)
		return gfp == GFP_KERNEL ? -ENOMEM : -EAGAIN;
	for (i = 0; i < NPT_ENTRIES; i++)
		pte_fill(npt, &p[i], pfn + i, 1, writable);
	return 0;
}

int aerie_npt_map(struct aerie_npt *npt, gpa_t gpa, u64 pfn, bool large, bool writable,
		  gfp_t gfp)
{
	const unsigned int level = large ? 2 : 1;
	u64 *p;

	if (large)
		pfn &= ~(u64)(AERIE_LARGE_PAGES - 1);
	if (large && npt->ops->no_large)
		return map_small(npt, gpa, pfn, writable, gfp);
	p = pte_find(npt, gpa, level, gfp);
	if (unlikely(IS_ERR_OR_NULL(p)))
		return p ? 0 : gfp == GFP_KERNEL ? -ENOMEM : -EAGAIN;
	if (large && is_table(npt, READ_ONCE(*p), level))
		return map_small(npt, gpa, pfn, writable, gfp);
	pte_fill(npt, p, pfn, level, writable);
	return 0;
}

bool aerie_npt_unmap(struct aerie_npt *npt, gpa_t gpa, bool large)
{
	unsigned int first = large ? 0 : npt_index(gpa, 1);
	unsigned int last = large ? NPT_ENTRIES - 1 : first, i;
	u64 *p = pte_find(npt, gpa, 2, 0), pte;
	bool mapped = false;

	if (IS_ERR_OR_NULL(p))
		return false;
	pte = READ_ONCE(*p);
	if (!npt->ops->present(pte))
		return false;
	if (npt->ops->large(pte, 2))
		return xchg(p, 0);
	p = npt_table(npt, pte);
	for (i = first; i <= last; i++)
		if (READ_ONCE(p[i]))
			mapped |= !!xchg(&p[i], 0);
	return mapped;
}

static void pte_change(u64 *p, u64 (*change)(u64 pte))
{
	u64 old = READ_ONCE(*p), seen;

	for (;; old = seen) {
		seen = cmpxchg(p, old, change(old));
		if (seen == old)
			return;
	}
}

static void table_protect(const struct aerie_npt *npt, u64 *table)
{
	unsigned int i;

	for (i = 0; i < NPT_ENTRIES; i++) {
		u64 pte = READ_ONCE(table[i]);

		if (npt->ops->present(pte) && npt->ops->writable(pte))
			pte_change(&table[i], npt->ops->protect);
	}
}

void aerie_npt_guard(struct aerie_npt *npt)
{
	WRITE_ONCE(npt->guarded, true);
	table_protect(npt, npt->root);
}

bool aerie_npt_pass(struct aerie_npt *npt, gpa_t gpa)
{
	const struct aerie_pte_ops *ops = npt->ops;
	unsigned int level = npt->levels;
	u64 *table = npt->root, *p, pte;

	for (;; level--) {
		p = &table[npt_index(gpa, level)];
		pte = READ_ONCE(*p);
		if (level == 1 || !is_table(npt, pte, level))
			return !ops->present(pte) || !ops->writable(pte);
		table = npt_table(npt, pte);
		if (ops->writable(pte))
			continue;
		table_protect(npt, table);
		WRITE_ONCE(*p, ops->make_table(__pa(table)));
	}
}

/* Depth is bounded by npt->levels. */
static void table_allow(const struct aerie_npt *npt, u64 *table, unsigned int level)
{
	unsigned int i;

	for (i = 0; level > 1 && i < NPT_ENTRIES; i++) {
		u64 pte = READ_ONCE(table[i]), *lower;

		if (!is_table(npt, pte, level))
			continue;
		lower = npt_table(npt, pte);
		if (!npt->ops->writable(pte)) {
			table_protect(npt, lower);
			WRITE_ONCE(table[i], npt->ops->make_table(__pa(lower)));
		}
		table_allow(npt, lower, level - 1);
	}
}

void aerie_npt_unguard(struct aerie_npt *npt)
{
	table_allow(npt, npt->root, npt->levels);
	WRITE_ONCE(npt->guarded, false);
}

void *aerie_npt_cut(struct aerie_npt *npt, gpa_t gpa)
{
	u64 *p = pte_find(npt, gpa, 2, 0), pte;

	if (npt->ops->no_large || IS_ERR_OR_NULL(p))
		return NULL;
	pte = READ_ONCE(*p);
	if (!is_table(npt, pte, 2))
		return NULL;
	WRITE_ONCE(*p, 0);
	atomic_long_dec(&npt->tables);
	return npt_table(npt, pte);
}


/* The entry that maps the page of @gpa by itself; a larger page there is unmapped. */
static u64 *pte_single(struct aerie_npt *npt, gpa_t gpa, bool large, bool *unmapped)
{
	u64 *p = pte_find(npt, gpa, leaf_level(npt, large), 0);

	if (!IS_ERR(p))
		return p;
	*unmapped = aerie_npt_unmap(npt, gpa, false);
	return NULL;
}

/* The entries that map it, @nr of them: the one, or many where a large one is not there. */
static u64 *pte_leaves(struct aerie_npt *npt, gpa_t gpa, bool large, unsigned int *nr,
		       bool *unmapped)
{
	u64 *p = pte_single(npt, gpa, large, unmapped);

	*nr = !p ? 0 : large && npt->ops->no_large ? NPT_ENTRIES : 1;
	if (*nr == 1 && is_table(npt, READ_ONCE(*p), large ? 2 : 1)) {
		p = npt_table(npt, READ_ONCE(*p));
		*nr = NPT_ENTRIES;
	}
	return p;
}

bool aerie_npt_look(struct aerie_npt *npt, gpa_t gpa, bool large, bool protect, bool *written)
{
	const struct aerie_pte_ops *ops = npt->ops;
	bool flush = false;
	unsigned int i, nr;
	u64 *p, pte;

	*written = false;
	p = pte_leaves(npt, gpa, large, &nr, &flush);
	for (i = 0; i < nr; i++) {
		pte = READ_ONCE(p[i]);
		if (!ops->present(pte))
			continue;
		if (ops->dirty(pte)) {
			*written = true;
			pte_change(&p[i], ops->clean);
			flush = true;
		}
		if (protect && ops->writable(pte)) {
			pte_change(&p[i], ops->protect);
			flush = true;
		}
	}
	return flush;
}

bool aerie_npt_age(struct aerie_npt *npt, gpa_t gpa, bool large, bool *accessed)
{
	const struct aerie_pte_ops *ops = npt->ops;
	bool unmapped = false;
	unsigned int i, nr;
	u64 *p;

	if (!ops->has_ad)
		return *accessed = aerie_npt_unmap(npt, gpa, large);
	*accessed = false;
	p = pte_leaves(npt, gpa, large, &nr, &unmapped);
	for (i = 0; i < nr; i++) {
		if (ops->present(READ_ONCE(p[i])) && ops->accessed(READ_ONCE(p[i]))) {
			*accessed = true;
			pte_change(&p[i], ops->old);
		}
	}
	*accessed |= unmapped;
	return *accessed;
}

bool aerie_npt_replace(struct aerie_npt *npt, gpa_t gpa, u64 pfn)
{
	u64 new = npt->ops->make_page(pfn << PAGE_SHIFT, 1, false), *p;
	bool unmapped = false;

	p = pte_single(npt, gpa, false, &unmapped);
	if (!p || !npt->ops->present(READ_ONCE(*p)))
		return unmapped;
	return npt->ops->pfn(xchg(p, new)) != pfn;
}
