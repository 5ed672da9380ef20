// SPDX-License-Identifier: GPL-2.0
/* Which pages a disk says it has read from where, of buffers of all kinds. */
// sources: kmod/virtio/blk_tell.c
#include "ktap.h"
#include "aerie.h"
#include "virtio/blk_tell.h"

#define P	((u64)PAGE_SIZE)
#define MAX	16

/* What holds the disk from a byte on; the last, to its end. */
struct aerie_blk {
	struct {
		u64 from;
		const char *inode;
	} parts[4];
};

static struct {
	gpa_t gpa;
	u32 pages;
	u64 key;
} told[MAX];
static unsigned int nr_told;
static struct {
	gpa_t gpa;
	u64 pos;
	u32 pages;
} same[MAX];
static unsigned int nr_same;
static bool wanted;		/* what is the same */
static struct aerie_mem mem = { .told = true };
static const char one[1], two[1];

const struct inode *aerie_blk_at(struct aerie_blk *blk, u64 pos, u64 *len)
{
	unsigned int i;

	for (i = 0; i < 3 && blk->parts[i + 1].from && pos >= blk->parts[i + 1].from; i++)
		;
	if (i < 3 && blk->parts[i + 1].from && *len > blk->parts[i + 1].from - pos)
		*len = blk->parts[i + 1].from - pos;
	return (const struct inode *)blk->parts[i].inode;
}

void aerie_share_tell(struct aerie_mem *m, gpa_t gpa, u32 pages, u64 key)
{
	EXPECT(m == &mem);
	EXPECT(nr_told < MAX);
	told[nr_told].gpa = gpa;
	told[nr_told].pages = pages;
	told[nr_told++].key = key;
}

struct aerie_origin *aerie_blk_origin(struct aerie_blk *blk)
{
	return (struct aerie_origin *)blk;
}

bool aerie_origin_wanted(const struct aerie_origin *origin)
{
	return wanted;
}

void aerie_origin_same(struct aerie_origin *origin, gpa_t gpa, u64 pos, u32 pages)
{
	EXPECT(wanted);
	EXPECT(nr_same < MAX);
	same[nr_same].gpa = gpa;
	same[nr_same].pos = pos;
	same[nr_same++].pages = pages;
}

static void tell(struct aerie_blk *blk, u64 pos, u32 len, const struct aerie_vq_buf *bufs)
{
	nr_told = nr_same = 0;
	aerie_blk_tell(blk, &mem, pos, len, bufs, true);
}

static void expect(unsigned int i, gpa_t gpa, u32 pages)
{
	EXPECT(i < nr_told);
	EXPECT_EQ(told[i].gpa, gpa);
	EXPECT_EQ(told[i].pages, pages);
}

TEST(whole_pages_of_whole_pages)
{
	struct aerie_blk blk = { { { 0, one } } };
	u64 first;

	tell(&blk, 8 * P, 3 * P, (struct aerie_vq_buf[]){ { 16 * P, 2 * P }, { 40 * P, P }, { 7, 1 } });
	EXPECT_EQ(nr_told, 2);
	expect(0, 16 * P, 2);
	expect(1, 40 * P, 1);
	EXPECT_EQ(told[1].key, told[0].key + 2);
	first = told[0].key;
	/* The same place again, and another. */
	tell(&blk, 9 * P, P, (struct aerie_vq_buf[]){ { 3 * P, P } });
	EXPECT_EQ(told[0].key, first + 1);
	blk.parts[0].inode = two;
	tell(&blk, 8 * P, P, (struct aerie_vq_buf[]){ { 3 * P, P } });
	EXPECT(told[0].key != first);
}

TEST(what_is_not_aligned)
{
	struct aerie_blk blk = { { { 0, one } } };

	/* On the disk, in memory, in both alike. */
	tell(&blk, P + 512, 4 * P, (struct aerie_vq_buf[]){ { 16 * P, 4 * P } });
	EXPECT_EQ(nr_told, 0);
	tell(&blk, P, 4 * P, (struct aerie_vq_buf[]){ { 16 * P + 512, 4 * P } });
	EXPECT_EQ(nr_told, 0);
	tell(&blk, P + 512, 4 * P, (struct aerie_vq_buf[]){ { 16 * P + 512, 4 * P } });
	EXPECT_EQ(nr_told, 1);
	expect(0, 17 * P, 3);
	/* Buffers that split a page, or are empty, or hold more than was read. */
	tell(&blk, P, 3 * P, (struct aerie_vq_buf[]){ { 16 * P, 100 }, { 16 * P + 100, P - 100 },
						      { 0, 0 }, { 20 * P, 9 * P } });
	EXPECT_EQ(nr_told, 1);
	expect(0, 20 * P, 2);
	tell(&blk, P, P - 512, (struct aerie_vq_buf[]){ { 16 * P, P } });
	EXPECT_EQ(nr_told, 0);
	tell(&blk, P, 0, NULL);
	EXPECT_EQ(nr_told, 0);
}

TEST(its_origin_is_told_what_is_read_and_written)
{
	struct aerie_blk blk = { { { 0, one }, { 2 * P, two } } };
	const struct aerie_vq_buf bufs[] = { { 16 * P + 512, P - 512 }, { 40 * P, 2 * P } };

	tell(&blk, 512, 3 * P - 512, bufs);
	EXPECT_EQ(nr_same, 0);
	wanted = true;
	tell(&blk, 512, 3 * P - 512, bufs);
	EXPECT_EQ(nr_same, 1);
	EXPECT_EQ(same[0].gpa, 40 * P);
	EXPECT_EQ(same[0].pos, P);
	EXPECT_EQ(same[0].pages, 2);
	EXPECT_EQ(nr_told, 2);
	/* Who looks for what is the same cares for what has been read alone. */
	nr_told = nr_same = 0;
	aerie_blk_tell(&blk, &mem, 0, P, (struct aerie_vq_buf[]){ { 8 * P, P } }, false);
	EXPECT_EQ(nr_same, 1);
	EXPECT_EQ(nr_told, 0);
	mem.told = false;
	tell(&blk, 0, P, (struct aerie_vq_buf[]){ { 8 * P, P } });
	EXPECT_EQ(nr_same, 1);
	EXPECT_EQ(nr_told, 0);
	mem.told = true;
	wanted = false;
}

TEST(the_layers_of_an_image)
{
	struct aerie_blk blk = { { { 0, one }, { 2 * P, one }, { 4 * P, NULL }, { 6 * P, two } } };
	u64 key;

	tell(&blk, 0, 9 * P, (struct aerie_vq_buf[]){ { 16 * P, 9 * P } });
	EXPECT_EQ(nr_told, 2);
	expect(0, 16 * P, 4);
	expect(1, 22 * P, 3);
	key = told[1].key;
	blk.parts[0].inode = two;
	tell(&blk, 0, P, (struct aerie_vq_buf[]){ { 16 * P, P } });
	EXPECT_EQ(told[0].key + 6, key);
	/* A page in two of them. */
	blk = (struct aerie_blk){ { { 0, one }, { 2 * P + 512, two }, { 5 * P + 512, NULL } } };
	tell(&blk, 0, 8 * P, (struct aerie_vq_buf[]){ { 16 * P, 8 * P } });
	EXPECT_EQ(nr_told, 2);
	expect(0, 16 * P, 2);
	expect(1, 19 * P, 2);
}
