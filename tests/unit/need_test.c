// SPDX-License-Identifier: GPL-2.0
/* How short memory is: marks of the pool, a VM and the host, and each VM's part of it. */
// sources: kmod/mm/need.c
#include "ktap.h"
#include "shim.h"
#include "mm/mm.h"
#include "mm/pool.h"

#define MIB		(1ull << 20)
#define MIB_PAGES	256l

static u64 limit, used, stored;
static long host_all, host_left;
static bool asked;
static struct aerie_mem mem;
static struct aerie_mem_need need;

u64 aerie_pool_limit(void) { return limit; }
u64 aerie_pool_used(void) { return used; }
u64 aerie_pool_stored(void) { return stored; }
bool aerie_pool_asked_lately(void) { return asked; }
unsigned long totalram_pages(void) { return host_all; }
long si_mem_available(void) { return host_left; }

/* One VM of 400 MiB, in a pool of 800, on a host that has plenty. */
static void setup(void)
{
	memset(&mem, 0, sizeof(mem));
	atomic_long_set(&mem.resident, 400 * MIB_PAGES);
	limit = stored = 0;
	used = 800 * MIB;
	host_all = 8192 * MIB_PAGES;
	host_left = 6000 * MIB_PAGES;
	asked = false;
}

TEST(without_a_limit_and_with_memory_left_nothing_is_needed)
{
	setup();
	aerie_mem_need(&mem, &need);
	EXPECT_EQ(need.need, 0);
	EXPECT_EQ(need.room, (6000 - 2 * 512) * MIB);
}

TEST(near_the_pools_limit_each_gives_its_part)
{
	setup();
	limit = 880 * MIB;		/* its mark is 110 MiB, 80 are left */
	aerie_mem_need(&mem, &need);
	EXPECT_EQ(need.need, (110 + 55 - 80) * MIB / 2);
	EXPECT_EQ(need.room, 0);
	/* Between the marks nothing is to be done. */
	used = 700 * MIB;
	aerie_mem_need(&mem, &need);
	EXPECT_EQ(need.need, 0);
	EXPECT_EQ(need.room, 0);
	used = 600 * MIB;
	aerie_mem_need(&mem, &need);
	EXPECT_EQ(need.room, 60 * MIB);
	/* It may be less than is used. */
	used = 800 * MIB;
	limit = 80 * MIB;
	aerie_mem_need(&mem, &need);
	EXPECT_EQ(need.need, 15 * MIB / 2);
}

TEST(what_has_left_memory_is_nobodys_part)
{
	setup();
	limit = 800 * MIB;
	stored = 400 * MIB;
	aerie_mem_need(&mem, &need);
	EXPECT_EQ(need.need, 150 * MIB);
}

TEST(what_is_reserved_is_not_needed_of_it)
{
	setup();
	limit = 800 * MIB;
	mem.reserve = 390 * MIB_PAGES;
	aerie_mem_need(&mem, &need);
	EXPECT_EQ(need.need, 10 * MIB);
	mem.reserve = 500 * MIB_PAGES;
	aerie_mem_need(&mem, &need);
	EXPECT_EQ(need.need, 0);
}

TEST(its_own_limit_is_its_own)
{
	setup();
	mem.limit = 400 * MIB_PAGES;
	mem.reserve = 400 * MIB_PAGES;
	aerie_mem_need(&mem, &need);
	EXPECT_EQ(need.need, 75 * MIB);
	EXPECT_EQ(need.room, 0);
	mem.limit = 800 * MIB_PAGES;
	aerie_mem_need(&mem, &need);
	EXPECT_EQ(need.need, 0);
	EXPECT_EQ(need.room, 200 * MIB);
}

TEST(a_host_without_memory_needs_some)
{
	setup();
	host_left = 500 * MIB_PAGES;
	aerie_mem_need(&mem, &need);
	EXPECT_EQ(need.need, (768 - 500) * MIB / 2);
	EXPECT_EQ(need.room, 0);
	host_left = -5;
	aerie_mem_need(&mem, &need);
	EXPECT_EQ(need.need, 768 * MIB / 2);
	/* A large one is not short with a gigabyte left. */
	host_all = 1000000 * MIB_PAGES;
	host_left = 1100 * MIB_PAGES;
	aerie_mem_need(&mem, &need);
	EXPECT_EQ(need.need, 0);
}

TEST(a_host_that_asks_is_short_sooner)
{
	setup();
	asked = true;
	aerie_mem_need(&mem, &need);
	EXPECT_EQ(need.need, 0);
	host_left = 1000 * MIB_PAGES;
	aerie_mem_need(&mem, &need);
	EXPECT_EQ(need.need, (1536 - 1000) * MIB / 2);
	asked = false;
	aerie_mem_need(&mem, &need);
	EXPECT_EQ(need.need, 0);
}

TEST(a_vm_that_has_nothing_gives_nothing)
{
	setup();
	atomic_long_set(&mem.resident, 0);
	used = 0;
	host_left = 0;
	aerie_mem_need(&mem, &need);
	EXPECT_EQ(need.need, 0);
}
