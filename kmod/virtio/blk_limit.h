/* SPDX-License-Identifier: GPL-2.0 */
/* How much a disk may do in a second. */
#ifndef AERIE_VIRTIO_BLK_LIMIT_H
#define AERIE_VIRTIO_BLK_LIMIT_H

#include <linux/compiler.h>

#include "types.h"

/**
 * struct aerie_limit - two rates, and what has been used of them
 * @iops: requests a second, 0: as many as there are
 * @bps: bytes a second, 0: the same
 * @burst_ns: of a time in which nothing was done, so much may be made up for
 * @ops_at: when the requests that were let through would be done at that rate
 * @bytes_at: when their bytes would be
 *
 * All times are those of one clock, in nanoseconds.
 */
struct aerie_limit {
	u64 iops, bps, burst_ns;
	u64 ops_at, bytes_at;
};

/* Set the rates; nothing has been used of them. @now: the time. */
void aerie_limit_set(struct aerie_limit *limit, u64 iops, u64 bps, u32 burst_ms, u64 now);

/* Does it limit anything? Whoever asks may be a little early or late to see a change. */
static inline bool aerie_limit_on(const struct aerie_limit *limit)
{
	return READ_ONCE(limit->iops) || READ_ONCE(limit->bps);
}

/**
 * aerie_limit_wait() - may another request be let through?
 * @limit: the limit
 * @now: the time
 *
 * How large it is does not matter: who lets it through says so by aerie_limit_charge(),
 * and the next waits for it.
 * Return: 0, or nanoseconds until it may.
 */
u64 aerie_limit_wait(const struct aerie_limit *limit, u64 now);

/* A request with so many bytes of data is let through. */
void aerie_limit_charge(struct aerie_limit *limit, u64 bytes, u64 now);

#endif
