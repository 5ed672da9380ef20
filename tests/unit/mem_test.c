// SPDX-License-Identifier: GPL-2.0
// sources: MEMORY kmod/mm/drop.c
/* Guest memory layout, the map, the nested table and the checked accessors. */
#include "memory.h"

/* A table format of the test's own, in the EPT manner. */
static u64 t_table(hpa_t a) { return a | 1; }
static u64 t_page(hpa_t a, unsigned int level, bool w) { return a | 1 | (level > 1) << 1 | w << 2; }
static bool t_present(u64 p) { return p & 1; }
static bool t_large(u64 p, unsigned int level) { return level > 1 && (p & 2); }
static u64 t_pfn(u64 p) { return p >> 12; }
static bool t_writable(u64 p) { return p & 4; }

static const struct aerie_pte_ops ops = {
	.levels = 4, .make_table = t_table, .make_page = t_page,
	.present = t_present, .large = t_large, .pfn = t_pfn, .writable = t_writable,
};

#define MB (1ull << 20)
#define GB (1ull << 30)

/* What the table maps @gpa to, 0 for nothing, and whether it may be written. */
static u64 lookup_rw(struct aerie_mem *mem, gpa_t gpa, bool *writable)
{
	u64 *t = mem->npt.root, pte;
	int level;

	for (level = 4; ; level--) {
		pte = t[gpa >> (12 + 9 * (level - 1)) & 511];
		if (!(pte & 1))
			return 0;
		*writable = pte & 4;
		if (level == 1)
			return pte & ~0xfffull;
		if (pte & 2)
			return (pte & ~0xfffull) + (gpa & (2 * MB - 1) & ~0xfffull);
		t = (u64 *)(pte & ~0xfffull);
	}
}

static u64 lookup(struct aerie_mem *mem, gpa_t gpa)
{
	bool writable;

	return lookup_rw(mem, gpa, &writable);
}

/* Is @gpa mapped read-only, to a page of zeroes? */
static bool shows_zero(struct aerie_mem *mem, gpa_t gpa)
{
	static const u8 zeroes[PAGE_SIZE];
	bool writable;
	u64 hpa = lookup_rw(mem, gpa, &writable);

	return hpa && !writable && !memcmp(__va(hpa), zeroes, PAGE_SIZE);
}

static unsigned int flushes;

static void count_flush(struct aerie_mem *mem)
{
	flushes++;
}

TEST(layout)
{
	struct aerie_mem mem;

	EXPECT_EQ(aerie_mem_init(&mem, 5 * GB, &ops), 0);
	EXPECT_EQ(mem.nr_ram, 3);
	EXPECT(aerie_mem_is_ram(&mem, 0, 0xa0000));
	EXPECT(!aerie_mem_is_ram(&mem, 0, 0xa0001));
	EXPECT(!aerie_mem_is_ram(&mem, 0xa0000, 1));
	EXPECT(aerie_mem_is_ram(&mem, 0xc0000, 1));
	EXPECT(!aerie_mem_is_ram(&mem, 3 * GB, 1));
	EXPECT(aerie_mem_is_ram(&mem, 4 * GB, 2 * GB));
	EXPECT(!aerie_mem_is_ram(&mem, 6 * GB, 1));
	EXPECT(!aerie_mem_is_ram(&mem, 6 * GB - 1, ~0ull));
	aerie_mem_fini(&mem);
}

TEST(refused_sizes)
{
	struct aerie_mem mem;

	EXPECT_EQ(aerie_mem_init(&mem, 0, &ops), -EINVAL);
	EXPECT_EQ(aerie_mem_init(&mem, 64 * MB + 1, &ops), -EINVAL);
	EXPECT_EQ(aerie_mem_init(&mem, 1ull << 47, &ops), -EINVAL);
	shim_fail_alloc = 1;
	EXPECT_EQ(aerie_mem_init(&mem, 64 * MB, &ops), -ENOMEM);
	shim_fail_alloc = 2;
	EXPECT_EQ(aerie_mem_init(&mem, 64 * MB, &ops), -ENOMEM);
}

