// SPDX-License-Identifier: GPL-2.0
/*
 * A VM's cap: so many per cent of one processor, for all its vCPUs together.
 *
 * It is told as a time: the one at which all that was run would have been run at the
 * rate of the cap. While that lies in the past vCPUs run. Who runs on until the next
 * tick moves it further, so that nothing is gained by it; who has run less has up to
 * CAP_BURST to make up for.
 */
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/time64.h>

#include "sched/sched.h"

#define CAP_BURST	(10 * NSEC_PER_MSEC)
#define CAP_DEBT	(10ull * NSEC_PER_SEC)	/* a stall of the host is no reason to stop for hours */

void aerie_cap_set(struct aerie_cap *cap, u32 percent, u64 now)
{
	atomic64_set(&cap->paid_ns, now);
	WRITE_ONCE(cap->percent, percent);
}

void aerie_cap_charge(struct aerie_cap *cap, u64 ran_ns, u64 now)
{
	u32 percent = READ_ONCE(cap->percent);
	s64 old, new;

	if (!percent)
		return;
	old = atomic64_read(&cap->paid_ns);
	do {
		new = max_t(s64, old, now - min(now, (u64)CAP_BURST)) +
		      div_u64(min(ran_ns, (u64)NSEC_PER_SEC) * 100, percent);
		new = min_t(s64, new, now + CAP_DEBT);
	} while (!atomic64_try_cmpxchg(&cap->paid_ns, &old, new));
}

u64 aerie_cap_until(const struct aerie_cap *cap, u64 now)
{
	u64 until = atomic64_read(&cap->paid_ns);

	return READ_ONCE(cap->percent) && until > now ? until : 0;
}
