// SPDX-License-Identifier: GPL-2.0
// sources: kmod/mm/swap.c kmod/mm/worth.c
/* Places in swap areas: which are given, to whom they go back, and areas that come and go. */
#include "ktap.h"
#include "shim.h"
#include "mm/share.h"
#include "mm/swap.h"

#define MIB	(1u << 20)

struct file {
	u64 pos;
	unsigned int nr, parts;
	int err;
};

static struct file first, second;

int shim_fail_alloc;
void aerie_share_lock(void) { }
void aerie_share_unlock(void) { }

int aerie_swap_io(const struct aerie_swap_part *part, struct page *const *pages, bool write,
		  u64 *took)
{
	*took = 1;
	part->file->pos = part->pos;
	part->file->nr = part->nr;
	part->file->parts = 1;
	return part->file->err;
}

/* Parts as they were asked for, and the pages for them. */
static struct aerie_swap_part asked[AERIE_SWAP_READ];
static struct page *asked_for[AERIE_SWAP_READ];
static unsigned int nr_asked;

int aerie_swap_io_read(const struct aerie_swap_part *parts, unsigned int nr,
		       struct page *const *pages, u64 *took)
{
	unsigned int i, all = 0;

	*took = 1;
	for (i = 0; i < nr; i++)
		all += parts[i].nr;
	memcpy(asked, parts, nr * sizeof(*parts));
	memcpy(asked_for, pages, all * sizeof(*pages));
	nr_asked = nr;
	return parts[0].file->err;
}

/* Read @nr places from @place on, into no pages. */
static int read_run(struct aerie_swap_place place, unsigned int nr)
{
	struct aerie_swap_page pages[AERIE_SWAP_READ] = {};
	unsigned int i;
	u64 took;

	for (i = 0; i < nr; i++, place.slot++)
		pages[i].place = place;
	return aerie_swap_read(pages, nr, &took);
}

static void give(struct aerie_swap_place place, unsigned int nr)
{
	for (; nr; nr--, place.slot++)
		aerie_swap_give(&place);
}

static u64 used(unsigned int id)
{
	u64 bytes, used;

	aerie_swap_figures(id, &bytes, &used);
	return used;
}

TEST(nothing_without_an_area)
{
	struct aerie_swap_place place;

	EXPECT(!aerie_swap_has_room());
	EXPECT_EQ(aerie_swap_take(64, &place), 0);
}

TEST(places_are_one_behind_the_other_and_nobody_elses)
{
	static bool taken[256];
	struct aerie_swap_place place, odd;
	unsigned int nr, i, all = 0;

	EXPECT_EQ(aerie_swap_add(&first, MIB, 0), 0);
	EXPECT_EQ(aerie_swap_take(1, &odd), 1);
	EXPECT_EQ(aerie_swap_take(1, &place), 1);
	give(odd, 1);
	taken[place.slot] = true;
	while ((nr = aerie_swap_take(60, &odd)) != 0) {
		EXPECT(nr <= 60);
		EXPECT_EQ(odd.area, 1);
		for (i = 0; i < nr; i++, all++) {
			EXPECT(!taken[odd.slot + i]);
			taken[odd.slot + i] = true;
		}
	}
	EXPECT_EQ(all, 255);
	EXPECT_EQ(used(0), MIB);
	EXPECT(!aerie_swap_has_room());
	EXPECT(!aerie_swap_remove(0));

	/* What comes back in the middle is found again, as a run as long as it is. */
	give((struct aerie_swap_place){ .slot = 100, .area = 1 }, 7);
	EXPECT(aerie_swap_has_room());
	EXPECT_EQ(aerie_swap_take(60, &place), 7);
	EXPECT_EQ(place.slot, 100);
	give((struct aerie_swap_place){ .slot = 0, .area = 1 }, 256);
	EXPECT_EQ(used(0), 0);
	EXPECT(aerie_swap_remove(0));
}