TEST(read_allocates_nothing)
{
	struct aerie_mem mem;
	u64 v = 1;

	aerie_mem_init(&mem, 64 * MB, &ops);
	EXPECT_EQ(aerie_mem_read(&mem, 0x1ffc, &v, 8, GFP_NOWAIT), 0);
	EXPECT_EQ(v, 0);
	EXPECT_EQ(atomic_long_read(&mem.resident), 0);
	EXPECT_EQ(aerie_mem_read(&mem, 64 * MB - 4, &v, 8, GFP_NOWAIT), -EFAULT);
	EXPECT_EQ(aerie_mem_write(&mem, 64 * MB - 4, &v, 8, GFP_KERNEL), -EFAULT);
	EXPECT_EQ(aerie_mem_populate(&mem, 0xb0000, GFP_KERNEL), -EFAULT);
	EXPECT(!aerie_mem_kaddr(&mem, 0x1000));
	aerie_mem_fini(&mem);
}

TEST(write_read_across_pages)
{
	struct aerie_mem mem;
	u8 in[9000], out[9000];
	int i;

	for (i = 0; i < 9000; i++)
		in[i] = i * 7;
	aerie_mem_init(&mem, 64 * MB, &ops);
	EXPECT_EQ(aerie_mem_write(&mem, 0x9f000 - 9000, in, 9000, GFP_NOWAIT), 0);
	EXPECT_EQ(aerie_mem_read(&mem, 0x9f000 - 9000, out, 9000, GFP_NOWAIT), 0);
	EXPECT(!memcmp(in, out, 9000));
	/* The first 2 MiB hold the VGA hole: small frames. */
	EXPECT_EQ(atomic_long_read(&mem.resident), 3);
	EXPECT_EQ(atomic_long_read(&mem.large), 0);
	aerie_mem_fini(&mem);
}

TEST(fault_maps_large_where_it_fits)
{
	struct aerie_mem mem;
	gpa_t gpa = 5 * MB + 0x3000;

	aerie_mem_init(&mem, 7 * MB, &ops);
	/* Clearing 2 MiB is for the sleeping path. */
	EXPECT_EQ(aerie_mem_fault(&mem, gpa, AERIE_ACC_WRITE, GFP_NOWAIT), -EAGAIN);
	EXPECT_EQ(aerie_mem_fault(&mem, gpa, AERIE_ACC_WRITE, GFP_KERNEL), 0);
	EXPECT_EQ(atomic_long_read(&mem.large), 512);
	EXPECT_EQ(lookup(&mem, gpa), __pa(aerie_mem_kaddr(&mem, gpa)));
	EXPECT_EQ(lookup(&mem, 4 * MB), __pa(aerie_mem_kaddr(&mem, 4 * MB)));
	/* The last megabyte cannot be large. */
	EXPECT_EQ(aerie_mem_fault(&mem, 6 * MB, AERIE_ACC_WRITE, GFP_NOWAIT), 0);
	EXPECT_EQ(lookup(&mem, 6 * MB), __pa(aerie_mem_kaddr(&mem, 6 * MB)));
	EXPECT_EQ(lookup(&mem, 6 * MB + 0x1000), 0);
	EXPECT_EQ(atomic_long_read(&mem.resident), 513);
	EXPECT_EQ(aerie_mem_fault(&mem, 7 * MB, 0, GFP_KERNEL), -EFAULT);
	aerie_mem_clear(&mem);
	EXPECT_EQ(atomic_long_read(&mem.resident), 0);
	EXPECT_EQ(atomic_long_read(&mem.npt.tables), 1);
	EXPECT_EQ(atomic_long_read(&mem.nodes), 1);
	EXPECT_EQ(lookup(&mem, gpa), 0);
	aerie_mem_fini(&mem);
}

TEST(large_frame_in_small_pages)
{
	static struct aerie_pte_ops small;
	struct aerie_mem mem;
	gpa_t gpa;

	small = ops;
	small.no_large = true;
	aerie_mem_init(&mem, 64 * MB, &small);
	EXPECT_EQ(aerie_mem_fault(&mem, 4 * MB + 0x5000, AERIE_ACC_WRITE, GFP_KERNEL), 0);
	EXPECT_EQ(atomic_long_read(&mem.large), 512);
	for (gpa = 4 * MB; gpa < 6 * MB; gpa += PAGE_SIZE)
		EXPECT_EQ(lookup(&mem, gpa), __pa(aerie_mem_kaddr(&mem, gpa)));
	EXPECT_EQ(lookup(&mem, 6 * MB), 0);
	aerie_mem_fini(&mem);
}

