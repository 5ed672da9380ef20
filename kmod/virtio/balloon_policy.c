// SPDX-License-Identifier: GPL-2.0
/*
 * How much memory a guest is to do without, where that is left to us.
 *
 * The guest goes first. An eighth of its memory is to be available to it; what is available
 * beyond that is idle, and can be taken where the host needs it. With less than half of that
 * eighth left the guest itself is short, and gets some back whatever the host needs. In
 * between, and while the host neither needs memory nor has much left, nothing changes.
 *
 * Half of what is idle is taken at a time: the guest's figures are older than what is in the
 * balloon, and what is counted twice by that must not make the guest short. Giving back is
 * slower than taking, and begins when the host has not needed anything for a while: what is
 * given is in use only later, and much of it as the guest's page cache.
 */
#include <linux/minmax.h>
#include <linux/types.h>
#include <asm/page.h>

#include "virtio/balloon_policy.h"

#define MIB		(1ull << 20)
#define KEEP_MIN	(16 * MIB)
#define KEEP_MAX	(1024 * MIB)
#define TAKE_MIN	MIB		/* less is not worth the guest's while */
#define GIVE_MIN	(4 * MIB)
#define CALM		10u		/* looks without need before some is given back */

static u64 whole(u64 bytes)
{
	return bytes & PAGE_MASK;
}

static u64 less(u64 bytes, u64 by)
{
	return bytes > by ? bytes - by : 0;
}

/* What is to be available to the guest. */
static u64 keep(u64 memory)
{
	return min(clamp(memory / 8, KEEP_MIN, KEEP_MAX), memory / 2);
}

static u64 take(const struct aerie_balloon_view *v)
{
	u64 idle = less(v->available, keep(v->memory)), some = whole(min(v->need, idle / 2));

	return some < TAKE_MIN ? v->wanted : v->actual + some;
}

static u64 give(const struct aerie_balloon_view *v)
{
	return less(v->wanted, whole(min(max(v->wanted / 16, GIVE_MIN), v->room)));
}

/* To where the guest is neither short nor has anything idle; it may be on its way there. */
static u64 relieve(const struct aerie_balloon_view *v)
{
	return min(v->wanted, less(v->actual, whole(keep(v->memory) / 4 * 3 - v->available)));
}

static u64 target(struct aerie_balloon_policy *policy, const struct aerie_balloon_view *v)
{
	if (v->need)
		policy->calm = 0;
	else if (policy->calm < CALM)
		policy->calm++;
	if (v->told == AERIE_BALLOON_TOLD_NOTHING)
		return 0;
	if (v->told == AERIE_BALLOON_TOLD_BEFORE)
		return v->wanted;
	if (v->available < keep(v->memory) / 2)
		return relieve(v);
	if (v->need)
		return take(v);
	return policy->calm == CALM ? give(v) : v->wanted;
}

u64 aerie_balloon_decide(struct aerie_balloon_policy *policy,
			 const struct aerie_balloon_view *view)
{
	return clamp(target(policy, view), view->min, view->max);
}
