// SPDX-License-Identifier: GPL-2.0
// sources: MEMORY kmod/mm/pte_ept.c kmod/mm/pte_npt.c
/*
 * Whose memory leaves memory, and how much of it: the oldest first, down to limits, not
 * what is reserved, not what does not get smaller; and what becomes of a guest that needs
 * more. What happens meanwhile is model_test's.
 */
#include "fake_mmu.h"
#include "memory.h"

#define MIB	(1u << 20)
#define BYTES	(8 * MIB)
#define PAGE(n)	((gpa_t)(512 + (n)) * PAGE_SIZE)	/* RAM, from end to end */

static struct aerie_mem mems[2];
static struct aerie_mem *const a = &mems[0], *const b = &mems[1];

static long resident(const struct aerie_mem *mem)
{
	return atomic_long_read(&mem->resident);
}

static void touch(struct aerie_mem *mem, unsigned int page)
{
	unsigned int level;

	EXPECT_EQ(aerie_mem_fault(mem, PAGE(page), AERIE_ACC_WRITE, GFP_KERNEL), 0);
	*mmu_walk(mem, PAGE(page), &level) |= mmu_accessed(mem);
}

/* Small frames, all accessed; @pages: of whole large ones. */
static void fill(struct aerie_mem *mem, unsigned int pages)
{
	struct aerie_leaf leaf;
	u64 word;

	for (unsigned int i = 0; i < pages; i++) {
		word = i + 1;
		EXPECT_EQ(aerie_mem_write(mem, PAGE(i), &word, 8, GFP_KERNEL), 0);
		if (aerie_map_next(mem, PAGE(i) >> PAGE_SHIFT, &leaf) && leaf.large)
			EXPECT_EQ(aerie_map_split(mem, &leaf), 0);
		touch(mem, i);
	}
	EXPECT_EQ(resident(mem), pages);
}

static void setup(const struct aerie_pte_ops *ops)
{
	unsigned int i;

	EXPECT_EQ(aerie_mm_init(), 0);
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(aerie_mem_init(&mems[i], BYTES, ops), 0);
		EXPECT_EQ(aerie_share_join(&mems[i], ""), 0);
	}
}

static void teardown(void)
{
	unsigned int i;

	EXPECT_EQ(aerie_pool_set_limit(0), 0);
	aerie_pool_forget();
	fake_store_full = false;
	fake_store_broken = false;
	fake_store_loading = NULL;
	fake_pool_waiting = NULL;
	fake_swap_room = 0;
	for (i = 0; i < 2; i++)
		aerie_mem_fini(&mems[i]);
	aerie_mm_exit();
	expect_nothing_left();
}

static void age(void)
{
	aerie_share_lock();
	while (aerie_age_batch())
		;
	aerie_share_unlock();
}

static bool stored(struct aerie_mem *mem, unsigned int page)
{
	struct aerie_frame_ref ref = {};

	return !aerie_map_find(mem, PAGE(page) >> PAGE_SHIFT, &ref) && ref.stored;
}

static unsigned int stored_between(struct aerie_mem *mem, unsigned int from, unsigned int to)
{
	unsigned int nr = 0;

	for (; from < to; from++)
		nr += stored(mem, from);
	return nr;
}

static void set_limits(struct aerie_mem *mem, u64 limit, u64 reserve, unsigned int weight)
{
	const struct aerie_mem_limits limits = {
		.limit = limit, .reserve = reserve, .weight = weight,
	};

	EXPECT_EQ(aerie_mem_set_limits(mem, &limits), 0);
}