TEST(no_memory)
{
	struct aerie_mem mem;
	int n, err = -1;

	for (n = 1; err; n++) {
		aerie_mem_init(&mem, 64 * MB, &ops);
		shim_fail_alloc = n;
		err = aerie_mem_fault(&mem, 0x5000, AERIE_ACC_WRITE, GFP_KERNEL);
		shim_fail_alloc = 0;
		/* In a pool others might make room. */
		EXPECT(err == 0 || err == -EAGAIN);
		aerie_mem_fini(&mem);
	}
	EXPECT(n > 6);
	/* No 2 MiB frame to be had: 4 KiB ones serve. */
	aerie_mem_init(&mem, 64 * MB, &ops);
	aerie_mem_populate(&mem, 0x5000, GFP_KERNEL);
	shim_fail_alloc = 1;
	EXPECT_EQ(aerie_mem_fault(&mem, 32 * MB, AERIE_ACC_WRITE, GFP_KERNEL), 0);
	EXPECT_EQ(atomic_long_read(&mem.large), 0);
	aerie_mem_fini(&mem);
}

TEST(compare_and_exchange)
{
	struct aerie_mem mem;
	u64 old = 0;

	aerie_mem_init(&mem, 64 * MB, &ops);
	EXPECT_EQ(aerie_mem_cmpxchg(&mem, 0x1004, 8, &old, 5, GFP_NOWAIT), -EINVAL);
	EXPECT_EQ(aerie_mem_cmpxchg(&mem, 0x1008, 8, &old, 5, GFP_NOWAIT), 1);
	EXPECT_EQ(aerie_mem_cmpxchg(&mem, 0x1008, 4, &old, 6, GFP_NOWAIT), 0);
	EXPECT_EQ(old, 5);
	EXPECT_EQ(aerie_mem_cmpxchg(&mem, 0xa0000, 4, &old, 6, GFP_NOWAIT), -EFAULT);
	aerie_mem_fini(&mem);
}

TEST(read_fault_maps_zeroes)
{
	struct aerie_mem mem;
	u64 v = 5;

	aerie_mem_init(&mem, 64 * MB, &ops);
	mem.flush = count_flush;
	/* The first 2 MiB hold the VGA hole: pages of 4 KiB. */
	EXPECT_EQ(aerie_mem_fault(&mem, 0x5000, AERIE_ACC_READ, GFP_KERNEL), 0);
	EXPECT(shows_zero(&mem, 0x5000));
	EXPECT_EQ(lookup(&mem, 0x6000), 0);
	EXPECT_EQ(atomic_long_read(&mem.zero), 1);
	EXPECT_EQ(aerie_mem_fault(&mem, 0x6000, AERIE_ACC_FETCH, GFP_NOWAIT), 0);
	EXPECT(shows_zero(&mem, 0x6000));
	/* 2 MiB at once, where it fits. */
	EXPECT_EQ(aerie_mem_fault(&mem, 5 * MB, AERIE_ACC_READ, GFP_NOWAIT), 0);
	EXPECT(shows_zero(&mem, 4 * MB) && shows_zero(&mem, 6 * MB - PAGE_SIZE));
	EXPECT_EQ(atomic_long_read(&mem.zero), 514);
	EXPECT_EQ(atomic_long_read(&mem.resident), 0);
	EXPECT(!aerie_mem_kaddr(&mem, 5 * MB));

	/* A write breaks them; whoever may have translations flushes them before. */
	flushes = 0;
	EXPECT_EQ(aerie_mem_fault(&mem, 5 * MB, AERIE_ACC_WRITE, GFP_NOWAIT), -EAGAIN);
	EXPECT_EQ(aerie_mem_fault(&mem, 5 * MB, AERIE_ACC_WRITE, GFP_KERNEL), 0);
	EXPECT_EQ(flushes, 1);
	EXPECT_EQ(lookup(&mem, 4 * MB), __pa(aerie_mem_kaddr(&mem, 4 * MB)));
	EXPECT_EQ(atomic_long_read(&mem.large), 512);
	/* The host's write unmaps what the guest has of the old frame. */
	EXPECT_EQ(aerie_mem_write(&mem, 0x5008, &v, 8, GFP_KERNEL), 0);
	EXPECT_EQ(flushes, 2);
	EXPECT_EQ(lookup(&mem, 0x5000), 0);
	EXPECT(shows_zero(&mem, 0x6000));
	EXPECT_EQ(atomic_long_read(&mem.zero), 1);
	EXPECT_EQ(aerie_mem_fault(&mem, 0x5000, AERIE_ACC_READ, GFP_NOWAIT), 0);
	EXPECT_EQ(*(u64 *)(__va(lookup(&mem, 0x5000)) + 8), 5);
	aerie_mem_clear(&mem);
	EXPECT_EQ(atomic_long_read(&mem.zero), 0);
	EXPECT_EQ(atomic_long_read(&mem.resident), 0);
	aerie_mem_fini(&mem);
}

