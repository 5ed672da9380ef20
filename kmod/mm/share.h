/* SPDX-License-Identifier: GPL-2.0 */
/* Between the scanner (share.c), its thread, and the life of a VM's memory. */
#ifndef AERIE_MM_SHARE_H
#define AERIE_MM_SHARE_H

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

/* Give back what batches have left. No VM is left, and no thread. */
void aerie_share_free(void);

/* The end of aerie_share_join(), if there was one: of an empty map. May sleep. */
void aerie_share_leave(struct aerie_mem *mem);

/* share_thread.c */

int aerie_share_start(void);	/* 0 or -errno */
void aerie_share_stop(void);
void aerie_share_wake(void);	/* there is something to do, or another budget */

#endif