TEST(the_oldest_leave_first)
{
	unsigned int i, round;

	setup(&aerie_pte_npt4);
	fill(a, 1024);
	for (round = 0; round < 6; round++) {
		for (i = round < 2 ? 300 : 600; i < 1024; i++)
			touch(a, i);
		age();
	}
	EXPECT_EQ(a->idle[0], 424);
	EXPECT_EQ(a->idle[1], 0);
	EXPECT_EQ(a->idle[2] + a->idle[3] + a->idle[4], 600);
	aerie_pool_ask(250);
	EXPECT_EQ(reclaim(), AERIE_RECLAIM_NONE);
	EXPECT(stored_between(a, 0, 300) >= 250);
	EXPECT_EQ(stored_between(a, 600, 1024), 0);
	aerie_pool_ask(300);
	EXPECT_EQ(reclaim(), AERIE_RECLAIM_NONE);
	EXPECT_EQ(stored_between(a, 600, 1024), 0);
	teardown();
}

TEST(no_more_than_a_limit_asks_for)
{
	setup(&aerie_pte_ept_ad);
	fill(a, 1024);
	fill(b, 1024);
	set_limits(a, 2 * MIB, 0, AERIE_WEIGHT);
	EXPECT_EQ(reclaim(), AERIE_RECLAIM_NONE);
	EXPECT(resident(a) <= 512 - 512 / 32);
	EXPECT(resident(a) >= 512 - 512 / 16);
	EXPECT_EQ(resident(b), 1024);
	EXPECT_EQ(atomic_long_read(&a->stored), 1024 - resident(a));
	teardown();
}

TEST(limits_of_any_size)
{
	setup(&aerie_pte_npt4);
	EXPECT_EQ(aerie_pool_set_limit(1), 0);
	EXPECT_EQ(aerie_pool_limit(), MIB);
	EXPECT_EQ(aerie_pool_set_limit(~0ull), 0);
	EXPECT(aerie_pool_limit() > 1ull << 40);
	EXPECT_EQ(aerie_pool_set_limit(0), 0);
	EXPECT_EQ(aerie_pool_limit(), 0);
	teardown();
}

TEST(without_accessed_bits_as_well)
{
	setup(&aerie_pte_ept);
	fill(a, 1024);
	set_limits(a, 2 * MIB, 0, AERIE_WEIGHT);
	EXPECT_EQ(reclaim(), AERIE_RECLAIM_NONE);
	EXPECT(resident(a) <= 512);
	teardown();
}

TEST(what_is_reserved_stays)
{
	setup(&aerie_pte_npt4);
	fill(a, 1024);
	fill(b, 1024);
	set_limits(b, 0, 3 * MIB, AERIE_WEIGHT);
	EXPECT_EQ(aerie_pool_set_limit(8 * MIB), 0);
	EXPECT_EQ(reclaim(), AERIE_RECLAIM_NONE);
	EXPECT(aerie_pool_used() <= 8 * MIB);
	EXPECT(resident(b) >= 768);
	/* Nothing else is left: what has to leave cannot. */
	set_limits(a, 0, 3 * MIB, AERIE_WEIGHT);
	EXPECT_EQ(aerie_pool_set_limit(4 * MIB), 0);
	EXPECT_EQ(reclaim(), AERIE_RECLAIM_STUCK);
	EXPECT(resident(b) >= 768);
	/* Who has less than that gets more, although the pool has none left. */
	EXPECT(resident(a) < 768);
	EXPECT_EQ(aerie_pool_room(a), 0);
	set_limits(a, 0, 0, AERIE_WEIGHT);
	EXPECT_EQ(aerie_pool_room(a), -EAGAIN);
	teardown();
}

static void weigh(struct aerie_mem *light, struct aerie_mem *heavy)
{
	unsigned int i;

	setup(&aerie_pte_npt4);
	fill(light, 1024);
	fill(heavy, 1024);
	set_limits(light, 0, 0, 10);
	set_limits(heavy, 0, 0, 1000);
	for (i = 0; i < 4; i++)
		age();
	aerie_pool_ask(400);
	EXPECT_EQ(reclaim(), AERIE_RECLAIM_NONE);
	EXPECT(resident(light) <= 624);
	EXPECT_EQ(resident(heavy), 1024);
	teardown();
}

TEST(who_weighs_less_gives_more)
{
	weigh(a, b);
	weigh(b, a);
}