TEST(the_next_area_when_one_is_full_or_closed)
{
	struct aerie_swap_place place;
	u64 took;

	EXPECT_EQ(aerie_swap_add(&first, MIB, 0), 0);
	EXPECT_EQ(aerie_swap_add(&second, MIB, 5), 0);
	EXPECT_EQ(aerie_swap_take(256, &place), 256);
	EXPECT_EQ(place.area, 1);
	give(place, 256);
	aerie_swap_close(0, true);
	EXPECT_EQ(aerie_swap_take(64, &place), 64);
	EXPECT_EQ(place.area, 6);
	first.nr = 0;
	EXPECT_EQ(read_run(place, 16), 0);
	EXPECT_EQ(second.nr, 16);
	EXPECT_EQ(first.nr, 0);
	place.slot += 3;
	EXPECT_EQ(aerie_swap_write(&place, NULL, 2, &took), 0);
	EXPECT_EQ(second.pos, (u64)place.slot << PAGE_SHIFT);
	place.slot -= 3;
	give(place, 64);
	aerie_swap_close(0, false);
	EXPECT_EQ(aerie_swap_take(64, &place), 64);
	EXPECT_EQ(place.area, 1);
	give(place, 64);
	EXPECT(aerie_swap_remove(0));
	EXPECT(aerie_swap_remove(5));
}

TEST(places_are_read_as_they_lie)
{
	static const u32 order[] = { 7, 1, 2, 3, 5, 6, 9 };
	struct aerie_swap_page pages[ARRAY_SIZE(order)] = {};
	static char to[ARRAY_SIZE(order)];
	struct aerie_swap_place place;
	unsigned int i;
	u64 took;

	EXPECT_EQ(aerie_swap_add(&first, MIB, 0), 0);
	EXPECT_EQ(aerie_swap_take(64, &place), 64);
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		pages[i].place = place;
		pages[i].place.slot += order[i];
		pages[i].page = (struct page *)&to[i];
	}
	EXPECT_EQ(aerie_swap_read(pages, ARRAY_SIZE(order), &took), 0);
	EXPECT_EQ(nr_asked, 3);
	EXPECT_EQ(asked[0].pos, (u64)(place.slot + 1) << PAGE_SHIFT);
	EXPECT_EQ(asked[0].nr, 3);
	EXPECT_EQ(asked[1].pos, (u64)(place.slot + 5) << PAGE_SHIFT);
	EXPECT_EQ(asked[1].nr, 3);
	EXPECT_EQ(asked[2].nr, 1);
	EXPECT(asked_for[0] == (struct page *)&to[1]);
	EXPECT(asked_for[5] == (struct page *)&to[0]);
	EXPECT(asked_for[6] == (struct page *)&to[6]);
	first.err = -EIO;
	EXPECT_EQ(aerie_swap_read(pages, ARRAY_SIZE(order), &took), -EIO);
	first.err = 0;
	give(place, 64);
	EXPECT(aerie_swap_remove(0));
}

TEST(an_area_that_cannot_be_written_is_left_alone)
{
	struct aerie_swap_place place;
	u64 took;

	EXPECT_EQ(aerie_swap_add(&first, MIB, 0), 0);
	EXPECT_EQ(aerie_swap_take(4, &place), 4);
	first.err = -EIO;
	EXPECT_EQ(aerie_swap_write(&place, NULL, 4, &took), -EIO);
	give(place, 4);
	EXPECT(!aerie_swap_has_room());
	EXPECT_EQ(aerie_swap_take(4, &place), 0);
	/* Also after it could not be emptied. */
	aerie_swap_close(0, true);
	aerie_swap_close(0, false);
	EXPECT(!aerie_swap_has_room());
	EXPECT(aerie_swap_remove(0));
	first.err = 0;
}

TEST(no_memory_for_an_area)
{
	for (shim_fail_alloc = 1; shim_fail_alloc <= 2; shim_fail_alloc++) {
		int nth = shim_fail_alloc;

		EXPECT_EQ(aerie_swap_add(&first, MIB, 0), -ENOMEM);
		shim_fail_alloc = nth;
	}
	shim_fail_alloc = 0;
	EXPECT(!aerie_swap_has_room());
}
