// SPDX-License-Identifier: GPL-2.0
// sources: MEMORY kmod/mm/picture.c kmod/mm/pte_ept.c kmod/mm/pte_npt.c
/*
 * What guest-physical memory is said to be: each state, where it begins and ends, holes, and
 * looks that end before memory does.
 */
#include "memory.h"
#include "uapi.h"

#define MIB	(1ull << 20)
#define GIB	(1ull << 30)
#define AT(n)	(2 * MIB + (gpa_t)(n) * PAGE_SIZE)	/* in RAM that fits a frame of 2 MiB */

static struct aerie_mem mem;

static void setup(u64 bytes)
{
	EXPECT_EQ(aerie_mm_init(), 0);
	EXPECT_EQ(aerie_mem_init(&mem, bytes, &aerie_pte_npt4), 0);
	EXPECT_EQ(aerie_share_join(&mem, ""), 0);
}

static void teardown(void)
{
	aerie_mem_fini(&mem);
	aerie_mm_exit();
	expect_nothing_left();
}

static void put(gpa_t gpa, u64 word)
{
	EXPECT_EQ(aerie_mem_write(&mem, gpa, &word, 8, GFP_KERNEL), 0);
}

/* The 2 MiB around @gpa in frames of 4 KiB. */
static void split(gpa_t gpa)
{
	struct aerie_leaf leaf;

	EXPECT(aerie_map_next(&mem, gpa >> PAGE_SHIFT, &leaf));
	EXPECT_EQ(aerie_map_split(&mem, &leaf), 0);
}

static void show(gpa_t gpa)
{
	EXPECT_EQ(aerie_mem_fault(&mem, gpa, AERIE_ACC_READ, GFP_KERNEL), 0);
}

/* All of it from @start on, by looks with room for @room runs; runs of a state joined. */
static struct aerie_map_run seen[4096];
static unsigned int nr_seen, looks;

static void look_from(gpa_t start, unsigned int room)
{
	static struct aerie_map_run runs[1024];
	gpa_t next, end;
	int i, nr;

	nr_seen = 0;
	looks = 0;
	do {
		nr = aerie_mem_picture(&mem, start, runs, room, &next);
		EXPECT(nr > 0 && nr <= (int)room);
		for (i = 0, end = start; i < nr; i++) {
			EXPECT(runs[i].pages > 0);
			end += (u64)runs[i].pages << PAGE_SHIFT;
			if (!nr_seen || seen[nr_seen - 1].state != runs[i].state)
				seen[nr_seen++] = (struct aerie_map_run){ .state = runs[i].state };
			seen[nr_seen - 1].pages += runs[i].pages;
		}
		EXPECT(!next || next == end);
		looks++;
		start = next;
	} while (nr > 0 && next);
}

struct expected {
	u64 bytes;
	enum aerie_mem_state state;
};

static void expect(const struct expected *e, unsigned int nr)
{
	unsigned int i;

	EXPECT_EQ(nr_seen, nr);
	for (i = 0; i < nr && i < nr_seen; i++) {
		EXPECT_EQ((u64)seen[i].pages << PAGE_SHIFT, e[i].bytes);
		EXPECT_EQ(seen[i].state, e[i].state);
	}
}

#define EXPECT_SEEN(...) do {					\
	const struct expected _e[] = { __VA_ARGS__ };		\
	expect(_e, ARRAY_SIZE(_e));				\
} while (0)

static const struct expected low = { 0xa0000, AERIE_MEM_UNTOUCHED };
static const struct expected vga = { 0x20000, AERIE_MEM_HOLE };

TEST(nobody_has_touched_it)
{
	setup(8 * MIB);
	look_from(0, 8);
	EXPECT_SEEN(low, vga, { 8 * MIB - 0xc0000, AERIE_MEM_UNTOUCHED });
	EXPECT_EQ(looks, 1);
	teardown();
}

TEST(the_smallest_guest)
{
	setup(MIB);
	look_from(0, 8);
	EXPECT_SEEN(low, vga, { 0x40000, AERIE_MEM_UNTOUCHED });
	teardown();
}

TEST(own_frames_of_both_sizes)
{
	setup(8 * MIB);
	put(AT(0), 1);			/* a whole frame */
	put(AT(1024), 1);
	split(AT(1024));
	put(0x3000, 1);			/* no frame of 2 MiB fits there */
	look_from(0, 16);
	EXPECT_SEEN({ 0x3000, AERIE_MEM_UNTOUCHED }, { PAGE_SIZE, AERIE_MEM_OWN },
		    { 0xa0000 - 0x4000, AERIE_MEM_UNTOUCHED }, vga,
		    { 2 * MIB - 0xc0000, AERIE_MEM_UNTOUCHED }, { 2 * MIB, AERIE_MEM_LARGE },
		    { 2 * MIB, AERIE_MEM_UNTOUCHED }, { 2 * MIB, AERIE_MEM_OWN });
	teardown();
}

TEST(zeroes_that_have_been_read)
{
	setup(8 * MIB);
	show(0x1000);
	show(AT(5));			/* which shows all of the 2 MiB */
	look_from(0, 16);
	EXPECT_SEEN({ 0x1000, AERIE_MEM_UNTOUCHED }, { PAGE_SIZE, AERIE_MEM_ZERO },
		    { 0xa0000 - 0x2000, AERIE_MEM_UNTOUCHED }, vga,
		    { 2 * MIB - 0xc0000, AERIE_MEM_UNTOUCHED }, { 2 * MIB, AERIE_MEM_ZERO },
		    { 4 * MIB, AERIE_MEM_UNTOUCHED });
	teardown();
}

