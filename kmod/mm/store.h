/* SPDX-License-Identifier: GPL-2.0 */
/* Content of guest pages that is not in frames. */
#ifndef AERIE_MM_STORE_H
#define AERIE_MM_STORE_H

#include <linux/types.h>

struct aerie_origin;
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
 * @compress: else only a word repeated is stored
 *
 * Context: may sleep; the store is open.
 * Return: to be given to the two calls below; ERR_PTR() of -E2BIG where it would not take
 * much less memory than it does, -ENOMEM.
 */
struct aerie_stored *aerie_store_page(struct page *page, bool compress);

/*
 * The page is on a disk of the guest, at its page @at: aerie_origin_take() has succeeded. Context:
 * may sleep. Return: as above, NULL without memory.
 */
struct aerie_stored *aerie_store_origin(struct aerie_origin *origin, u32 at, struct page *page);

/* Read it back. Context: may sleep. Return: 0, -EIO. */
int aerie_store_load(struct aerie_stored *stored, struct page *page);

/* Context: any but interrupts. */
void aerie_store_free(struct aerie_stored *stored);

/**
 * aerie_store_swap() - store the content of pages in swap
 * @pages: they do not change meanwhile
 * @stored: set, as many as could be
 * @nr: AERIE_SWAP_RUN at most
 * @alone: for they do not get smaller; what is beside them is compressed
 *
 * Context: may sleep; share_lock is held. Return: how many, from the first on.
 */
unsigned int aerie_store_swap(struct page *const *pages, struct aerie_stored **stored,
			      unsigned int nr, bool alone);

/* Is it compressed, and to go to swap when the next do? It is passed over once. */
bool aerie_store_moves(struct aerie_stored *stored);

/*
 * Move what is compressed to swap; @nr is AERIE_SWAP_RUN at most. Context: may sleep; share_lock
 * is held, and nobody else uses them. Return: how many, from the first on.
 */
unsigned int aerie_store_move(struct aerie_stored *const *stored, unsigned int nr);

enum aerie_store_where {
	AERIE_STORE_PACKED,	/* in memory, compressed or as a word */
	AERIE_STORE_SWAP,
	AERIE_STORE_DISK,	/* of the guest's own */
};

/* Where is it? Context: any. */
enum aerie_store_where aerie_store_where(const struct aerie_stored *stored);

/* Is it in swap, in the area @id? In a file, and not far from another there? */
bool aerie_store_is_in(const struct aerie_stored *stored, unsigned int id);
bool aerie_store_near(const struct aerie_stored *stored, const struct aerie_stored *other);

/* Read back what is near each other, AERIE_SWAP_READ at most. As aerie_store_load(). */
int aerie_store_load_many(struct aerie_stored *const *stored, struct page *const *pages,
			  unsigned int nr);

/* How many bytes it takes, without what is known about it. Context: any. */
unsigned int aerie_store_bytes(const struct aerie_stored *stored);

/* Have objects move together. Context: may sleep. Return: pages that this has set free. */
unsigned long aerie_store_compact(void);

/* Pages of the host that the store takes. Context: any. */
unsigned long aerie_store_pages(void);

#endif
