// SPDX-License-Identifier: GPL-2.0
/*
 * Translates guest linear addresses by walking the guest's page tables.
 *
 * The formats differ in entry size, bits of index per level and what a large
 * page looks like; struct format says that, and one loop walks them all from
 * the root down, gathering write, user and execute permission as the AND over
 * the levels. Then permissions are checked, and only a walk that succeeds sets
 * accessed and dirty bits, by compare and exchange, as another vCPU may be
 * writing the same entry. If one did change, the walk starts over. A guest that
 * keeps changing entries cannot keep us here: after some rounds the translation
 * stands as a TLB entry would, and the bits are not set.
 *
 * SDM, Paging; APM volume 2, Page Translation and Protection. Protection keys
 * are not offered to guests.
 */
#include <linux/errno.h>
#include <linux/minmax.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "emul/emul.h"
#include "emul/walk.h"

#define MAX_LEVELS	5
#define MAX_ROUNDS	8

#define PF_P		BIT(0)
#define PF_RSVD		BIT(3)

struct format {
	u8 levels;
	u8 bits;	/* of index per level */
	u8 entry;	/* bytes per entry */
	bool pae;	/* PAE paging: the root's entries are special */
	u64 root;
};

struct walk {
	struct format f;
	u64 pte[MAX_LEVELS + 1];	/* by level, 1 is the lowest */
	gpa_t pte_gpa[MAX_LEVELS + 1];
	unsigned int level;		/* of the leaf */
	bool w, u, nx;			/* over all levels */
};

/* Four entries at the root of PAE paging have no permissions and no A bit. */
static bool is_pdpte(const struct format *f, unsigned int level)
{
	return f->pae && level == 3;
}

static void choose_format(const struct aerie_paging *p, struct format *f)
{
	*f = (struct format){ .levels = 2, .bits = 10, .entry = 4,
			      .root = p->cr3 & GENMASK_ULL(31, 12) };
	if (p->efer & (EFER_LME | EFER_LMA)) {
		f->levels = p->cr4 & X86_CR4_LA57 ? 5 : 4;
		f->bits = 9;
		f->entry = 8;
		f->root = p->cr3 & PTE_ADDR;
	} else if (p->cr4 & X86_CR4_PAE) {
		f->levels = 3;
		f->bits = 9;
		f->entry = 8;
		f->pae = true;
		f->root = p->cr3 & GENMASK_ULL(31, 5);
	}
}

/* Does the entry map a page rather than point at a table? */
static bool is_leaf(const struct aerie_paging *p, const struct format *f, u64 pte,
		    unsigned int level)
{
	if (level == 1)
		return true;
	if (!(pte & PTE_PS))
		return false;
	if (f->entry == 4)
		return p->cr4 & X86_CR4_PSE;
	return level == 2 || (level == 3 && !f->pae);
}

/* Bits that must be zero in a present entry. */
static u64 reserved_bits(const struct aerie_paging *p, const struct format *f,
			 unsigned int level, bool leaf)
{
	unsigned int phys = clamp(p->phys_bits, 32u, 52u);
	u64 bits = 0;

	if (f->entry == 4) {
		if (!leaf || level == 1)
			return 0;
		/* PSE-36: bits 13 up are address bits 32 up, as many as there are. */
		phys = min(phys, 40u);
		return GENMASK_ULL(21, 13 + phys - 32);
	}
	if (phys < 52)
		bits = GENMASK_ULL(51, phys);
	if (f->pae)
		bits |= GENMASK_ULL(62, 52);
	if (!(p->efer & EFER_NX))
		bits |= PTE_NX;
	/* Bit 5 as well, but QEMU's TCG sets it there like any accessed bit. */
	if (is_pdpte(f, level))
		return bits | PTE_NX | GENMASK_ULL(8, 6) | GENMASK_ULL(2, 1);
	if (level >= 4)
		bits |= PTE_PS;
	else if (leaf && level > 1)
		bits |= GENMASK_ULL(12 + 9 * (level - 1) - 1, 13);
	return bits;
}