TEST(lone_vcpu_breaks_without_sleep)
{
	struct aerie_mem mem;
	bool writable;

	aerie_mem_init(&mem, 64 * MB, &ops);
	mem.flush = count_flush;
	aerie_mem_fault(&mem, 0x5000, AERIE_ACC_READ, GFP_KERNEL);
	EXPECT_EQ(aerie_mem_fault(&mem, 0x5000, AERIE_ACC_WRITE, GFP_NOWAIT), -EAGAIN);
	mem.lone = true;
	flushes = 0;
	EXPECT_EQ(aerie_mem_fault(&mem, 0x5000, AERIE_ACC_WRITE, GFP_NOWAIT), 0);
	EXPECT_EQ(flushes, 1);
	EXPECT(lookup_rw(&mem, 0x5000, &writable) && writable);
	aerie_mem_fini(&mem);
}

TEST(zeroes_in_small_pages)
{
	static struct aerie_pte_ops small;
	struct aerie_mem mem;
	gpa_t gpa;

	small = ops;
	small.no_large = true;
	aerie_mem_init(&mem, 64 * MB, &small);
	mem.flush = count_flush;
	EXPECT_EQ(aerie_mem_fault(&mem, 4 * MB, AERIE_ACC_READ, GFP_KERNEL), 0);
	for (gpa = 4 * MB; gpa < 6 * MB; gpa += PAGE_SIZE)
		EXPECT(shows_zero(&mem, gpa));
	flushes = 0;
	EXPECT_EQ(aerie_mem_fault(&mem, 4 * MB + 0x5000, AERIE_ACC_WRITE, GFP_KERNEL), 0);
	EXPECT_EQ(flushes, 1);
	for (gpa = 4 * MB; gpa < 6 * MB; gpa += PAGE_SIZE)
		EXPECT_EQ(lookup(&mem, gpa), __pa(aerie_mem_kaddr(&mem, gpa)));
	aerie_mem_fini(&mem);
}

TEST(zeroes_break_into_small_frames)
{
	struct aerie_mem mem;
	u64 v = 1;

	aerie_mem_init(&mem, 64 * MB, &ops);
	mem.flush = count_flush;
	aerie_mem_fault(&mem, 4 * MB, AERIE_ACC_READ, GFP_KERNEL);
	/* The host has no 2 MiB in one piece. */
	shim_fail_alloc = 1;
	EXPECT_EQ(aerie_mem_fault(&mem, 4 * MB + 0x5000, AERIE_ACC_WRITE, GFP_KERNEL), 0);
	EXPECT_EQ(atomic_long_read(&mem.resident), 1);
	EXPECT_EQ(atomic_long_read(&mem.large), 0);
	EXPECT_EQ(atomic_long_read(&mem.zero), 0);
	EXPECT_EQ(lookup(&mem, 4 * MB), 0);
	EXPECT_EQ(aerie_mem_read(&mem, 4 * MB, &v, 8, GFP_NOWAIT), 0);
	EXPECT_EQ(v, 0);
	/* Nor a page, nor a node. */
	aerie_mem_fault(&mem, 8 * MB, AERIE_ACC_READ, GFP_KERNEL);
	shim_fail_alloc = 1;
	EXPECT_EQ(aerie_mem_fault(&mem, 0x7000, AERIE_ACC_READ, GFP_NOWAIT), -EAGAIN);
	shim_fail_alloc = 0;
	EXPECT_EQ(aerie_mem_fault(&mem, 0x7000, AERIE_ACC_READ, GFP_KERNEL), 0);
	shim_fail_alloc = 1;
	EXPECT_EQ(aerie_mem_write(&mem, 0x7000, &v, 8, GFP_KERNEL), -ENOMEM);
	EXPECT(shows_zero(&mem, 0x7000));
	aerie_mem_fini(&mem);
}

