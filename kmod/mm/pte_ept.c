// SPDX-License-Identifier: GPL-2.0
/*
 * Entry format of EPT, with and without accessed and dirty bits.
 *
 * An entry is present when any of read, write and execute is allowed (SDM, EPT
 * Paging-Structure Entries); Aerie always allows read and execute together, so
 * no combination that is a misconfiguration can arise. Pages are write-back
 * whatever the guest's PAT says: no device writes guest memory behind the
 * host's caches. Where the processor keeps accessed and dirty bits, a page
 * starts accessed, because a fault on it is why it is mapped.
 */
#include <linux/bits.h>
#include "types.h"
#include "mm/mm.h"

/* SDM, Format of an EPT Page-Table Entry that Maps a Page. */
#define EPT_R		BIT_ULL(0)
#define EPT_W		BIT_ULL(1)
#define EPT_X		BIT_ULL(2)
#define EPT_RWX		(EPT_R | EPT_W | EPT_X)
#define EPT_WB		(6ull << 3)
#define EPT_IPAT	BIT_ULL(6)
#define EPT_PAGE	BIT_ULL(7)
#define EPT_A		BIT_ULL(8)
#define EPT_D		BIT_ULL(9)
#define EPT_ADDR	GENMASK_ULL(51, 12)

#define EPT_PAGE_SHIFT	12

static u64 ept_make_table(hpa_t table)
{
	return table | EPT_RWX;
}

static u64 ept_make_page(hpa_t page, unsigned int level, bool writable)
{
	u64 pte = page | EPT_R | EPT_X | EPT_WB | EPT_IPAT;

	if (writable)
		pte |= EPT_W;
	if (level > 1)
		pte |= EPT_PAGE;
	return pte;
}

static u64 ept_ad_make_page(hpa_t page, unsigned int level, bool writable)
{
	return ept_make_page(page, level, writable) | EPT_A;
}

static bool ept_present(u64 pte)
{
	return pte & EPT_RWX;
}

static bool ept_large(u64 pte, unsigned int level)
{
	return level > 1 && pte & EPT_RWX && pte & EPT_PAGE;
}

static u64 ept_pfn(u64 pte)
{
	return (pte & EPT_ADDR) >> EPT_PAGE_SHIFT;
}

static bool ept_writable(u64 pte)
{
	return pte & EPT_W;
}

static bool ept_accessed(u64 pte)
{
	return pte & EPT_A;
}

static bool ept_dirty(u64 pte)
{
	return pte & EPT_D;
}

static u64 ept_protect(u64 pte)
{
	return pte & ~EPT_W;
}

static u64 ept_clean(u64 pte)
{
	return pte & ~EPT_D;
}

static u64 ept_old(u64 pte)
{
	return pte & ~EPT_A;
}

static bool ept_never(u64 pte)
{
	return false;
}

const struct aerie_pte_ops aerie_pte_ept = {
	.levels		= 4,
	.make_table	= ept_make_table,
	.make_page	= ept_make_page,
	.present	= ept_present,
	.large		= ept_large,
	.pfn		= ept_pfn,
	.writable	= ept_writable,
	.accessed	= ept_never,
	.dirty		= ept_never,
	.protect	= ept_protect,
	.clean		= ept_clean,
};

const struct aerie_pte_ops aerie_pte_ept_ad = {
	.levels		= 4,
	.has_ad		= true,
	.make_table	= ept_make_table,
	.make_page	= ept_ad_make_page,
	.present	= ept_present,
	.large		= ept_large,
	.pfn		= ept_pfn,
	.writable	= ept_writable,
	.accessed	= ept_accessed,
	.dirty		= ept_dirty,
	.protect	= ept_protect,
	.clean		= ept_clean,
	.old		= ept_old,
};
