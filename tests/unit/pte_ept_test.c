// SPDX-License-Identifier: GPL-2.0
/* EPT entries: what is written is read back, and no entry is a misconfiguration. */
// sources: kmod/mm/pte_ept.c
#include "shim.h"
#include "mm/mm.h"
#include "ktap.h"

/* SDM, EPT Misconfigurations: for one entry, as far as it does not depend on MAXPHYADDR. */
static bool misconfigured(u64 pte, unsigned int level, bool leaf)
{
	unsigned int rwx = pte & 7, type = pte >> 3 & 7;

	if (rwx == 2 || rwx == 6)
		return true;
	if (!rwx)
		return false;
	if (!leaf)
		return pte & (level == 4 ? 0xf8 : 0x78);
	if (level == 2 && pte & 0x1ff000)
		return true;
	return type == 2 || type == 3 || type == 7;
}

static void check_page(const struct aerie_pte_ops *ops, u64 hpa, unsigned int level, bool writable)
{
	u64 pte = ops->make_page(hpa, level, writable);

	EXPECT(ops->present(pte));
	EXPECT_EQ(misconfigured(pte, level, true), false);
	EXPECT_EQ(ops->large(pte, level), level == 2);
	EXPECT_EQ(ops->writable(pte), writable);
	EXPECT_EQ(ops->pfn(pte), hpa >> 12);
	EXPECT_EQ(pte & 5, 5);			/* read and execute */
	EXPECT_EQ(pte >> 3 & 15, 6 | 8);	/* write-back, PAT ignored */
	EXPECT_EQ(ops->dirty(pte), false);
	EXPECT_EQ(ops->accessed(pte), ops->has_ad);
}

TEST(pages_of_both_sizes)
{
	static const struct aerie_pte_ops *const all[] = { &aerie_pte_ept, &aerie_pte_ept_ad };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		check_page(all[i], 0x1000, 1, false);
		check_page(all[i], 0xffffffffff000ull, 1, true);
		check_page(all[i], 0x200000, 2, false);
		check_page(all[i], 0xfffffffe00000ull, 2, true);
	}
}

TEST(tables_allow_everything)
{
	unsigned int level;

	for (level = 2; level <= 4; level++) {
		u64 pte = aerie_pte_ept_ad.make_table(0x123456000ull);

		EXPECT(aerie_pte_ept_ad.present(pte));
		EXPECT_EQ(misconfigured(pte, level, false), false);
		EXPECT_EQ(aerie_pte_ept_ad.large(pte, level), false);
		EXPECT_EQ(aerie_pte_ept_ad.pfn(pte), 0x123456);
		EXPECT_EQ(pte & 7, 7);
	}
}

TEST(empty_is_not_present)
{
	EXPECT_EQ(aerie_pte_ept.present(0), false);
	EXPECT_EQ(aerie_pte_ept.large(0, 2), false);
	/* What the processor ignores does not make an entry. */
	EXPECT_EQ(aerie_pte_ept.present(0xfff0000000000000ull | 0xf8), false);
}

TEST(accessed_and_dirty_by_the_processor)
{
	u64 pte = aerie_pte_ept_ad.make_page(0x5000, 1, true) | 1 << 9;

	EXPECT(aerie_pte_ept_ad.dirty(pte));
	EXPECT(aerie_pte_ept_ad.accessed(pte));
	EXPECT_EQ(aerie_pte_ept_ad.accessed(pte & ~0x100ull), false);
	/* Without the feature the bits mean nothing. */
	EXPECT_EQ(aerie_pte_ept.dirty(pte), false);
	EXPECT_EQ(aerie_pte_ept.accessed(pte), false);
	EXPECT_EQ(aerie_pte_ept_ad.pfn(pte), 5);
}

TEST(marks_of_a_page_go_alone)
{
	const struct aerie_pte_ops *o = &aerie_pte_ept_ad;
	u64 pte = o->make_page(0x123456000ull, 1, true), dirty = pte | 1u << 9;

	EXPECT(!o->dirty(pte) && o->dirty(dirty));
	EXPECT_EQ(o->clean(dirty), pte);
	EXPECT(o->writable(pte) && !o->writable(o->protect(pte)));
	EXPECT_EQ(o->pfn(o->protect(dirty)), 0x123456);
	EXPECT(o->present(o->protect(pte)) && o->dirty(o->protect(dirty)));
}
