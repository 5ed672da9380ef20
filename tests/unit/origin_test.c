// SPDX-License-Identifier: GPL-2.0
// sources: kmod/mm/mem.c kmod/mm/map.c kmod/mm/leaf.c kmod/mm/load.c kmod/mm/swap_empty.c kmod/mm/age.c kmod/mm/collapse.c kmod/mm/pool.c kmod/mm/reclaim.c kmod/mm/origin.c kmod/mm/origin_leave.c kmod/mm/worth.c kmod/mm/npt.c kmod/mm/access.c kmod/mm/frame.c kmod/mm/pin.c kmod/mm/share.c kmod/mm/shared.c kmod/mm/told.c kmod/mm/pte_npt.c
/*
 * What of a guest's memory its disk has: what leaves memory for that, what is remembered of
 * what could not, and what becomes of it when the disk fails, or goes. What happens meanwhile
 * is share_test's.
 */
#include "ktap.h"
#include "shim.h"
#include "fake_store.h"
#include "mm/map.h"
#include "mm/reclaim.h"

int shim_fail_alloc;

#define BYTES	(4u << 20)
#define BLOCKS	12
#define APART	100u	/* pages of the disk from one block to the next; three are one stripe */

static struct aerie_mem mem;
static struct aerie_origin *origin;
static u8 disk[BLOCKS + 1][PAGE_SIZE];	/* the last one is in no memory at first */
static bool hole[BLOCKS + 1];		/* no file has it */
static bool broken[BLOCKS + 1];		/* it cannot be read */
static void (*meanwhile)(void);		/* is done once, when this has been read: */
static unsigned int after;

static u64 pos(unsigned int block)
{
	return (u64)block * APART * PAGE_SIZE;
}

static gpa_t gpa(unsigned int block)
{
	return block * PAGE_SIZE;
}

static struct file *disk_at(void *opaque, u64 at, u64 *len)
{
	return hole[at / PAGE_SIZE / APART] ? NULL : opaque;
}

static int disk_read(struct file *file, u64 at, struct page *page)
{
	unsigned int block = at / PAGE_SIZE / APART;
	void (*then)(void) = meanwhile;

	if (broken[block])
		return -EIO;
	memcpy(page, disk[block], PAGE_SIZE);
	if (then && block == after) {
		meanwhile = NULL;
		then();
	}
	return 0;
}

/* The guest's memory has what its disk has, which is no page of one word. */
static void setup(void)
{
	unsigned int i;

	EXPECT_EQ(aerie_mm_init(), 0);
	EXPECT_EQ(aerie_mem_init(&mem, BYTES, &aerie_pte_npt4), 0);
	EXPECT_EQ(aerie_share_join(&mem, ""), 0);
	fake_disk_read = disk_read;
	memset(hole, 0, sizeof(hole));
	memset(broken, 0, sizeof(broken));
	origin = aerie_origin_open(&mem, disk_at, disk);
	EXPECT(origin);
	for (i = 0; i <= BLOCKS; i++)
		memset(disk[i], 1 + i, PAGE_SIZE / 2);
	for (i = 0; i < BLOCKS; i++) {
		EXPECT_EQ(aerie_mem_write(&mem, gpa(i), disk[i], PAGE_SIZE, GFP_KERNEL), 0);
		aerie_origin_same(origin, gpa(i), pos(i), 1);
	}
}

static void teardown(void)
{
	aerie_origin_close(origin, false);
	aerie_pool_forget();
	aerie_mem_fini(&mem);
	aerie_mm_exit();
	EXPECT(!meanwhile);
	EXPECT_EQ(fake_store_nr, 0);
	EXPECT_EQ(aerie_pool_used(), 0);
}

/* All leaves memory, as far as it can. Returns how many pages do for being on the disk. */
static long leave(void)
{
	aerie_pool_ask(BLOCKS);
	aerie_share_lock();
	while (aerie_reclaim_batch() == AERIE_RECLAIM_MORE)
		;
	aerie_share_unlock();
	return atomic_long_read(&mem.on_disk);
}

/* And comes back. */
static void come_back(void)
{
	u8 page[PAGE_SIZE];
	unsigned int i;

	for (i = 0; i < BLOCKS; i++)
		EXPECT_EQ(aerie_mem_read(&mem, gpa(i), page, PAGE_SIZE, GFP_KERNEL), 0);
	EXPECT_EQ(atomic_long_read(&mem.resident), BLOCKS);
}

static void write_word(unsigned int block, u64 word)
{
	EXPECT_EQ(aerie_mem_write(&mem, gpa(block), &word, 8, GFP_KERNEL), 0);
}

TEST(what_differs_is_forgotten)
{
	setup();
	write_word(1, 77);
	hole[2] = true;
	EXPECT_EQ(leave(), BLOCKS - 2);
	come_back();
	/* It would be the same by now, but nobody says so. */
	memcpy(disk[1], &(u64){ 77 }, 8);
	hole[2] = false;
	EXPECT_EQ(leave(), BLOCKS - 2);
	teardown();
}

TEST(what_cannot_be_compared_is_looked_at_again)
{
	setup();
	/* Three are written, one cannot be read. */
	EXPECT_EQ(aerie_origin_write_begin(origin, pos(4), PAGE_SIZE), 0);
	broken[8] = true;
	EXPECT_EQ(leave(), BLOCKS - 4);
	come_back();
	aerie_origin_write_end(origin, pos(4), PAGE_SIZE);
	broken[8] = false;
	EXPECT_EQ(leave(), BLOCKS);
	/* There is no memory to read it into, nor to remember that it has left. */
	come_back();
	aerie_victims_free();
	shim_fail_alloc = -1;
	EXPECT_EQ(leave(), 0);
	shim_fail_alloc = 0;
	EXPECT_EQ(leave(), BLOCKS);
	teardown();
}

static void write_three(void)
{
	unsigned int i;

	EXPECT_EQ(aerie_origin_write_begin(origin, pos(3), (2 * APART + 1) * PAGE_SIZE), 0);
	for (i = 3; i < 6; i++)
		memcpy(disk[i], &(u64){ 99 }, 8);
	aerie_origin_write_end(origin, pos(3), (2 * APART + 1) * PAGE_SIZE);
}

TEST(what_is_written_while_it_is_read_is_looked_at_again)
{
	unsigned int i;

	setup();
	for (i = 3; i < 6; i++)
		write_word(i, 99);
	meanwhile = write_three;
	after = 4;
	EXPECT_EQ(leave(), BLOCKS - 3);
	come_back();
	EXPECT_EQ(leave(), BLOCKS);
	teardown();
}

/* What is in no memory is read to where block 0 was. */
static void read_other(void)
{
	EXPECT_EQ(aerie_mem_write(&mem, gpa(0), disk[BLOCKS], PAGE_SIZE, GFP_KERNEL), 0);
	aerie_origin_same(origin, gpa(0), pos(BLOCKS), 1);
}

TEST(what_is_known_anew_is_not_forgotten)
{
	setup();
	write_word(0, 99);
	meanwhile = read_other;
	after = 0;
	EXPECT_EQ(leave(), BLOCKS);
	teardown();
}
