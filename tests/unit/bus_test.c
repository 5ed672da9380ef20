// SPDX-License-Identifier: GPL-2.0
/* Claiming, looking up and releasing ranges. */
// sources: kmod/dev/bus.c
#include "ktap.h"
#include "aerie.h"
#include "dev/bus.h"
#include <linux/errno.h>
#include <linux/slab.h>

int shim_fail_alloc;

static struct {
	struct aerie_range *range;
	u64 off, val;
	unsigned int size;
} last;

static u64 on_read(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off, unsigned int size)
{
	last.range = range;
	last.off = off;
	last.size = size;
	return 0x1122334455667788ull;
}

static void on_write(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
		     unsigned int size, u64 val)
{
	last.range = range;
	last.off = off;
	last.size = size;
	last.val = val;
}

static const struct aerie_range_ops ops = { .read = on_read, .write = on_write };

#define RANGE(b, l) { .base = b, .len = l, .ops = &ops, .name = #b }

TEST(empty_bus_floats)
{
	struct aerie_bus bus;
	u64 val = 0;

	aerie_bus_init(&bus);
	EXPECT_EQ(aerie_bus_read(&bus, NULL, 0x80, 1, &val), -ENXIO);
	EXPECT_EQ(val, 0xff);
	EXPECT_EQ(aerie_bus_read(&bus, NULL, 0x80, 4, &val), -ENXIO);
	EXPECT_EQ(val, 0xffffffff);
	EXPECT_EQ(aerie_bus_read(&bus, NULL, 0x80, 8, &val), -ENXIO);
	EXPECT_EQ(val, ~0ull);
	EXPECT_EQ(aerie_bus_write(&bus, NULL, 0x80, 1, 0), -ENXIO);
	aerie_bus_fini(&bus);
}

TEST(finds_the_range_that_claims_all)
{
	struct aerie_range r[] = { RANGE(0x60, 1), RANGE(0x20, 2), RANGE(0x40, 4), RANGE(0x64, 1) };
	struct aerie_bus bus;
	unsigned int i;
	u64 val;

	aerie_bus_init(&bus);
	for (i = 0; i < ARRAY_SIZE(r); i++)
		EXPECT_EQ(aerie_bus_claim(&bus, &r[i]), 0);

	EXPECT_EQ(aerie_bus_read(&bus, NULL, 0x42, 2, &val), 0);
	EXPECT(last.range == &r[2]);
	EXPECT_EQ(last.off, 2);
	EXPECT_EQ(last.size, 2);
	EXPECT_EQ(val, 0x7788);	/* no more than was asked for */
	EXPECT_EQ(aerie_bus_read(&bus, NULL, 0x20, 1, &val), 0);
	EXPECT(last.range == &r[1]);
	EXPECT_EQ(aerie_bus_write(&bus, NULL, 0x64, 1, 0xabcd), 0);
	EXPECT(last.range == &r[3]);
	EXPECT_EQ(last.val, 0xcd);

	/* Beside, and across an end. */
	EXPECT_EQ(aerie_bus_read(&bus, NULL, 0x1f, 1, &val), -ENXIO);
	EXPECT_EQ(aerie_bus_read(&bus, NULL, 0x1f, 2, &val), -ENXIO);
	EXPECT_EQ(aerie_bus_read(&bus, NULL, 0x21, 2, &val), -ENXIO);
	EXPECT_EQ(val, 0xffff);
	EXPECT_EQ(aerie_bus_read(&bus, NULL, 0x44, 1, &val), -ENXIO);
	EXPECT_EQ(aerie_bus_read(&bus, NULL, 0x65, 1, &val), -ENXIO);
	aerie_bus_fini(&bus);
}

/* A vCPU that remembers where it was finds what one without memory finds. */
TEST(remembers_where_it_was)
{
	struct aerie_range r[] = { RANGE(0x60, 1), RANGE(0x20, 2), RANGE(0x40, 4), RANGE(0x44, 3) };
	static struct aerie_vcpu vcpu;
	struct aerie_bus bus;
	unsigned int i, step, from, to, size;
	u64 a, b;

	aerie_bus_init(&bus);
	for (step = 0; step < 2 * ARRAY_SIZE(r); step++) {
		i = step % ARRAY_SIZE(r);
		if (step < ARRAY_SIZE(r))
			EXPECT_EQ(aerie_bus_claim(&bus, &r[i]), 0);
		else
			aerie_bus_release(&bus, &r[i]);
		for (from = 0x1e; from < 0x63; from++)
			for (to = 0x1e; to < 0x63; to++)
				for (size = 1; size <= 4; size *= 2) {
					aerie_bus_read(&bus, &vcpu, from, 1, &a);
					last.range = NULL;
					aerie_bus_read(&bus, NULL, to, size, &a);
					EXPECT_EQ(aerie_bus_read(&bus, &vcpu, to, size, &b),
						  last.range ? 0 : -ENXIO);
					EXPECT_EQ(a, b);
				}
	}
	aerie_bus_fini(&bus);
}

