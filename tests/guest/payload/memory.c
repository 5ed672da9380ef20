// SPDX-License-Identifier: GPL-2.0
/*
 * All of the machine's RAM, also above 4 GiB: one word in every STRIDE keeps its own
 * value. Command line: "stride=KIB" (1024), "loops=N" (1; 0 is for ever).
 */
#include "guest.h"

#define FIRST	0x1000000ull	/* clear of the payload itself */

struct mmap {
	u32 size;
	u64 addr, len;
	u32 type;
} __attribute__((packed));

extern u64 pml4[512];

/* The loader's map: gigabytes above the fourth get 2 MiB pages of their own. */
static bool map_gigabyte(u64 at)
{
	u64 *pdpt = (u64 *)(pml4[0] & PTE_ADDR), *pd, i;

	if (at >> 30 >= 512)
		return false;
	if (pdpt[at >> 30] & PTE_P)
		return true;
	pd = page_alloc();
	if (!pd)
		return false;
	for (i = 0; i < 512; i++)
		pd[i] = (at & ~(BIT(30) - 1)) + i * BIT(21) + (PTE_PS | PTE_P | PTE_W | PTE_U);
	pdpt[at >> 30] = (u64)pd | PTE_P | PTE_W | PTE_U;
	return true;
}

static u64 value(u64 at, u64 loop)
{
	return at * 0x9e3779b97f4a7c15ull + loop;
}

/* Apply @fn to every STRIDEth word of RAM and the last of each range. */
static void for_each_word(void (*fn)(volatile u64 *word, u64 val), u64 loop)
{
	const u32 *info = (u32 *)(u64)boot_ebx;
	u64 entry = info[12], last = entry + info[11], stride = boot_option("stride=", 1024) << 10;

	for (; entry < last; entry += ((struct mmap *)entry)->size + 4) {
		struct mmap m = *(struct mmap *)entry;
		u64 at = m.addr < FIRST ? FIRST : m.addr, end = m.addr + m.len;

		if (m.type != 1)
			continue;
		for (; at < end; at += stride) {
			if (!map_gigabyte(at))
				return;
			fn((volatile u64 *)at, value(at, loop));
		}
		if (end > FIRST && map_gigabyte(end - 8))
			fn((volatile u64 *)(end - 8), value(end - 8, loop));
	}
}

static u64 words, above;

static void store(volatile u64 *word, u64 val)
{
	*word = val;
	words++;
	above += (u64)word >= BIT(32);
}

static void verify(volatile u64 *word, u64 val)
{
	EXPECT_EQ(*word, val);
}

TEST(every_word_keeps_its_value)
{
	u64 loops = boot_option("loops=", 1), loop;

	for (loop = 0; !loops || loop < loops; loop++) {
		words = above = 0;
		for_each_word(store, loop);
		for_each_word(verify, loop);
		relax();	/* Bochs's VMX takes interrupts of the host at exits alone */
	}
	printf("# %lu words, %lu of them above 4 GiB\n", words, above);
	EXPECT(words);
}