TEST(what_does_not_get_smaller_stays_until_it_is_used_again)
{
	unsigned int i;

	setup(&aerie_pte_npt4);
	fill(a, 1024);
	set_limits(a, 2 * MIB, 0, AERIE_WEIGHT);
	fake_store_full = true;
	EXPECT_EQ(reclaim(), AERIE_RECLAIM_STUCK);
	EXPECT_EQ(resident(a), 1024);
	EXPECT(fake_store_refused >= 1024);
	fake_store_refused = 0;
	EXPECT_EQ(reclaim(), AERIE_RECLAIM_STUCK);
	EXPECT_EQ(fake_store_refused, 0);
	fake_store_full = false;
	EXPECT_EQ(reclaim(), AERIE_RECLAIM_STUCK);
	for (i = 0; i < 700; i++)
		touch(a, i);
	EXPECT_EQ(reclaim(), AERIE_RECLAIM_NONE);
	EXPECT(resident(a) <= 512);
	EXPECT_EQ(stored_between(a, 700, 1024), 0);
	teardown();
}

TEST(a_page_that_cannot_be_read_back)
{
	u64 word = 0;

	setup(&aerie_pte_npt4);
	fill(a, 512);
	aerie_pool_ask(512);
	EXPECT_EQ(reclaim(), AERIE_RECLAIM_NONE);
	EXPECT(stored(a, 5));
	fake_store_broken = true;
	EXPECT_EQ(aerie_mem_fault(a, PAGE(5), AERIE_ACC_WRITE, GFP_KERNEL), -EIO);
	EXPECT_EQ(aerie_mem_fault(a, PAGE(5), AERIE_ACC_READ, GFP_KERNEL), -EIO);
	EXPECT_EQ(aerie_mem_read(a, PAGE(5), &word, 8, GFP_KERNEL), -EIO);
	EXPECT_EQ(aerie_mem_write(a, PAGE(5), &word, 8, GFP_KERNEL), -EIO);
	/* It is not lost by that. */
	fake_store_broken = false;
	EXPECT_EQ(aerie_mem_read(a, PAGE(5), &word, 8, GFP_KERNEL), 0);
	EXPECT_EQ(word, 6);
	teardown();
}

static void verify(struct aerie_mem *mem, unsigned int from, unsigned int to)
{
	u64 word;

	for (; from < to; from++) {
		EXPECT_EQ(aerie_mem_read(mem, PAGE(from), &word, 8, GFP_KERNEL), 0);
		EXPECT_EQ(word, from + 1);
	}
}

/* All of it is in swap, one behind the other. */
static void swap_out(struct aerie_mem *mem)
{
	fake_swap_room = 4096;
	fake_store_full = true;
	aerie_pool_ask(resident(mem));
	EXPECT_EQ(reclaim(), AERIE_RECLAIM_NONE);
	EXPECT_EQ(resident(mem), 0);
	EXPECT_EQ(atomic_long_read(&mem->stored), 0);
	EXPECT_EQ(atomic_long_read(&mem->packed), 0);
	EXPECT_EQ(atomic_long_read(&mem->swapped), 1024);
}

TEST(what_does_not_get_smaller_goes_to_swap)
{
	setup(&aerie_pte_npt4);
	fill(a, 1024);
	swap_out(a);
	verify(a, 0, 1024);
	EXPECT_EQ(fake_swap_nr, 0);
	teardown();
}

TEST(no_more_than_swap_has_room_for)
{
	setup(&aerie_pte_npt4);
	fill(a, 1024);
	fake_swap_room = 100;
	fake_store_full = true;
	aerie_pool_ask(1024);
	EXPECT_EQ(reclaim(), AERIE_RECLAIM_STUCK);
	EXPECT_EQ(fake_swap_nr, 100);
	EXPECT_EQ(resident(a), 924);
	verify(a, 0, 1024);
	teardown();
}