TEST(refuses_what_overlaps_or_wraps)
{
	struct aerie_range a = RANGE(0x100, 0x10), top = RANGE(~0ull, 1);
	struct aerie_range bad[] = {
		RANGE(0x100, 0x10), RANGE(0xff, 2), RANGE(0x10f, 1), RANGE(0x10f, 8),
		RANGE(0, 0x1000), RANGE(0x104, 1), RANGE(0, ~0ull),
	};
	struct aerie_range empty = RANGE(0x300, 0), wraps = RANGE(~0ull, 2);
	struct aerie_range before = RANGE(0xff, 1), after = RANGE(0x110, 1);
	struct aerie_bus bus;
	unsigned int i;
	u64 val;

	aerie_bus_init(&bus);
	EXPECT_EQ(aerie_bus_claim(&bus, &a), 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(aerie_bus_claim(&bus, &bad[i]), -EBUSY);
	EXPECT_EQ(aerie_bus_claim(&bus, &empty), -EINVAL);
	EXPECT_EQ(aerie_bus_claim(&bus, &wraps), -EINVAL);
	EXPECT_EQ(aerie_bus_claim(&bus, &before), 0);
	EXPECT_EQ(aerie_bus_claim(&bus, &after), 0);
	EXPECT_EQ(aerie_bus_claim(&bus, &top), 0);
	EXPECT_EQ(aerie_bus_read(&bus, NULL, ~0ull, 1, &val), 0);
	EXPECT_EQ(aerie_bus_read(&bus, NULL, ~0ull, 2, &val), -ENXIO);
	aerie_bus_fini(&bus);
}

static void count(const struct aerie_range *range, void *arg)
{
	const struct aerie_range **seen = arg;

	/* In address order. */
	EXPECT(!*seen || (*seen)->base < range->base);
	*seen = range;
}

TEST(released_ranges_are_gone_and_can_come_back)
{
	struct aerie_range r[] = { RANGE(3, 1), RANGE(1, 1), RANGE(2, 1) }, wide = RANGE(1, 3);
	const struct aerie_range *seen = NULL;
	struct aerie_bus bus;
	u64 val;

	aerie_bus_init(&bus);
	EXPECT_EQ(aerie_bus_claim_all(&bus, r, 3), 0);
	aerie_bus_for_each(&bus, count, &seen);
	EXPECT(seen == &r[0]);
	EXPECT_EQ(aerie_bus_claim(&bus, &wide), -EBUSY);

	aerie_bus_release(&bus, &wide);	/* was never claimed */
	EXPECT_EQ(aerie_bus_read(&bus, NULL, 1, 1, &val), 0);
	aerie_bus_release(&bus, &r[1]);
	EXPECT_EQ(aerie_bus_read(&bus, NULL, 1, 1, &val), -ENXIO);
	EXPECT_EQ(aerie_bus_read(&bus, NULL, 2, 1, &val), 0);
	EXPECT_EQ(aerie_bus_claim(&bus, &r[1]), 0);
	EXPECT_EQ(aerie_bus_read(&bus, NULL, 1, 1, &val), 0);
	EXPECT(last.range == &r[1]);

	aerie_bus_release_all(&bus, r, 3);
	EXPECT_EQ(aerie_bus_read(&bus, NULL, 2, 1, &val), -ENXIO);
	EXPECT_EQ(aerie_bus_claim(&bus, &wide), 0);
	EXPECT_EQ(aerie_bus_read(&bus, NULL, 2, 2, &val), 0);
	EXPECT(last.range == &wide);
	aerie_bus_fini(&bus);
}

TEST(claiming_several_is_all_or_none)
{
	struct aerie_range r[] = { RANGE(1, 1), RANGE(2, 1), RANGE(3, 1) }, taken = RANGE(3, 1);
	struct aerie_bus bus;
	u64 val;

	aerie_bus_init(&bus);
	EXPECT_EQ(aerie_bus_claim(&bus, &taken), 0);
	EXPECT_EQ(aerie_bus_claim_all(&bus, r, 3), -EBUSY);
	EXPECT_EQ(aerie_bus_read(&bus, NULL, 1, 1, &val), -ENXIO);
	EXPECT_EQ(aerie_bus_read(&bus, NULL, 3, 1, &val), 0);
	shim_fail_alloc = 2;
	EXPECT_EQ(aerie_bus_claim_all(&bus, r, 2), -ENOMEM);
	shim_fail_alloc = 0;
	EXPECT_EQ(aerie_bus_read(&bus, NULL, 1, 1, &val), -ENXIO);
	EXPECT_EQ(aerie_bus_claim_all(&bus, r, 2), 0);
	aerie_bus_fini(&bus);
}
