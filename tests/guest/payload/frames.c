// SPDX-License-Identifier: GPL-2.0
/*
 * What the host may do with guest memory behind the guest's back: memory that is only
 * read, that is written after others have read it, that is equal to other memory and
 * changes. It is to have its content all the while. Wants two processors and RAM
 * that does not end at 2 MiB, 64 GiB at the most. Command line: "rounds=N" of the last test (20000); "pause=N"
 * says when all memory has been written and stands still, N million ticks then (0).
 */
#include "guest.h"

#define PAGE	4096ull
#define LARGE	(2ull << 20)
#define AREA	0x1000000ull	/* clear of the payload itself */
#define AREA_END 0x2000000ull

struct mmap {
	u32 size;
	u64 addr, len;
	u32 type;
} __attribute__((packed));

extern u64 pml4[512];

/* The loader's map: gigabytes above the fourth get 2 MiB pages of their own. */
static void map_gigabyte(u64 at)
{
	static u64 pds[64][512] __attribute__((aligned(4096)));
	u64 *pdpt = (u64 *)(pml4[0] & PTE_ADDR), *pd, i;
	static u32 used;

	if (pdpt[at >> 30] & PTE_P)
		return;
	if (used == ARRAY_SIZE(pds))
		die("more memory than there are page tables for");
	pd = pds[used++];
	for (i = 0; i < 512; i++)
		pd[i] = (at & ~(BIT(30) - 1)) + i * LARGE + (PTE_PS | PTE_P | PTE_W | PTE_U);
	pdpt[at >> 30] = (u64)pd | PTE_P | PTE_W | PTE_U;
}

static u64 ram_end(void)
{
	const u32 *info = (u32 *)(u64)boot_ebx;
	u64 entry = info[12], last = entry + info[11], end = 0;

	for (; entry < last; entry += ((struct mmap *)entry)->size + 4) {
		struct mmap m = *(struct mmap *)entry;

		if (m.type == 1 && m.addr + m.len > end)
			end = m.addr + m.len;
	}
	return end;
}

TEST(untouched_memory_is_zeroes)
{
	u64 at, end = ram_end(), wrong = 0, words = 0;

	for (at = AREA_END; at < end; at += LARGE, words++) {
		if (at >= 0xc0000000ull && at < BIT(32)) {
			at = BIT(32) - LARGE;
			continue;
		}
		map_gigabyte(at);
		wrong += !!*(volatile u64 *)at;
	}
	printf("# %lu words up to 0x%lx\n", words, end);
	EXPECT_EQ(wrong, 0);
}

/* ---- Written under the eyes of another processor ------------------------------ */

static volatile u32 asked, warm, written, answered;
static volatile u64 before, after;
static volatile u64 *volatile word;

static void reader(void *arg)
{
	u32 mine, rounds = (u64)arg;

	for (mine = 1; mine <= rounds; mine++) {
		while (asked != mine)
			relax();
		before = *word;
		warm = mine;
		while (written != mine)
			pause();
		after = *word;
		answered = mine;
	}
}

static bool seen_by_other(u64 addr, u32 round)
{
	word = (volatile u64 *)addr;
	asked = round;
	if (!WAIT_FOR(warm == round, 5000) || before)
		return false;
	*word = addr + round;
	written = round;
	return WAIT_FOR(answered == round, 5000) && after == addr + round;
}

TEST(written_after_another_has_read)
{
	u64 end = ram_end(), addr;
	u32 pages = 0, large = 0, rounds;

	if (smp_start() < 2)
		SKIP("one processor");
	EXPECT(end & (LARGE - 1));
	rounds = 60 + 8;
	asked = warm = written = answered = 0;
	cpu_start(1, reader, (void *)(u64)rounds);
	/* Frames of 4 KiB, then of 2 MiB. */
	for (addr = (end & ~(LARGE - 1)) + PAGE; pages < 60; addr += PAGE, pages++)
		if (!seen_by_other(addr + 8 * pages, pages + 1))
			break;
	EXPECT_EQ(pages, 60);
	for (addr = AREA_END; pages == 60 && large < 8; addr += LARGE, large++)
		if (!seen_by_other(addr + PAGE * large + 16, 61 + large))
			break;
	EXPECT_EQ(large, 8);
	if (warm != rounds || answered != rounds)
		die("the other processor is of no use any more");
	cpu_wait(1);
}

#define RACE_PAGES	40u
static volatile u32 arrived[RACE_PAGES], wrong_words;

