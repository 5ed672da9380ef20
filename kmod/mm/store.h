/* SPDX-License-Identifier: GPL-2.0 */
/* Content of guest pages that is not in frames. */
#ifndef AERIE_MM_STORE_H
#define AERIE_MM_STORE_H

#include <linux/types.h>

struct aerie_stored;
struct page;

/**
 * aerie_store_open() - get what storing takes: the compressor, and the allocator
 *
 * They may be modules of the kernel that have to be loaded. Context: may sleep; share_lock is
 * held. Return: 0, also where it is open; -ENOENT where the kernel has not got them, -ENOMEM.
 */
int aerie_store_open(void);

/* Nothing is stored any more. Context: may sleep; module unload. */
void aerie_store_close(void);

/**
 * aerie_store_page() - store the content of a page
 * @page: it does not change meanwhile
 *
 * Context: may sleep; the store is open.
 * Return: to be given to the two calls below; ERR_PTR() of -E2BIG where it would not take
 * much less memory than it does, -ENOMEM.
 */
struct aerie_stored *aerie_store_page(struct page *page);

/* Read it back. Context: may sleep. Return: 0, -EIO. */
int aerie_store_load(const struct aerie_stored *stored, struct page *page);

/* Context: any but interrupts. */
void aerie_store_free(struct aerie_stored *stored);

/* How many bytes it takes, without what is known about it. Context: any. */
unsigned int aerie_store_bytes(const struct aerie_stored *stored);

/* Have objects move together. Context: may sleep. Return: pages that this has set free. */
unsigned long aerie_store_compact(void);

/* Pages of the host that the store takes. Context: any. */
unsigned long aerie_store_pages(void);

#endif
