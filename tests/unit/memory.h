/* SPDX-License-Identifier: GPL-2.0 */
/* What tests of guest memory have in common. Include it in one source of a test. */
#ifndef MEMORY_H
#define MEMORY_H

#include "ktap.h"
#include "shim.h"
#include "fake_store.h"
#include "mm/map.h"
#include "mm/reclaim.h"
#include "mm/share.h"

int shim_fail_alloc;

/* All leaves memory that has to, as far as it can. */
static inline enum aerie_reclaim reclaim(void)
{
	enum aerie_reclaim state;

	aerie_share_lock();
	while ((state = aerie_reclaim_batch()) == AERIE_RECLAIM_MORE)
		;
	aerie_share_unlock();
	return state;
}

/* No VM is left: nor is anything of what they had. */
static inline void expect_nothing_left(void)
{
	EXPECT_EQ(fake_store_nr, 0);
	EXPECT_EQ(aerie_pool_used(), 0);
}

#endif
