// SPDX-License-Identifier: GPL-2.0
/*
 * Swap: places for pages in files and block devices.
 *
 * An area is one of them. A place is 4 KiB of it. What is in which place is the store's to know; an area
 * goes when nothing is in it any more.
 *
 * Locks: areas come and go under share_lock, which who takes places holds. slots_lock
 * (spinlock) is for which places are taken; whoever has one taken can rely on its area.
 */
#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include "mm/share.h"
#include "mm/swap.h"
#include "mm/worth.h"

#define MEASURED	4u	/* reads of a new area, all over it */

struct area {
	struct file *file;
	unsigned long *taken;		/* bitmap of places */
	u32 nr, nr_taken, next;
	bool full;			/* nothing more is to come into it */
	bool failed;			/* it has been said that it cannot be written */
};

static struct area *areas[AERIE_SWAP_AREAS];
static DEFINE_SPINLOCK(slots_lock);

static struct area *area_of(const struct aerie_swap_place *place)
{
	return areas[place->area - 1];
}

/* ---- Places ------------------------------------------------------------------------- */

/* slots_lock is held. */
static unsigned int take_run(struct area *area, unsigned int nr, u32 *first)
{
	u32 at = find_next_zero_bit(area->taken, area->nr, area->next), end;

	if (at >= area->nr)
		at = find_first_zero_bit(area->taken, area->nr);
	if (at >= area->nr)
		return 0;
	end = find_next_bit(area->taken, min_t(u64, (u64)at + nr, area->nr), at);
	bitmap_set(area->taken, at, end - at);
	area->nr_taken += end - at;
	area->next = end;
	*first = at;
	return end - at;
}

unsigned int aerie_swap_take(unsigned int nr, struct aerie_swap_place *first)
{
	unsigned int i, got = 0;

	spin_lock(&slots_lock);
	for (i = 0; i < AERIE_SWAP_AREAS && !got; i++) {
		if (areas[i] && !areas[i]->full)
			got = take_run(areas[i], nr, &first->slot);
		first->area = i + 1;
	}
	spin_unlock(&slots_lock);
	return got;
}

void aerie_swap_give(const struct aerie_swap_place *place)
{
	struct area *area;

	spin_lock(&slots_lock);
	area = area_of(place);
	__clear_bit(place->slot, area->taken);
	area->nr_taken--;
	spin_unlock(&slots_lock);
}

bool aerie_swap_has_room(void)
{
	bool room = false;
	unsigned int i;

	spin_lock(&slots_lock);
	for (i = 0; i < AERIE_SWAP_AREAS && !room; i++)
		room = areas[i] && !areas[i]->full && areas[i]->nr_taken < areas[i]->nr;
	spin_unlock(&slots_lock);
	return room;
}

/* ---- Input and output --------------------------------------------------------------- */

static struct aerie_swap_part part_of(const struct aerie_swap_place *first, unsigned int nr)
{
	return (struct aerie_swap_part){
		.file = area_of(first)->file, .pos = (u64)first->slot << PAGE_SHIFT, .nr = nr,
	};
}

int aerie_swap_write(const struct aerie_swap_place *first, struct page *const *pages,
		     unsigned int nr, u64 *took)
{
	const struct aerie_swap_part part = part_of(first, nr);
	struct area *area = area_of(first);
	int err = aerie_swap_io(&part, pages, true, took);

	if (err && !area->failed) {
		pr_warn("swap %pD4 cannot be written (%d): nothing more goes there\n", area->file,
			err);
		area->failed = true;
		area->full = true;
	}
	return err;
}

static bool is_behind(const struct aerie_swap_place *place, const struct aerie_swap_place *other)
{
	return place->area != other->area ? place->area > other->area : place->slot > other->slot;
}

/* They are few, and mostly in order. */
static void sort(struct aerie_swap_page *pages, unsigned int nr)
{
	unsigned int i, at;

	for (i = 1; i < nr; i++) {
		struct aerie_swap_page page = pages[i];

		for (at = i; at && is_behind(&pages[at - 1].place, &page.place); at--)
			pages[at] = pages[at - 1];
		pages[at] = page;
	}
}

int aerie_swap_read(struct aerie_swap_page *pages, unsigned int nr, u64 *took)
{
	struct aerie_swap_part parts[AERIE_SWAP_READ];
	struct page *to[AERIE_SWAP_READ];
	unsigned int i, nr_parts = 0;

	sort(pages, nr);
	for (i = 0; i < nr; i++) {
		to[i] = pages[i].page;
		if (i && pages[i].place.area == pages[i - 1].place.area &&
		    pages[i].place.slot == pages[i - 1].place.slot + 1)
			parts[nr_parts - 1].nr++;
		else
			parts[nr_parts++] = part_of(&pages[i].place, 1);
	}
	return nr_parts == 1 ? aerie_swap_io(parts, to, false, took) :
			       aerie_swap_io_read(parts, nr_parts, to, took);
}

/* ---- Areas -------------------------------------------------------------------------- */

/* How long it takes to read from it is known from the beginning, if it can be read. */
static void measure(const struct area *area)
{
	struct page *pages[AERIE_SWAP_READ];
	unsigned int nr, i;
	u64 took;

	for (nr = 0; nr < AERIE_SWAP_READ; nr++) {
		pages[nr] = alloc_pages(GFP_KERNEL, 0);
		if (!pages[nr])
			break;
	}
	for (i = 0; nr == AERIE_SWAP_READ && i < MEASURED; i++) {
		const struct aerie_swap_part part = {
			.file = area->file, .nr = nr,
			.pos = (u64)(area->nr - nr) / MEASURED * i << PAGE_SHIFT,
		};

		if (!aerie_swap_io(&part, pages, false, &took))
			aerie_worth_took(AERIE_COST_READ, took, nr);
	}
	while (nr)
		__free_pages(pages[--nr], 0);
}

int aerie_swap_add(struct file *file, u64 bytes, unsigned int id)
{
	struct area *area = kzalloc(sizeof(*area), GFP_KERNEL);

	if (!area)
		return -ENOMEM;
	area->file = file;
	area->nr = min_t(u64, bytes >> PAGE_SHIFT, U32_MAX);
	area->taken = kvcalloc(BITS_TO_LONGS(area->nr), sizeof(long), GFP_KERNEL_ACCOUNT);
	if (!area->taken) {
		kfree(area);
		return -ENOMEM;
	}
	measure(area);
	aerie_share_lock();
	spin_lock(&slots_lock);
	areas[id] = area;
	spin_unlock(&slots_lock);
	aerie_share_unlock();
	return 0;
}

void aerie_swap_close(unsigned int id, bool closed)
{
	aerie_share_lock();
	areas[id]->full = closed || areas[id]->failed;
	aerie_share_unlock();
}

bool aerie_swap_remove(unsigned int id)
{
	struct area *area;

	aerie_share_lock();
	spin_lock(&slots_lock);
	area = areas[id];
	if (area->nr_taken)
		area = NULL;
	else
		areas[id] = NULL;
	spin_unlock(&slots_lock);
	aerie_share_unlock();
	if (!area)
		return false;
	kvfree(area->taken);
	kfree(area);
	return true;
}

void aerie_swap_figures(unsigned int id, u64 *bytes, u64 *used)
{
	spin_lock(&slots_lock);
	*bytes = (u64)areas[id]->nr << PAGE_SHIFT;
	*used = (u64)areas[id]->nr_taken << PAGE_SHIFT;
	spin_unlock(&slots_lock);
}
