// SPDX-License-Identifier: GPL-2.0
// sources: MEMORY kmod/mm/pte_npt.c
/*
 * What of a guest's memory its disk has: what leaves memory for that, what is remembered of
 * what could not, and what becomes of it when the disk fails, or goes. What happens meanwhile
 * is model_test's.
 */
#include "memory.h"

#define BYTES	(4u << 20)
#define BLOCKS	24		/* more than are read at a time */
#define APART	100u	/* pages of the disk from one block to the next; three are one stripe */

static struct aerie_mem mem;
static struct aerie_origin *origin;
static u8 disk[BLOCKS + 1][PAGE_SIZE];	/* the last one is in no memory at first */
static bool hole[BLOCKS + 1];		/* no file has it */
static bool broken[BLOCKS + 1];		/* it cannot be read */
static unsigned int failed;
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
	EXPECT(opaque == disk);
	return hole[at / PAGE_SIZE / APART] ? NULL : opaque;
}

static int disk_read(struct file *file, u64 at, struct page *page)
{
	unsigned int block = at / PAGE_SIZE / APART;
	void (*then)(void) = meanwhile;

	if (broken[block]) {
		failed++;
		return -EIO;
	}
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
	failed = 0;
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
	expect_nothing_left();
}

/* All leaves memory, as far as it can. Returns how many pages do for being on the disk. */
static long leave(void)
{
	aerie_pool_ask(BLOCKS);
	reclaim();
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

TEST(a_disk_that_fails_is_not_read_page_by_page)
{
	setup();
	memset(broken, true, sizeof(broken));
	EXPECT_EQ(leave(), 0);
	/* Of each batch the first page, and two alone. */
	EXPECT(failed && failed <= BLOCKS / 2);
	memset(broken, 0, sizeof(broken));
	come_back();
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

/* The disk goes; the guest goes on. */
static void go(void)
{
	aerie_origin_close(origin, true);
	origin = NULL;
}

TEST(a_disk_that_goes_gives_back_what_it_has)
{
	setup();
	EXPECT_EQ(leave(), BLOCKS);
	go();
	EXPECT_EQ(atomic_long_read(&mem.on_disk), 0);
	EXPECT_EQ(atomic_long_read(&mem.resident), BLOCKS);
	come_back();
	/* What is remembered of it is of no use any more, also to one that comes in its place. */
	EXPECT_EQ(leave(), 0);
	come_back();
	origin = aerie_origin_open(&mem, disk_at, disk);
	memset(disk, 0x55, sizeof(disk));
	EXPECT_EQ(leave(), 0);
	teardown();
}

static void leave_again(void)
{
	leave();
}

/* With a limit of @pages from now on. A sixteenth of LIMIT is a page. */
#define LIMIT	16u

static long lent_with(unsigned int pages)
{
	struct aerie_mem_limits limits = { .limit = pages * PAGE_SIZE };

	EXPECT_EQ(aerie_mem_set_limits(&mem, &limits), 0);
	return atomic_long_read(&mem.lent);
}

TEST(what_a_disk_gives_back_may_be_beyond_the_limit)
{
	setup();
	EXPECT_EQ(leave(), BLOCKS);
	EXPECT_EQ(lent_with(LIMIT), 0);
	EXPECT_EQ(aerie_pool_room(&mem), 0);
	go();
	EXPECT_EQ(atomic_long_read(&mem.resident), BLOCKS);
	EXPECT_EQ(atomic_long_read(&mem.lent), BLOCKS - LIMIT + 1);
	/* Nothing has left memory yet, nor has it to before the guest may go on. */
	EXPECT_EQ(aerie_pool_room(&mem), 0);
	EXPECT_EQ(aerie_mem_write(&mem, gpa(BLOCKS), disk[0], PAGE_SIZE, GFP_KERNEL), 0);
	EXPECT_EQ(aerie_pool_room(&mem), -EAGAIN);
	/* From when it is below its limit, it is to stay there. */
	reclaim();
	EXPECT(atomic_long_read(&mem.resident) <= LIMIT);
	EXPECT_EQ(atomic_long_read(&mem.lent), 0);
	teardown();
}

TEST(what_is_lent_is_not_more_than_another_limit_needs)
{
	setup();
	EXPECT_EQ(leave(), BLOCKS);
	lent_with(LIMIT);
	go();
	EXPECT_EQ(lent_with(LIMIT), BLOCKS - LIMIT + 1);
	EXPECT_EQ(lent_with(LIMIT + 4), BLOCKS - LIMIT - 4 + 1);
	EXPECT_EQ(lent_with(2 * LIMIT), 2);
	EXPECT_EQ(lent_with(0), 0);
	EXPECT_EQ(lent_with(LIMIT), 0);
	teardown();
}

TEST(what_the_guest_overwrites_does_not_lead_far_beyond_its_limit)
{
	unsigned int i;

	setup();
	EXPECT_EQ(leave(), BLOCKS);
	lent_with(LIMIT);
	for (i = 0; i < BLOCKS; i++) {
		EXPECT_EQ(aerie_origin_write_begin(origin, pos(i), PAGE_SIZE), 0);
		aerie_origin_write_end(origin, pos(i), PAGE_SIZE);
	}
	EXPECT_EQ(atomic_long_read(&mem.resident), BLOCKS);
	EXPECT_EQ(atomic_long_read(&mem.lent), 1);
	EXPECT_EQ(aerie_pool_room(&mem), -EAGAIN);
	teardown();
}

TEST(nothing_leaves_for_a_disk_that_goes)
{
	setup();
	EXPECT_EQ(leave(), BLOCKS);
	/* Some have come back then. */
	meanwhile = leave_again;
	after = 20;
	go();
	EXPECT_EQ(atomic_long_read(&mem.on_disk), 0);
	EXPECT(atomic_long_read(&mem.stored));
	come_back();
	teardown();
}

static int fault(unsigned int block, unsigned int access)
{
	return aerie_mem_fault(&mem, gpa(block), access, GFP_KERNEL);
}

/* Who needs one of them is told; what is overwritten as a whole is of no matter. */
static void expect_lost(void)
{
	struct bio_vec seg;
	u8 page[PAGE_SIZE];

	EXPECT_EQ(fault(3, AERIE_ACC_READ), -EIO);
	EXPECT_EQ(fault(3, AERIE_ACC_WRITE), -EIO);
	EXPECT_EQ(aerie_mem_read(&mem, gpa(3), page, PAGE_SIZE, GFP_KERNEL), -EIO);
	EXPECT_EQ(aerie_mem_pin(&mem, gpa(3), PAGE_SIZE, true, &seg), 0);
	aerie_mem_unpin(&seg);
	EXPECT_EQ(fault(3, AERIE_ACC_WRITE), 0);
	EXPECT_EQ(fault(4, AERIE_ACC_READ), -EIO);
}

TEST(what_cannot_be_read_when_the_disk_goes_is_lost)
{
	unsigned int i;

	setup();
	EXPECT_EQ(leave(), BLOCKS);
	for (i = 2; i < 6; i++)
		broken[i] = true;
	/* Nor before it goes, but it is there then, and is read when it can be. */
	EXPECT_EQ(fault(2, AERIE_ACC_READ), -EIO);
	broken[2] = false;
	EXPECT_EQ(fault(2, AERIE_ACC_READ), 0);
	go();
	EXPECT_EQ(atomic_long_read(&mem.on_disk), 3);
	EXPECT_EQ(fault(6, AERIE_ACC_READ), 0);
	for (i = 2; i < 6; i++)
		broken[i] = false;
	expect_lost();
	/* One that comes in its place has nothing to do with it. */
	origin = aerie_origin_open(&mem, disk_at, disk);
	EXPECT_EQ(fault(4, AERIE_ACC_READ), -EIO);
	EXPECT_EQ(aerie_origin_write_begin(origin, 0, pos(BLOCKS)), 0);
	aerie_origin_write_end(origin, 0, pos(BLOCKS));
	EXPECT_EQ(atomic_long_read(&mem.on_disk), 2);
	teardown();
}

TEST(what_there_is_no_memory_for_when_the_disk_goes_is_lost)
{
	setup();
	EXPECT_EQ(leave(), BLOCKS);
	shim_fail_alloc = -1;
	go();
	shim_fail_alloc = 0;
	EXPECT_EQ(atomic_long_read(&mem.on_disk), BLOCKS);
	expect_lost();
	teardown();
}

/* There is for a moment. */
TEST(what_there_is_memory_for_in_the_end_comes_back)
{
	setup();
	EXPECT_EQ(leave(), BLOCKS);
	shim_fail_alloc = 1;
	go();
	EXPECT_EQ(shim_fail_alloc, 0);
	EXPECT_EQ(atomic_long_read(&mem.on_disk), 0);
	come_back();
	teardown();
}

TEST(who_writes_waits_for_what_is_there)
{
	setup();
	EXPECT_EQ(leave(), BLOCKS);
	shim_fail_alloc = -1;
	EXPECT_EQ(aerie_origin_write_begin(origin, pos(3), PAGE_SIZE), -ENOMEM);
	shim_fail_alloc = 0;
	EXPECT_EQ(atomic_long_read(&mem.on_disk), BLOCKS);
	/* It has not begun: others may leave for what lies beside it. */
	EXPECT_EQ(fault(4, AERIE_ACC_READ), 0);
	EXPECT_EQ(leave(), BLOCKS);
	/* What cannot be read is lost where it is overwritten, not before. */
	broken[3] = true;
	EXPECT_EQ(aerie_origin_write_begin(origin, pos(3), PAGE_SIZE), 0);
	broken[3] = false;
	memset(disk[3], 0x55, PAGE_SIZE);
	aerie_origin_write_end(origin, pos(3), PAGE_SIZE);
	EXPECT_EQ(fault(3, AERIE_ACC_READ), -EIO);
	EXPECT_EQ(fault(5, AERIE_ACC_READ), 0);
	teardown();
}

TEST(of_very_many_disks_some_have_no_place)
{
	struct aerie_origin *many[AERIE_ORIGINS + 1];
	unsigned int i;

	setup();
	for (i = 1; i < AERIE_ORIGINS; i++) {
		many[i] = aerie_origin_open(&mem, disk_at, disk);
		EXPECT(many[i]);
	}
	EXPECT(!aerie_origin_open(&mem, disk_at, disk));
	/* All can be done to one that there is not. */
	EXPECT(!aerie_origin_wanted(NULL));
	EXPECT_EQ(aerie_origin_write_begin(NULL, 0, PAGE_SIZE), 0);
	aerie_origin_write_end(NULL, 0, PAGE_SIZE);
	aerie_origin_close(NULL, true);
	/* The last one is as good as the first. */
	aerie_origin_same(many[i - 1], gpa(7), pos(7), 1);
	EXPECT_EQ(leave(), BLOCKS);
	aerie_origin_close(many[i - 1], true);
	EXPECT_EQ(atomic_long_read(&mem.on_disk), BLOCKS - 1);
	many[i - 1] = aerie_origin_open(&mem, disk_at, disk);
	EXPECT(many[i - 1]);
	for (i = 1; i < AERIE_ORIGINS; i++)
		aerie_origin_close(many[i], i % 2);
	teardown();
}
