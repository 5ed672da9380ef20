// SPDX-License-Identifier: GPL-2.0
/*
 * Entry format of SVM's nested page tables.
 *
 * They are ordinary long-mode page tables of the host (APM, Nested Paging): the
 * processor walks them as user accesses with the host's CR4.LA57 and EFER.NXE,
 * so every entry needs the U/S bit, and accessed and dirty bits always work.
 * Write permission is the AND of all levels. Bits 63:52 are not addresses; where
 * the host encrypts memory (SME) one address bit is the C-bit and is masked out.
 */
#include <linux/bits.h>
#include "types.h"
#include "mm/mm.h"

/* APM, Page-Translation-Table Entry Fields. */
#define NPT_P		BIT_ULL(0)
#define NPT_RW		BIT_ULL(1)
#define NPT_US		BIT_ULL(2)
#define NPT_A		BIT_ULL(5)
#define NPT_D		BIT_ULL(6)
#define NPT_PS		BIT_ULL(7)
#define NPT_ADDR	GENMASK_ULL(51, 12)

#define NPT_PAGE_SHIFT	12

u64 aerie_pte_npt_c_bit;

static u64 npt_make_table(hpa_t table)
{
	return table | aerie_pte_npt_c_bit | NPT_P | NPT_RW | NPT_US | NPT_A;
}

static u64 npt_make_page(hpa_t page, unsigned int level, bool writable)
{
	u64 pte = page | aerie_pte_npt_c_bit | NPT_P | NPT_US;

	if (writable)
		pte |= NPT_RW;
	if (level > 1)
		pte |= NPT_PS;
	return pte;
}

static bool npt_present(u64 pte)
{
	return pte & NPT_P;
}

static bool npt_large(u64 pte, unsigned int level)
{
	return level > 1 && (pte & (NPT_P | NPT_PS)) == (NPT_P | NPT_PS);
}

static u64 npt_pfn(u64 pte)
{
	return (pte & NPT_ADDR & ~aerie_pte_npt_c_bit) >> NPT_PAGE_SHIFT;
}

static bool npt_writable(u64 pte)
{
	return pte & NPT_RW;
}

static bool npt_accessed(u64 pte)
{
	return pte & NPT_A;
}

static bool npt_dirty(u64 pte)
{
	return pte & NPT_D;
}

static u64 npt_protect(u64 pte)
{
	return pte & ~NPT_RW;
}

static u64 npt_clean(u64 pte)
{
	return pte & ~NPT_D;
}

static u64 npt_old(u64 pte)
{
	return pte & ~NPT_A;
}

#define NPT_OPS(_levels) {			\
	.levels		= _levels,		\
	.has_ad		= true,			\
	.make_table	= npt_make_table,	\
	.make_page	= npt_make_page,	\
	.present	= npt_present,		\
	.large		= npt_large,		\
	.pfn		= npt_pfn,		\
	.writable	= npt_writable,		\
	.accessed	= npt_accessed,		\
	.dirty		= npt_dirty,		\
	.protect	= npt_protect,		\
	.clean		= npt_clean,		\
	.old		= npt_old,		\
}

const struct aerie_pte_ops aerie_pte_npt4 = NPT_OPS(4);
const struct aerie_pte_ops aerie_pte_npt5 = NPT_OPS(5);
