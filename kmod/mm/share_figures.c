// SPDX-License-Identifier: GPL-2.0
/* How much memory is shared, and with whom. */
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include "mm/map.h"
#include "mm/share.h"

/* The sum of what @fn says of every shared frame that @mem holds. share_lock is held. */
static u64 shared_sum(struct aerie_mem *mem, u64 (*fn)(struct aerie_shared *shared, u32 mark),
		      u32 mark)
{
	struct aerie_leaf leaf;
	u64 sum = 0;
	bool more;

	for (more = aerie_map_next(mem, 0, &leaf); more; more = aerie_map_after(mem, &leaf)) {
		cond_resched();
		/* A write may end it while it is looked at; what it was stays for this long. */
		rcu_read_lock();
		if (aerie_map_shared(&leaf))
			sum += fn(aerie_shared_of(leaf.page), mark);
		rcu_read_unlock();
	}
	return sum;
}

static u64 saved(struct aerie_shared *shared, u32 mark)
{
	u32 holders = refcount_read(&shared->holders);

	return holders ? PAGE_SIZE - PAGE_SIZE / holders : 0;
}

/* The mark of a frame is who counted it last, and whether more than once. */
static u64 mark_set(struct aerie_shared *shared, u32 mark)
{
	shared->mark = (shared->mark | 1) == (mark | 1) ? mark | 1 : mark;
	return 0;
}

static u64 mark_count(struct aerie_shared *shared, u32 mark)
{
	return (shared->mark | 1) == (mark | 1);
}

static u64 mark_twice(struct aerie_shared *shared, u32 mark)
{
	return shared->mark == (mark | 1);
}

u64 aerie_share_saved(struct aerie_mem *mem)
{
	u64 sum = 0;

	aerie_share_lock();
	if (mem->group)
		sum = shared_sum(mem, saved, 0);
	aerie_share_unlock();
	return sum;
}

u64 aerie_share_with(struct aerie_mem *mem, struct aerie_mem *other)
{
	static u32 mark;
	u64 sum = 0;

	aerie_share_lock();
	if (mem->group && mem->group == other->group) {
		mark += 2;
		shared_sum(other, mark_set, mark);
		sum = shared_sum(mem, mem == other ? mark_twice : mark_count, mark);
	}
	aerie_share_unlock();
	return sum;
}