TEST(pins)
{
	struct bio_vec seg, large;
	struct aerie_mem mem;
	long before;

	aerie_mem_init(&mem, 64 * MB, &ops);
	mem.flush = count_flush;
	before = shim_nr_pages;
	/* For reading: zeroes, whether they are mapped or not. */
	EXPECT_EQ(aerie_mem_pin(&mem, 0x5010, 0x2000, false, &seg), 0);
	EXPECT_EQ(seg.bv_offset, 0x10);
	EXPECT_EQ(seg.bv_len, 0xff0);
	EXPECT(seg.bv_page == ZERO_PAGE(0));
	aerie_mem_unpin(&seg);
	aerie_mem_fault(&mem, 4 * MB, AERIE_ACC_READ, GFP_KERNEL);
	EXPECT_EQ(aerie_mem_pin(&mem, 4 * MB + 0x1000, 8 * MB, false, &seg), 0);
	EXPECT_EQ(seg.bv_len, 2 * MB - 0x1000);
	aerie_mem_unpin(&seg);
	EXPECT_EQ(atomic_long_read(&mem.resident), 0);
	EXPECT_EQ(aerie_mem_pin(&mem, 0xa0000, 1, false, &seg), -EFAULT);
	EXPECT_EQ(aerie_mem_pin(&mem, 64 * MB, 1, true, &seg), -EFAULT);
	/* For writing: a frame of its own, that outlives the guest's. */
	EXPECT_EQ(aerie_mem_pin(&mem, 4 * MB + 0x1000, 0x3000, true, &large), 0);
	EXPECT_EQ(large.bv_len, 0x3000);
	EXPECT_EQ(atomic_long_read(&mem.large), 512);
	EXPECT_EQ(aerie_mem_pin(&mem, 0x5000, 1, true, &seg), 0);
	EXPECT_EQ(atomic_long_read(&mem.resident), 513);
	aerie_mem_fini(&mem);
	EXPECT_EQ(shim_nr_pages, before + 4);
	memset(large.bv_page, 1, 0x3000);
	memset(seg.bv_page, 1, PAGE_SIZE);
	aerie_mem_unpin(&large);
	aerie_mem_unpin(&seg);
	EXPECT_EQ(shim_nr_pages, before);
}

static void fill(struct aerie_mem *mem, gpa_t gpa, u64 pages)
{
	u64 i, val = 0x1234;

	for (i = 0; i < pages; i++)
		EXPECT_EQ(aerie_mem_write(mem, gpa + i * PAGE_SIZE, &val, 8, GFP_KERNEL), 0);
}

static u64 value(struct aerie_mem *mem, gpa_t gpa)
{
	u64 val = ~0ull;

	EXPECT_EQ(aerie_mem_read(mem, gpa, &val, 8, GFP_KERNEL), 0);
	return val;
}

