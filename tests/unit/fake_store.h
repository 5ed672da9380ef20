/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For tests of guest memory: its threads, which do nothing, and a store that keeps pages as
 * they are. Include it in one source of a test.
 */
#ifndef FAKE_STORE_H
#define FAKE_STORE_H

#include "shim.h"
#include "mm/pool.h"
#include "mm/share.h"
#include "mm/store.h"

struct aerie_stored {
	u8 byte[PAGE_SIZE];
};

static long fake_store_nr;		/* pages that are stored */
static bool fake_store_full;		/* nothing gets smaller */
static unsigned long fake_store_refused;	/* pages that did not */
static bool fake_store_broken;		/* nothing can be read back */
/* Others go on while a page is read back. */
static void (*fake_store_loading)(void);
static void (*fake_pool_waiting)(void);	/* for room */

int aerie_share_start(void) { return 0; }
void aerie_share_stop(void) { }
void aerie_share_wake(void) { }
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

struct aerie_stored *aerie_store_page(struct page *page)
{
	struct aerie_stored *stored = fake_store_full ? NULL : kmalloc(sizeof(*stored), 0);

	if (!stored) {
		fake_store_refused += fake_store_full;
		return ERR_PTR(fake_store_full ? -E2BIG : -ENOMEM);
	}
	memcpy(stored, page_address(page), PAGE_SIZE);
	fake_store_nr++;
	return stored;
}

int aerie_store_load(const struct aerie_stored *stored, struct page *page)
{
	if (fake_store_loading)
		fake_store_loading();
	if (fake_store_broken)
		return -EIO;
	memcpy(page_address(page), stored, PAGE_SIZE);
	return 0;
}

void aerie_store_free(struct aerie_stored *stored)
{
	memset(stored, 0x5a, sizeof(*stored));
	kfree(stored);
	fake_store_nr--;
}

unsigned int aerie_store_bytes(const struct aerie_stored *stored)
{
	return PAGE_SIZE / 4;
}

unsigned long aerie_store_pages(void)
{
	return fake_store_nr / 4;
}

#endif
