/* SPDX-License-Identifier: GPL-2.0 */
/* Between what works on the pool's frames (their ages, their size, their leaving) and its thread. */
#ifndef AERIE_MM_RECLAIM_H
#define AERIE_MM_RECLAIM_H

#include "mm/map.h"

/* A frame that may leave memory: it is held, and the nested table does not let it be written. */
struct aerie_victim {
	struct aerie_leaf leaf;
	struct page *old;	/* has left the map, is to be freed */
	bool written;
	bool swap;		/* it is to go there */
};

enum aerie_reclaim {
	AERIE_RECLAIM_NONE,	/* nothing has to leave memory */
	AERIE_RECLAIM_MORE,	/* go on */
	AERIE_RECLAIM_STUCK,	/* nothing can, but has to */
};

/*
 * The calls below: context: share_lock is held, may sleep.
 */

/* Take the next batch out of memory, if that has to be. The store is open. */
enum aerie_reclaim aerie_reclaim_batch(void);
/* Of @nr of @mem those leave it that a disk of the guest has (origin_leave.c). */
void aerie_victims_to_disk(struct aerie_mem *mem, struct aerie_victim *victims, unsigned int nr);
/* Count the ages of the next frames. False at the end of a round over all memory. */
bool aerie_age_batch(void);

/* Make 2 MiB frames of the next 4 KiB ones. False at the end of a round. */
bool aerie_collapse_batch(void);

/* @mem is about to go. */
void aerie_reclaim_leave(struct aerie_mem *mem);
void aerie_age_leave(struct aerie_mem *mem);
void aerie_collapse_leave(struct aerie_mem *mem);
void aerie_swap_leave(struct aerie_mem *mem);

/* Give back what batches have left. No VM is left, and no thread. */
void aerie_reclaim_free(void);
void aerie_victims_free(void);
void aerie_collapse_free(void);

#endif
