// SPDX-License-Identifier: GPL-2.0
/*
 * Token buckets, told as times: instead of tokens that drip in, each rate has the time
 * at which all that was let through would be done were it done at that rate. While that
 * lies no further ahead than the burst, more may go. Nothing has to run while time passes,
 * and no fraction of a token is lost.
 */
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/time64.h>

#include "virtio/blk_limit.h"

#define BYTES_MAX	(1ull << 33)	/* of a request: what NSEC_PER_SEC times fits in 64 bits */

void aerie_limit_set(struct aerie_limit *limit, u64 iops, u64 bps, u32 burst_ms, u64 now)
{
	WRITE_ONCE(limit->iops, iops);
	WRITE_ONCE(limit->bps, bps);
	limit->burst_ns = (u64)burst_ms * NSEC_PER_MSEC;
	/* What can be made up for begins with what happens from now on. */
	limit->ops_at = limit->bytes_at = now + limit->burst_ns;
}

static u64 wait(const struct aerie_limit *limit, u64 at, u64 now)
{
	return at > now + limit->burst_ns ? at - now - limit->burst_ns : 0;
}

u64 aerie_limit_wait(const struct aerie_limit *limit, u64 now)
{
	u64 ops = limit->iops ? wait(limit, limit->ops_at, now) : 0;
	u64 bytes = limit->bps ? wait(limit, limit->bytes_at, now) : 0;

	return max(ops, bytes);
}

void aerie_limit_charge(struct aerie_limit *limit, u64 bytes, u64 now)
{
	if (limit->iops)
		limit->ops_at = max(limit->ops_at, now) + div64_u64(NSEC_PER_SEC, limit->iops);
	if (limit->bps)
		limit->bytes_at = max(limit->bytes_at, now) +
				  div64_u64(min(bytes, BYTES_MAX) * NSEC_PER_SEC, limit->bps);
}
