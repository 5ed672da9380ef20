/* SPDX-License-Identifier: GPL-2.0 */
/* The pool: the memory of the host that all guests have, and who may have more of it. */
#ifndef AERIE_MM_POOL_H
#define AERIE_MM_POOL_H

#include "mm/mm.h"

/* pool.c */

/* Frames come and go: 4 KiB pages. Context: any. */
void aerie_pool_charge(unsigned long pages);
void aerie_pool_uncharge(unsigned long pages);

/*
 * May @mem have one more frame? A small one for who may sleep always: that has asked for
 * room (aerie_pool_room()), or must not wait for it, holding memory. Context: any.
 */
bool aerie_pool_fits(const struct aerie_mem *mem, gfp_t gfp, bool large);

/* Some limit has been set. */
extern bool aerie_pool_limited;

/*
 * Wait, but not for long, until there is room for more frames of @mem. Context: may sleep;
 * the caller holds no memory and no lock.
 * Return: 0; -EAGAIN: not yet, come again; -ENOMEM: nothing leaves memory any more. Who has
 * got its frame says so: aerie_pool_got().
 */
int aerie_pool_room(struct aerie_mem *mem);

/* The host had no memory for @mem: the same, but something of it has to leave memory first. */
int aerie_pool_failed(struct aerie_mem *mem);

static inline void aerie_pool_got(struct aerie_mem *mem)
{
	if (unlikely(mem->starving.is))
		mem->starving.is = false;
}

/* 4 KiB pages that have to leave memory: of all; of @mem for its own limit. Context: any. */
unsigned long aerie_pool_excess(void);
unsigned long aerie_pool_excess_of(const struct aerie_mem *mem);

/* Somebody wants @pages back. Context: any. */
void aerie_pool_ask(unsigned long pages);
/* Has somebody in the last seconds? Context: any. */
bool aerie_pool_asked_lately(void);
/* @pages of @mem have left memory. */
void aerie_pool_left(struct aerie_mem *mem, unsigned long pages);
/*
 * @pages of @mem, if any, have come back because what had them is @taken away, or overwritten by
 * the guest. A VM whose limit that is beyond may be so until it has been below once: it has not
 * asked for that, and to starve it would be to stop it. What is lent ends a sixteenth of its limit
 * above what it has when something is taken away, and above its limit for what it overwrites,
 * which would else be a way round it. Context: any.
 */
void aerie_pool_lend(struct aerie_mem *mem, long pages, bool taken);
/* Nobody waits for what was asked for any more. */
void aerie_pool_forget(void);
/* An attempt to make room has made none. */
void aerie_pool_stuck(void);

/* pool_thread.c */

int aerie_pool_start(void);	/* 0 or -errno */
void aerie_pool_stop(void);
void aerie_pool_wake(void);	/* something has to leave memory */
/* Wait until something has left, or @ms milliseconds. Context: may sleep. */
void aerie_pool_wait(unsigned int ms);

#endif
