/* SPDX-License-Identifier: GPL-2.0 */
/* Between the scanner (share.c), its thread, and the life of a VM's memory. */
#ifndef AERIE_MM_SHARE_H
#define AERIE_MM_SHARE_H

#include <linux/minmax.h>
#include "mm/mm.h"

/* share_lock: maps stay, no batch is under way. */
void aerie_share_lock(void);
void aerie_share_unlock(void);

/* The memory behind @mem, the first for NULL; NULL behind the last. share_lock is held. */
struct aerie_mem *aerie_share_next(struct aerie_mem *mem);

/* No VM's memory is there to be looked at. */
bool aerie_share_idle(void);

/*
 * Do the next batch. Context: share_lock is held, may sleep.
 * Return: false at the end of a pass over all memory.
 */
bool aerie_share_batch(void);

/* Of the pass under way, or the last one: pages, those that have changed since the one before. */
void aerie_share_seen(unsigned long *looked, unsigned long *changed);

/*
 * Seconds from the beginning of a pass that has seen so much to that of the next, 1 to 16: to
 * look at few pages is next to nothing, and where one in 32 has changed there is much to find.
 */
static inline unsigned long aerie_share_pace(unsigned long looked, unsigned long changed)
{
	return clamp(looked / (4096 + 32 * changed), 1ul, 16ul);
}

/* The same of what has been told. Return: false where nothing is left of it. */
bool aerie_share_told_batch(void);

/* Give back what batches have left. No VM is left, and no thread. */
void aerie_share_free(void);

/* The end of aerie_share_join(), if there was one: of an empty map. May sleep. */
void aerie_share_leave(struct aerie_mem *mem);

/* told.c; but for aerie_told_any() share_lock is held. */

/* A page that has been read, and from where. */
struct aerie_told {
	struct aerie_mem *mem;
	gfn_t gfn;
	u64 key;
};

bool aerie_told_any(void);
/* Take the next one out. False where there is none. */
bool aerie_told_next(struct aerie_told *told);
/* It is in a 2 MiB frame, and has a twin, or none. Returns how many of the frame's have. */
unsigned int aerie_told_twin(const struct aerie_told *told, bool is);
/* That frame has been split: its pages with twins are to come again. */
void aerie_told_again(const struct aerie_told *told);
/* Forget what has been told of a VM's memory; nobody tells any more. */
void aerie_told_leave(struct aerie_mem *mem);
void aerie_told_free(void);

/* share_thread.c */

int aerie_share_start(void);	/* 0 or -errno */
void aerie_share_stop(void);
void aerie_share_wake(void);	/* there is something to do, or another budget */

#endif
