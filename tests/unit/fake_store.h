/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For tests of guest memory: its threads, which do nothing, and a store that keeps pages as
 * they are, or has them in swap. Include it in one source of a test.
 */
#ifndef FAKE_STORE_H
#define FAKE_STORE_H

#include "shim.h"
#include "mm/origin.h"
#include "mm/pool.h"
#include "mm/share.h"
#include "mm/store.h"
#include "mm/swap.h"

struct aerie_stored {
	u8 byte[PAGE_SIZE];
	u32 slot;		/* of swap, 0: it is compressed */
	struct aerie_origin *origin;	/* or it is on a disk of the guest, there: */
	u32 at;
	bool passed;
};

static long fake_store_nr;		/* pages that are stored */
static long fake_swap_nr;		/* of these, in swap */
static bool fake_store_full;		/* nothing gets smaller */
static unsigned long fake_store_refused;	/* pages that did not */
static long fake_swap_room;		/* pages that may go there */
static unsigned long fake_swap_reads;	/* of how many pages each */
static u32 fake_swap_near = ~0u;	/* how far from each other places are read at a time */
static bool fake_store_broken;		/* nothing can be read back */
/* Others go on while a page is read back. */
static void (*fake_store_loading)(void);
static void (*fake_pool_waiting)(void);	/* for room */
static long fake_disk_nr;		/* pages that are on disks */
/* Reads one page of a disk; none can be read without it. */
static int (*fake_disk_read)(struct file *file, u64 pos, struct page *page);

int aerie_share_start(void) { return 0; }
void aerie_share_stop(void) { }
void aerie_share_wake(void) { }
unsigned int aerie_share_budget(void) { return 100; }
int aerie_pool_start(void) { return 0; }
void aerie_pool_stop(void) { }
void aerie_pool_wake(void) { }

void aerie_pool_wait(unsigned int ms)
{
	if (fake_pool_waiting)
		fake_pool_waiting();
}

int aerie_store_open(void) { return 0; }

void aerie_store_close(void)
{
	if (fake_store_nr)
		abort();
}

static struct aerie_stored *fake_stored(struct page *page)
{
	struct aerie_stored *stored = kzalloc(sizeof(*stored), 0);

	if (!stored)
		return NULL;
	memcpy(stored, page_address(page), PAGE_SIZE);
	fake_store_nr++;
	return stored;
}

struct aerie_stored *aerie_store_page(struct page *page, bool compress)
{
	struct aerie_stored *stored = fake_store_full || !compress ? NULL : fake_stored(page);

	if (!compress)
		return ERR_PTR(-E2BIG);

	if (!stored) {
		fake_store_refused += fake_store_full;
		return ERR_PTR(fake_store_full ? -E2BIG : -ENOMEM);
	}
	return stored;
}

/* One place behind the other, always, and never the same again. */
static void fake_swapped(struct aerie_stored *stored)
{
	static u32 slot;

	stored->slot = ++slot;
	fake_swap_room--;
	fake_swap_nr++;
}

bool aerie_swap_has_room(void) { return fake_swap_room > 0; }

unsigned int aerie_store_swap(struct page *const *pages, struct aerie_stored **stored,
			      unsigned int nr, bool alone)
{
	unsigned int i;

	for (i = 0; i < nr && fake_swap_room > 0; i++) {
		stored[i] = fake_stored(pages[i]);
		if (!stored[i])
			break;
		fake_swapped(stored[i]);
	}
	return i;
}

struct aerie_stored *aerie_store_origin(struct aerie_origin *origin, u32 at, struct page *page)
{
	struct aerie_stored *stored = fake_stored(page);

	if (!stored)
		return NULL;
	stored->origin = origin;
	stored->at = at;
	fake_disk_nr++;
	return stored;
}

int aerie_swap_io_read(const struct aerie_swap_part *parts, unsigned int nr,
		       struct page *const *pages, u64 *took)
{
	unsigned int i, n = 0, part;
	int err = fake_disk_read ? 0 : -EIO;

	for (part = 0; part < nr; part++)
		for (i = 0; !err && i < parts[part].nr; i++)
			err = fake_disk_read(parts[part].file, parts[part].pos + i * PAGE_SIZE,
					     pages[n++]);
	return err;
}

bool aerie_store_moves(struct aerie_stored *stored)
{
	bool moves = !stored->slot && !stored->origin && stored->passed;

	stored->passed = true;
	return moves;
}

unsigned int aerie_store_move(struct aerie_stored *const *stored, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr && fake_swap_room > 0; i++)
		fake_swapped(stored[i]);
	return i;
}

enum aerie_store_where aerie_store_where(const struct aerie_stored *stored)
{
	if (stored->origin)
		return AERIE_STORE_DISK;
	return stored->slot ? AERIE_STORE_SWAP : AERIE_STORE_PACKED;
}

bool aerie_store_is_in(const struct aerie_stored *stored, unsigned int id)
{
	return stored->slot;
}

bool aerie_store_near(const struct aerie_stored *stored, const struct aerie_stored *other)
{
	if (stored->origin || other->origin)
		return stored->origin == other->origin;
	return stored->slot && other->slot &&
	       abs((int)(stored->slot - other->slot)) <= fake_swap_near;
}

int aerie_store_load_many(struct aerie_stored *const *stored, struct page *const *pages,
			  unsigned int nr)
{
	unsigned int i;

	fake_swap_reads++;
	for (i = 0; i < nr; i++)
		if (aerie_store_load(stored[i], pages[i]))
			return -EIO;
	return 0;
}

int aerie_store_load(struct aerie_stored *stored, struct page *page)
{
	if (fake_store_loading)
		fake_store_loading();
	if (fake_store_broken)
		return -EIO;
	if (stored->origin)
		return aerie_origin_read(stored->origin, &stored->at, &page, 1) ||
		       memcmp(page_address(page), stored, PAGE_SIZE) ? -EIO : 0;
	memcpy(page_address(page), stored, PAGE_SIZE);
	return 0;
}

void aerie_store_free(struct aerie_stored *stored)
{
	if (stored->slot) {
		fake_swap_room++;
		fake_swap_nr--;
	}
	if (stored->origin) {
		fake_disk_nr--;
		aerie_origin_give(stored->origin, stored->at);
	}
	memset(stored, 0x5a, sizeof(*stored));
	kfree(stored);
	fake_store_nr--;
}

unsigned int aerie_store_bytes(const struct aerie_stored *stored)
{
	return stored->slot || stored->origin ? 0 : PAGE_SIZE / 4;
}

unsigned long aerie_store_pages(void)
{
	return (fake_store_nr - fake_swap_nr - fake_disk_nr) / 4;
}

#endif