/* Pages 3 and 7 are the same, 9 is another; the rest becomes the frame of zeroes. */
TEST(shared_frames)
{
	unsigned int pass;

	setup(4 * MIB);
	put(AT(0), 0);
	split(AT(0));
	put(AT(3), 5);
	put(AT(7), 5);
	put(AT(9), 6);
	for (pass = 0; pass < 4; pass++) {
		aerie_share_lock();
		while (aerie_share_batch())
			;
		aerie_share_unlock();
	}
	look_from(AT(2), 16);
	EXPECT_SEEN({ PAGE_SIZE, AERIE_MEM_ZERO }, { PAGE_SIZE, AERIE_MEM_SHARED },
		    { 3 * PAGE_SIZE, AERIE_MEM_ZERO }, { PAGE_SIZE, AERIE_MEM_SHARED },
		    { PAGE_SIZE, AERIE_MEM_ZERO }, { PAGE_SIZE, AERIE_MEM_OWN },
		    { 502 * PAGE_SIZE, AERIE_MEM_ZERO });
	teardown();
}

TEST(what_is_out_of_memory)
{
	unsigned int i;

	setup(4 * MIB);
	put(AT(0), 1);
	split(AT(0));
	for (i = 0; i < 512; i++)
		put(AT(i), i + 1);
	aerie_pool_ask(512);
	reclaim();
	put(AT(100), 1);		/* is needed again */
	look_from(AT(0), 16);
	EXPECT_SEEN({ 100 * PAGE_SIZE, AERIE_MEM_STORED }, { PAGE_SIZE, AERIE_MEM_OWN },
		    { 411 * PAGE_SIZE, AERIE_MEM_STORED });
	fake_store_full = true;
	fake_swap_room = 1;
	aerie_pool_ask(1);
	reclaim();
	fake_store_full = false;
	fake_swap_room = 0;
	look_from(AT(0), 16);
	EXPECT_SEEN({ 100 * PAGE_SIZE, AERIE_MEM_STORED }, { PAGE_SIZE, AERIE_MEM_SWAPPED },
		    { 411 * PAGE_SIZE, AERIE_MEM_STORED });
	teardown();
}

TEST(from_the_middle_of_a_frame)
{
	setup(8 * MIB);
	put(AT(0), 1);
	look_from(AT(511), 1);
	EXPECT_SEEN({ PAGE_SIZE, AERIE_MEM_LARGE }, { 4 * MIB, AERIE_MEM_UNTOUCHED });
	EXPECT_EQ(looks, 2);
	look_from(0xb0000, 8);		/* and of a hole */
	EXPECT_SEEN({ 0x10000, AERIE_MEM_HOLE }, { 2 * MIB - 0xc0000, AERIE_MEM_UNTOUCHED },
		    { 2 * MIB, AERIE_MEM_LARGE }, { 4 * MIB, AERIE_MEM_UNTOUCHED });
	teardown();
}

TEST(more_runs_than_there_is_room_for)
{
	unsigned int i, room;

	setup(8 * MIB);
	for (i = 0; i < 80; i++)
		put(0x2000ull * i + PAGE_SIZE, 1);
	for (i = 96; i < 100; i++)	/* behind the hole */
		put(0x2000ull * i + PAGE_SIZE, 1);
	for (room = 1; room < 300; room += 49) {
		look_from(0, room);
		EXPECT_EQ(nr_seen, 2 * 80 + 1 + 2 * 4 + 1);
		EXPECT_EQ(looks, DIV_ROUND_UP(nr_seen, room));
		for (i = 0; i < 2 * 80; i++) {
			EXPECT_EQ(seen[i].pages, 1);
			EXPECT_EQ(seen[i].state, i % 2 ? AERIE_MEM_OWN : AERIE_MEM_UNTOUCHED);
		}
	}
	teardown();
}

TEST(a_large_guest_takes_several_looks)
{
	const u64 far = 150 * GIB;

	setup(200 * GIB);
	put(far, 1);
	look_from(0, 100);
	EXPECT_SEEN(low, vga, { 3 * GIB - 0xc0000, AERIE_MEM_UNTOUCHED },
		    { GIB, AERIE_MEM_HOLE }, { far - 4 * GIB, AERIE_MEM_UNTOUCHED },
		    { 2 * MIB, AERIE_MEM_LARGE },
		    { 201 * GIB - far - 2 * MIB, AERIE_MEM_UNTOUCHED });
	EXPECT_EQ(looks, 4);
	teardown();
}

TEST(a_look_ends_after_many_leaves)
{
	unsigned int i;

	setup(256 * MIB);
	for (i = 1; i < 128; i++) {
		put(i * 2 * MIB, 1);
		split(i * 2 * MIB);
	}
	look_from(2 * MIB, 100);
	EXPECT_SEEN({ 254 * MIB, AERIE_MEM_OWN });
	EXPECT(looks >= 4);
	EXPECT(looks < 8);
	teardown();
}

TEST(where_no_memory_is)
{
	struct aerie_map_run run;
	gpa_t next;

	setup(8 * MIB);
	EXPECT_EQ(aerie_mem_picture(&mem, 8 * MIB, &run, 1, &next), -ERANGE);
	EXPECT_EQ(aerie_mem_picture(&mem, ~0ull << PAGE_SHIFT, &run, 1, &next), -ERANGE);
	EXPECT_EQ(aerie_mem_picture(&mem, 8 * MIB - PAGE_SIZE, &run, 1, &next), 1);
	EXPECT_EQ(next, 0);
	aerie_mem_fini(&mem);
	EXPECT_EQ(aerie_mem_picture(&mem, 0, &run, 1, &next), -ENOENT);
	aerie_mm_exit();
}
