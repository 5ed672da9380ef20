// SPDX-License-Identifier: GPL-2.0
/* Limits of a disk: rates, bursts, waits, and numbers that are too large. */
// sources: kmod/virtio/blk_limit.c
#include "ktap.h"
#include "shim.h"
#include "virtio/blk_limit.h"

#define START	(1000ull * NSEC_PER_SEC)

static struct aerie_limit limit;
static u64 now;

static void setup(u64 iops, u64 bps, u32 burst_ms)
{
	now = START;
	aerie_limit_set(&limit, iops, bps, burst_ms, now);
}

/* Requests of @bytes that are let through until @end, each as soon as it may be. */
static u64 run(u64 bytes, u64 end)
{
	u64 n = 0;

	for (;;) {
		now += aerie_limit_wait(&limit, now);
		if (now >= end)
			return n;
		aerie_limit_charge(&limit, bytes, now);
		n++;
	}
}

TEST(without_limits_nothing_waits)
{
	unsigned int i;

	setup(0, 0, 100);
	EXPECT(!aerie_limit_on(&limit));
	for (i = 0; i < 1000; i++) {
		aerie_limit_charge(&limit, 1ull << 32, now);
		EXPECT_EQ(aerie_limit_wait(&limit, now), 0);
	}
}

TEST(requests_a_second)
{
	setup(50, 0, 0);
	EXPECT(aerie_limit_on(&limit));
	EXPECT_EQ(run(1 << 20, START + 10 * NSEC_PER_SEC), 500);
	/* Odd rates do not drift. */
	setup(7, 0, 0);
	EXPECT_EQ(run(0, START + 1000 * NSEC_PER_SEC), 7001);
}

TEST(bytes_a_second)
{
	setup(0, 1 << 20, 0);
	EXPECT_EQ(run(4096, START + 10 * NSEC_PER_SEC), 2560);
	/* Of large requests one goes, and the next waits for it. */
	setup(0, 1 << 20, 0);
	EXPECT_EQ(aerie_limit_wait(&limit, now), 0);
	aerie_limit_charge(&limit, 5 << 20, now);
	EXPECT_EQ(aerie_limit_wait(&limit, now), 5 * NSEC_PER_SEC);
	EXPECT_EQ(aerie_limit_wait(&limit, now + 5 * NSEC_PER_SEC), 0);
}

TEST(the_stricter_of_two_counts)
{
	setup(100, 1 << 20, 0);
	EXPECT_EQ(run(512, START + NSEC_PER_SEC), 100);
	setup(100, 1 << 20, 0);
	EXPECT_EQ(run(64 << 10, START + NSEC_PER_SEC), 16);
}

TEST(idling_is_made_up_for_as_far_as_the_burst_goes)
{
	setup(100, 0, 500);
	/* Nothing at first: the limit has just been set. */
	EXPECT_EQ(run(0, START + NSEC_PER_SEC), 100);
	/* And the one that every rate lets through at once. */
	now += 200 * NSEC_PER_MSEC;
	EXPECT_EQ(run(0, now + 1), 20 + 1);
	now += 3600 * NSEC_PER_SEC;
	EXPECT_EQ(run(0, now + 1), 50 + 1);
}

TEST(a_changed_limit_forgets_what_was_used)
{
	setup(0, 1, 0);
	aerie_limit_charge(&limit, 1 << 30, now);
	EXPECT(aerie_limit_wait(&limit, now) >= (1ull << 30) * NSEC_PER_SEC);
	aerie_limit_set(&limit, 0, 2, 0, now);
	EXPECT_EQ(aerie_limit_wait(&limit, now), 0);
}

TEST(the_largest_of_all)
{
	/* 32 GiB of zeroes in one request, one byte a second, for as long as a clock lasts. */
	setup(1ull << 40, 1, 3600000);
	aerie_limit_charge(&limit, 32ull << 30, now);
	EXPECT(limit.bytes_at > now && aerie_limit_wait(&limit, now) > 0);
	EXPECT_EQ(limit.ops_at, START + 3600 * NSEC_PER_SEC);
	setup(0, 1ull << 40, 0);
	EXPECT(run(1 << 20, START + NSEC_PER_MSEC) >= 1000);
}