TEST(what_is_compressed_longest_goes_on_to_swap)
{
	setup(&aerie_pte_npt4);
	fill(a, 1024);
	fill(b, 1024);
	aerie_pool_ask(2048);
	EXPECT_EQ(reclaim(), AERIE_RECLAIM_NONE);
	EXPECT_EQ(resident(a) + resident(b), 0);
	EXPECT_EQ(fake_swap_nr, 0);
	/* 512 pages of zeroes are part of the pool, and 512 of the store. */
	fake_swap_room = 4096;
	EXPECT_EQ(aerie_pool_set_limit(3 * MIB), 0);
	EXPECT_EQ(reclaim(), AERIE_RECLAIM_NONE);
	EXPECT(fake_swap_nr >= 1024);
	EXPECT_EQ(atomic_long_read(&a->swapped) + atomic_long_read(&b->swapped), fake_swap_nr);
	EXPECT_EQ(atomic_long_read(&a->packed),
		  atomic_long_read(&a->stored) * (long)PAGE_SIZE / 4);
	verify(a, 0, 1024);
	verify(b, 0, 1024);
	EXPECT_EQ(atomic_long_read(&a->packed), 0);
	EXPECT_EQ(atomic_long_read(&a->swapped), 0);
	teardown();
}

TEST(reading_on_and_on_reads_ahead)
{
	unsigned int i;

	setup(&aerie_pte_npt4);
	fill(a, 1024);
	swap_out(a);
	fake_swap_reads = 0;
	verify(a, 0, 1024);
	EXPECT(fake_swap_reads < 100);
	EXPECT_EQ(atomic_long_read(&a->loaded), 1024);

	/* What lies far off in swap is left there. */
	swap_out(a);
	fake_swap_near = 0;
	for (i = 0; i < 512; i++)
		verify(a, i * 613 % 1024, i * 613 % 1024 + 1);
	EXPECT_EQ(resident(a), 512);
	fake_swap_near = ~0u;
	teardown();
}

/* Pages so far from each other that none is near another. */
static void verify_few(void)
{
	unsigned int i;

	for (i = 0; i < 1024; i += 64)
		verify(a, i, i + 1);
}

TEST(what_is_read_around_is_what_has_been_of_use)
{
	unsigned int rounds;

	setup(&aerie_pte_npt4);
	fill(a, 1024);
	swap_out(a);
	verify_few();
	EXPECT_EQ(resident(a), 16 * 8);
	/* Nobody accesses it. */
	for (rounds = 0; rounds < 8; rounds++) {
		swap_out(a);
		verify_few();
	}
	EXPECT_EQ(resident(a), 16);
	/* Where one is read beside another more is, at once. */
	verify(a, 1, 9);
	EXPECT(resident(a) > 16 + 8);
	verify(a, 0, 1024);
	teardown();
}

static unsigned int reads;

static void count_reads(void)
{
	reads++;
}

TEST(what_is_overwritten_is_not_read)
{
	struct bio_vec seg;
	u8 page[PAGE_SIZE];

	setup(&aerie_pte_npt4);
	fill(a, 1024);
	swap_out(a);
	reads = 0;
	fake_store_loading = count_reads;
	memset(page, 7, sizeof(page));
	EXPECT_EQ(aerie_mem_write(a, PAGE(9), page, PAGE_SIZE, GFP_KERNEL), 0);
	EXPECT_EQ(aerie_mem_pin(a, PAGE(11), PAGE_SIZE, true, &seg), 0);
	aerie_mem_unpin(&seg);
	EXPECT_EQ(reads, 0);
	EXPECT_EQ(resident(a), 2);
	EXPECT_EQ(atomic_long_read(&a->swapped), 1022);
	EXPECT_EQ(aerie_mem_write(a, PAGE(10), page, PAGE_SIZE - 1, GFP_KERNEL), 0);
	EXPECT(reads);
	teardown();
}

