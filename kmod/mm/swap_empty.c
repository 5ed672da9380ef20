// SPDX-License-Identifier: GPL-2.0
/* Brings back all that is in a swap area, of all VMs, so that the area can go. */
#include <linux/sched/signal.h>
#include "mm/map.h"
#include "mm/reclaim.h"
#include "mm/share.h"
#include "mm/swap.h"

#define BATCH_LEAVES	256u

/* Under share_lock: where the walk is; NULL: at its end. */
static struct aerie_mem *at_mem;
static gfn_t at_gfn;

void aerie_swap_leave(struct aerie_mem *mem)
{
	if (at_mem == mem) {
		at_mem = aerie_share_next(mem);
		at_gfn = 0;
	}
}

/* Returns 0 at the end, 1 where there is more, -ENOMEM. @lost: something cannot be read. */
static int batch(unsigned int id, bool *lost)
{
	unsigned int looked;
	struct aerie_leaf leaf;
	int err;

	for (looked = 0; at_mem && looked < BATCH_LEAVES; looked++) {
		if (!aerie_map_next(at_mem, at_gfn, &leaf)) {
			at_mem = aerie_share_next(at_mem);
			at_gfn = 0;
			continue;
		}
		err = leaf.stored ? aerie_map_load_from(at_mem, &leaf, id) : 0;
		if (err == -ENOMEM)
			return err;
		if (err == -EAGAIN)
			continue;
		*lost |= err;
		at_gfn = leaf.gfn + (leaf.large ? AERIE_LARGE_PAGES : 1);
	}
	return at_mem ? 1 : 0;
}

int aerie_swap_empty(unsigned int id)
{
	bool lost = false;
	int err;

	aerie_share_lock();
	at_mem = aerie_share_next(NULL);
	at_gfn = 0;
	aerie_share_unlock();
	do {
		if (signal_pending(current))
			return -EINTR;
		aerie_share_lock();
		err = batch(id, &lost);
		aerie_share_unlock();
		cond_resched();
	} while (err > 0);
	return err ?: lost ? -EIO : 0;
}
