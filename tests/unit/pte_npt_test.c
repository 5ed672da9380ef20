// SPDX-License-Identifier: GPL-2.0
/* NPT entries: what is written is read back, and nothing else. */
// sources: kmod/mm/pte_npt.c
#include "shim.h"
#include "mm/mm.h"
#include "ktap.h"

static const struct aerie_pte_ops *const ops = &aerie_pte_npt4;

TEST(table_entry_allows_everything)
{
	u64 pte = ops->make_table(0x123456000ull);

	EXPECT(ops->present(pte));
	EXPECT(ops->writable(pte));
	EXPECT(pte & 4);	/* nested walks are user accesses */
	EXPECT_EQ(ops->large(pte, 2), false);
	EXPECT_EQ(ops->pfn(pte), 0x123456);
	EXPECT_EQ(pte >> 63, 0);
}

TEST(page_entry_read_only)
{
	u64 pte = ops->make_page(0xffffffffff000ull, 1, false);

	EXPECT(ops->present(pte));
	EXPECT_EQ(ops->writable(pte), false);
	EXPECT_EQ(ops->large(pte, 1), false);
	EXPECT_EQ(ops->accessed(pte), false);
	EXPECT_EQ(ops->dirty(pte), false);
	EXPECT_EQ(ops->pfn(pte), 0xffffffffffull);
}

TEST(page_entry_large)
{
	u64 pte = ops->make_page(0x40000000ull, 2, true);

	EXPECT(ops->large(pte, 2));
	EXPECT(ops->writable(pte));
	EXPECT_EQ(ops->pfn(pte), 0x40000);
	/* Bit 7 is PAT, not page size, in a 4 KiB entry. */
	EXPECT_EQ(ops->large(pte, 1), false);
}

TEST(empty_entry)
{
	EXPECT_EQ(ops->present(0), false);
	EXPECT_EQ(ops->large(1ull << 7, 2), false);
}

TEST(accessed_and_dirty_do_not_touch_the_rest)
{
	u64 pte = ops->make_page(0x5000, 1, true);

	EXPECT(ops->accessed(pte | 1 << 5));
	EXPECT_EQ(ops->dirty(pte | 1 << 5), false);
	EXPECT(ops->dirty(pte | 1 << 6));
	EXPECT_EQ(ops->pfn(pte | 3 << 5 | 1ull << 63), 5);
}

TEST(c_bit_is_no_address)
{
	u64 pte;

	aerie_pte_npt_c_bit = 1ull << 47;
	pte = ops->make_page(0x7000, 1, true);
	EXPECT(pte & 1ull << 47);
	EXPECT_EQ(ops->pfn(pte), 7);
	pte = ops->make_table(0x9000);
	EXPECT(pte & 1ull << 47);
	EXPECT_EQ(ops->pfn(pte), 9);
	aerie_pte_npt_c_bit = 0;
}

TEST(levels)
{
	EXPECT_EQ(aerie_pte_npt4.levels, 4);
	EXPECT_EQ(aerie_pte_npt5.levels, 5);
	EXPECT(aerie_pte_npt5.has_ad);
}

TEST(marks_of_a_page_go_alone)
{
	const struct aerie_pte_ops *o = &aerie_pte_npt4;
	u64 pte = o->make_page(0x123456000ull, 1, true), dirty = pte | 1u << 6;

	EXPECT(!o->dirty(pte) && o->dirty(dirty));
	EXPECT_EQ(o->clean(dirty), pte);
	EXPECT(o->writable(pte) && !o->writable(o->protect(pte)));
	EXPECT_EQ(o->pfn(o->protect(dirty)), 0x123456);
	EXPECT(o->present(o->protect(pte)) && o->dirty(o->protect(dirty)));
}