TEST(an_area_is_emptied)
{
	setup(&aerie_pte_npt4);
	fill(a, 1024);
	swap_out(a);
	fake_store_broken = true;
	EXPECT_EQ(aerie_swap_empty(0), -EIO);
	EXPECT_EQ(fake_swap_nr, 1024);
	fake_store_broken = false;
	EXPECT_EQ(aerie_swap_empty(0), 0);
	EXPECT_EQ(fake_swap_nr, 0);
	EXPECT_EQ(resident(a), 1024);
	verify(a, 0, 1024);
	teardown();
}

static unsigned int waits;

static void wait_in_vain(void)
{
	waits++;
	aerie_pool_stuck();
}

static void wait_with_success(void)
{
	waits++;
	EXPECT_EQ(reclaim(), AERIE_RECLAIM_NONE);
}

TEST(who_needs_more_waits_until_it_is_in_vain)
{
	unsigned int i;

	setup(&aerie_pte_npt4);
	set_limits(a, 2 * MIB, 0, AERIE_WEIGHT);
	fill(a, 512);
	waits = 0;
	fake_pool_waiting = wait_with_success;
	EXPECT_EQ(aerie_mem_fault(a, PAGE(600), AERIE_ACC_WRITE, GFP_KERNEL), -EAGAIN);
	EXPECT_EQ(waits, 1);
	EXPECT_EQ(aerie_mem_fault(a, PAGE(600), AERIE_ACC_WRITE, GFP_KERNEL), 0);

	/* Loads and devices are never refused. */
	for (i = 0; i < 700; i++)
		EXPECT_EQ(aerie_mem_write(a, PAGE(i), &i, 4, GFP_KERNEL), 0);
	fake_pool_waiting = wait_in_vain;
	EXPECT_EQ(aerie_mem_fault(a, PAGE(700), AERIE_ACC_WRITE, GFP_KERNEL), -EAGAIN);
	EXPECT_EQ(aerie_mem_fault(a, PAGE(700), AERIE_ACC_WRITE, GFP_KERNEL), -ENOMEM);
	teardown();
}

TEST(what_swap_gives_back_may_be_beyond_the_limit)
{
	unsigned int i;

	setup(&aerie_pte_npt4);
	fill(a, 1024);
	swap_out(a);
	set_limits(a, 2 * MIB, 0, AERIE_WEIGHT);
	EXPECT_EQ(aerie_swap_empty(0), 0);
	EXPECT_EQ(resident(a), 1024);
	waits = 0;
	fake_pool_waiting = wait_in_vain;
	for (i = 1024; i < 1024 + 512 / 16; i++)
		EXPECT_EQ(aerie_mem_fault(a, PAGE(i), AERIE_ACC_WRITE, GFP_KERNEL), 0);
	EXPECT_EQ(waits, 0);
	EXPECT_EQ(aerie_mem_fault(a, PAGE(i), AERIE_ACC_WRITE, GFP_KERNEL), -EAGAIN);
	EXPECT_EQ(waits, 1);
	teardown();
}

/* Once it did, with preemption off. */
TEST(who_may_not_sleep_does_not_wait)
{
	setup(&aerie_pte_npt4);
	set_limits(a, 2 * MIB, 0, AERIE_WEIGHT);
	fill(a, 512);
	waits = 0;
	fake_pool_waiting = wait_in_vain;
	EXPECT_EQ(aerie_mem_fault(a, PAGE(600), AERIE_ACC_WRITE, GFP_NOWAIT), -EAGAIN);
	EXPECT_EQ(aerie_mem_fault(a, PAGE(1400), AERIE_ACC_READ, GFP_NOWAIT), 0);
	EXPECT_EQ(reclaim(), AERIE_RECLAIM_NONE);
	EXPECT(stored(a, 0));
	for (unsigned int i = 512; resident(a) < 512; i++)
		EXPECT_EQ(aerie_mem_write(a, PAGE(i), &i, 4, GFP_KERNEL), 0);
	EXPECT_EQ(aerie_mem_fault(a, PAGE(0), AERIE_ACC_READ, GFP_NOWAIT), -EAGAIN);
	EXPECT_EQ(waits, 0);
	teardown();
}