/* All read a page, then each writes a word of its own there. */
static void racer(void *arg)
{
	u64 base = (u64)arg;
	u32 id = this_cpu()->id, i;

	for (i = 0; i < RACE_PAGES; i++) {
		volatile u64 *page = (volatile u64 *)(base + i * PAGE);

		if (page[0])
			atomic_inc(&wrong_words);
		atomic_inc(&arrived[i]);
		while (arrived[i] < 2)
			relax();
		page[8 + id] = id + 1 + i;
	}
}

TEST(two_write_what_both_have_read)
{
	u64 base = (ram_end() & ~(LARGE - 1)) + 100 * PAGE;
	u32 i;

	if (smp_start() < 2)
		SKIP("one processor");
	wrong_words = 0;
	cpu_start(1, racer, (void *)base);
	racer((void *)base);
	cpu_wait(1);
	for (i = 0; i < RACE_PAGES; i++) {
		volatile u64 *page = (volatile u64 *)(base + i * PAGE);

		wrong_words += page[8] != 1 + i || page[9] != 2 + i;
	}
	EXPECT_EQ(wrong_words, 0);
}

/* ---- Equal content that changes ------------------------------------------------- */

#define PAGES	((AREA_END - AREA) / PAGE)
#define PLAIN	512u	/* no word differs */
#define KINDS	6u	/* zeroes, three that many pages have, two of the page alone */

/* What a page is to hold: words of a kind, but for one. */
static struct model {
	u32 kind, at;
	u64 val;
} model[PAGES];

struct writer {
	u64 seed;
	u64 bad;
};

static u64 rnd(u64 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static u64 content(u32 page, u32 at)
{
	const struct model *m = &model[page];

	if (at == m->at)
		return m->val;
	if (!m->kind)
		return 0;
	return (m->kind * 0x9e3779b97f4a7c15ull + at) * 0xff51afd7ed558ccdull +
	       (m->kind < 4 ? 0 : page * 0x100000001ull);
}

static u64 *page_words(u32 page)
{
	return (u64 *)(AREA + page * PAGE);
}

static void fill(u32 page, u32 kind)
{
	u32 i;

	model[page] = (struct model){ .kind = kind, .at = PLAIN };
	for (i = 0; i < 512; i++)
		page_words(page)[i] = content(page, i);
}

static bool verify(u32 page)
{
	u32 i;

	for (i = 0; i < 512; i++)
		if (READ_ONCE(page_words(page)[i]) != content(page, i))
			return false;
	return true;
}

/* Of the pages that are this processor's: look at them, change some. */
static void writer(void *arg)
{
	struct writer *w = arg;
	u32 id = this_cpu()->id, i, rounds = boot_option("rounds=", 20000);

	for (i = 0; i < rounds && !w->bad; i++) {
		u32 page = (rnd(&w->seed) % (PAGES / 2)) * 2 + id, what = rnd(&w->seed) % 64;

		if (!verify(page)) {
			w->bad = page_words(page)[0] ?: 1;
			printf("# page %u, kind %u\n", page, model[page].kind);
		}
		if (!what) {
			fill(page, rnd(&w->seed) % KINDS);
		} else if (what < 4) {
			model[page].at = rnd(&w->seed) % 512;
			model[page].val = rnd(&w->seed);
			fill(page, model[page].kind);
			model[page].at = what * 100;
			model[page].val = i;
			page_words(page)[what * 100] = i;
		}
	}
}

static void stand_still(void)
{
	u64 end = rdtsc() + boot_option("pause=", 0) * 1000000;

	if (boot_option("pause=", 0))
		printf("# standing still\n");
	while (rdtsc() < end)
		relax();
}

TEST(equal_content_that_changes)
{
	static struct writer writers[2];
	u32 i, bad = 0, turn;

	if (smp_start() < 2)
		SKIP("one processor");
	for (i = 0; i < PAGES; i++)
		fill(i, i % KINDS);
	for (turn = 0; turn < 2; turn++) {
		if (!turn)
			stand_still();
		writers[0] = (struct writer){ .seed = 88172645463325252ull + turn };
		writers[1] = (struct writer){ .seed = 0x9e3779b97f4a7c15ull + turn };
		cpu_start(1, writer, &writers[1]);
		writer(&writers[0]);
		cpu_wait(1);
		EXPECT_EQ(writers[0].bad, 0);
		EXPECT_EQ(writers[1].bad, 0);
	}
	for (i = 0; i < PAGES; i++)
		bad += !verify(i);
	EXPECT_EQ(bad, 0);
}