TEST(what_is_dropped_is_zeroes_and_takes_nothing)
{
	struct aerie_ram runs[] = { { 0x10000, 0x12000 }, { 0x13000, 0x14000 } };
	struct aerie_mem mem;

	EXPECT_EQ(aerie_mem_init(&mem, MB, &ops), 0);
	mem.flush = count_flush;
	fill(&mem, 0x10000, 5);
	EXPECT_EQ(aerie_mem_fault(&mem, 0x11000, AERIE_ACC_WRITE, GFP_KERNEL), 0);
	EXPECT(lookup(&mem, 0x11000));
	flushes = 0;
	EXPECT_EQ(aerie_mem_drop(&mem, runs, 2), 0);
	EXPECT_EQ(flushes, 1);
	EXPECT_EQ(lookup(&mem, 0x11000), 0);
	EXPECT_EQ(atomic_long_read(&mem.resident), 2);
	EXPECT_EQ(value(&mem, 0x11000), 0);
	EXPECT_EQ(value(&mem, 0x12000), 0x1234);
	EXPECT_EQ(value(&mem, 0x13000), 0);
	EXPECT_EQ(value(&mem, 0x14000), 0x1234);
	/* Once more, and where there never was anything: nobody is disturbed. */
	EXPECT_EQ(aerie_mem_drop(&mem, runs, 2), 0);
	EXPECT_EQ(flushes, 1);
	fill(&mem, 0x11000, 1);
	EXPECT_EQ(value(&mem, 0x11000), 0x1234);
	aerie_mem_fini(&mem);
}

TEST(a_large_frame_is_dropped_whole_or_split)
{
	struct aerie_ram whole = { 2 * MB, 4 * MB }, part = { 4 * MB, 4 * MB + 3 * PAGE_SIZE };
	struct aerie_mem mem;

	EXPECT_EQ(aerie_mem_init(&mem, 16 * MB, &ops), 0);
	fill(&mem, 2 * MB, 1);
	fill(&mem, 4 * MB, 512);
	EXPECT_EQ(atomic_long_read(&mem.large), 1024);
	EXPECT_EQ(aerie_mem_drop(&mem, &whole, 1), 0);
	EXPECT_EQ(atomic_long_read(&mem.resident), 512);
	EXPECT_EQ(atomic_long_read(&mem.large), 512);
	EXPECT_EQ(aerie_mem_drop(&mem, &part, 1), 0);
	EXPECT_EQ(atomic_long_read(&mem.resident), 509);
	EXPECT_EQ(atomic_long_read(&mem.large), 0);
	EXPECT_EQ(value(&mem, 4 * MB + 2 * PAGE_SIZE), 0);
	EXPECT_EQ(value(&mem, 4 * MB + 3 * PAGE_SIZE), 0x1234);
	aerie_mem_fini(&mem);
}

TEST(a_pinned_page_outlives_its_drop)
{
	struct aerie_ram run = { 2 * MB, 4 * MB };
	struct aerie_mem mem;
	struct bio_vec seg;

	EXPECT_EQ(aerie_mem_init(&mem, 16 * MB, &ops), 0);
	fill(&mem, 2 * MB, 1);
	EXPECT_EQ(aerie_mem_pin(&mem, 2 * MB, PAGE_SIZE, true, &seg), 0);
	EXPECT_EQ(aerie_mem_drop(&mem, &run, 1), 0);
	EXPECT_EQ(value(&mem, 2 * MB), 0);
	memset(page_address(seg.bv_page), 0x5a, PAGE_SIZE);
	EXPECT_EQ(value(&mem, 2 * MB), 0);
	aerie_mem_unpin(&seg);
	aerie_mem_fini(&mem);
}

TEST(runs_that_are_no_memory_do_nothing)
{
	struct aerie_ram runs[] = {
		{ 0x10000, 0x10000 }, { 0x12000, 0x11000 }, { 0x10800, 0x11000 },
		{ AERIE_LOWMEM_END, AERIE_HIGHMEM_START }, { GB, 2 * GB },
		{ ~0ull - PAGE_SIZE, ~0ull }, { 1ull << 52, ~0ull },
	};
	struct aerie_mem mem;

	EXPECT_EQ(aerie_mem_init(&mem, MB, &ops), 0);
	fill(&mem, 0x10000, 3);
	EXPECT_EQ(aerie_mem_drop(&mem, runs, ARRAY_SIZE(runs)), 0);
	EXPECT_EQ(atomic_long_read(&mem.resident), 3);
	shim_fail_alloc = 1;
	EXPECT_EQ(aerie_mem_drop(&mem, runs, 1), -ENOMEM);
	shim_fail_alloc = 0;
	aerie_mem_fini(&mem);
}