/* Follow the tables down to a leaf. Returns as aerie_walk(); @error gets P and RSVD. */
static int descend(const struct aerie_paging *p, const struct aerie_walk_ops *ops, void *ctx,
		   gva_t gva, struct walk *w, u32 *error)
{
	const struct format *f = &w->f;
	gpa_t table = f->root;
	unsigned int level;
	int ret;

	w->w = true;
	w->u = true;
	w->nx = false;
	for (level = f->levels; level; level--) {
		unsigned int bits = is_pdpte(f, level) ? 2 : f->bits;
		u64 index = gva >> (12 + f->bits * (level - 1)) & GENMASK_ULL(bits - 1, 0);
		u64 pte = 0;
		bool leaf;

		w->pte_gpa[level] = table + index * f->entry;
		ret = ops->read(ctx, w->pte_gpa[level], &pte, f->entry);
		if (ret)
			return ret;
		w->pte[level] = pte;
		if (!(pte & PTE_P))
			return 1;
		leaf = is_leaf(p, f, pte, level);
		if (pte & reserved_bits(p, f, level, leaf)) {
			*error |= PF_P | PF_RSVD;
			return 1;
		}
		if (!is_pdpte(f, level)) {
			w->w &= !!(pte & PTE_W);
			w->u &= !!(pte & PTE_U);
			w->nx |= !!(pte & PTE_NX);
		}
		w->level = level;
		if (leaf)
			return 0;
		table = pte & PTE_ADDR;
	}
	return 0;	/* not reached: level 1 is a leaf */
}

static bool permitted(const struct aerie_paging *p, const struct walk *w, u32 acc)
{
	if ((acc & AERIE_ACC_FETCH) && w->nx)	/* reserved, hence 0, without EFER.NX */
		return false;
	if (acc & AERIE_ACC_USER)
		return w->u && (w->w || !(acc & AERIE_ACC_WRITE));
	if (w->u) {
		if (acc & AERIE_ACC_FETCH)
			return !(p->cr4 & X86_CR4_SMEP);
		if ((p->cr4 & X86_CR4_SMAP) && !(p->rflags & X86_EFLAGS_AC))
			return false;
	}
	return w->w || !(acc & AERIE_ACC_WRITE) || !(p->cr0 & X86_CR0_WP);
}

/* Set what the processor would. Returns 1 if done, 0 to start over, or an error. */
static int mark(const struct aerie_walk_ops *ops, void *ctx, struct walk *w, u32 acc)
{
	unsigned int level;

	for (level = w->f.levels; level >= w->level; level--) {
		u64 old = w->pte[level], new = old | PTE_A;
		int ret;

		if (is_pdpte(&w->f, level))
			continue;
		if (level == w->level && (acc & AERIE_ACC_WRITE))
			new |= PTE_D;
		if (new == old)
			continue;
		/* In parentheses, for cmpxchg() is a macro. */
		ret = (*ops->cmpxchg)(ctx, w->pte_gpa[level], w->f.entry, &old, new);
		if (ret <= 0)
			return ret;
	}
	return 1;
}

static gpa_t leaf_gpa(const struct walk *w, gva_t gva)
{
	u64 pte = w->pte[w->level];
	u64 offset = BIT_ULL(12 + w->f.bits * (w->level - 1)) - 1;
	gpa_t frame = pte & PTE_ADDR;

	if (w->f.entry == 4 && w->level == 2)
		frame = (pte & GENMASK_ULL(31, 22)) | (pte & GENMASK_ULL(20, 13)) << 19;
	return (frame & ~offset) | (gva & offset);
}

int aerie_walk(const struct aerie_paging *p, const struct aerie_walk_ops *ops, void *ctx,
	       gva_t gva, u32 acc, gpa_t *gpa, u32 *error)
{
	unsigned int round;
	struct walk w;
	int ret;

	if (!(p->efer & (EFER_LME | EFER_LMA)) || !(p->cr0 & X86_CR0_PG))
		gva = (u32)gva;
	*error = 0;
	if (!(p->cr0 & X86_CR0_PG)) {
		*gpa = gva;
		return 0;
	}
	if (p->efer & EFER_LMA) {
		ret = aerie_walk_plain(p, ops->read, ctx, gva, acc, gpa);
		if (ret <= 0)
			return ret;
	}
	choose_format(p, &w.f);
	/* The fetch bit exists only where something depends on it. */
	if ((acc & AERIE_ACC_FETCH) && !((p->efer & EFER_NX) && w.f.entry == 8) &&
	    !(p->cr4 & X86_CR4_SMEP))
		*error = acc & (AERIE_ACC_WRITE | AERIE_ACC_USER);
	else
		*error = acc & (AERIE_ACC_WRITE | AERIE_ACC_USER | AERIE_ACC_FETCH);

	for (round = 0; round < MAX_ROUNDS; round++) {
		ret = descend(p, ops, ctx, gva, &w, error);
		if (ret)
			return ret;
		if (!permitted(p, &w, acc)) {
			*error |= PF_P;
			return 1;
		}
		ret = mark(ops, ctx, &w, acc);
		if (ret < 0)
			return ret;
		if (ret)
			break;
	}
	*gpa = leaf_gpa(&w, gva);
	return 0;
}
