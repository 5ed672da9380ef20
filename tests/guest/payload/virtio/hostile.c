// SPDX-License-Identifier: GPL-2.0
/* What a driver must not do: the device breaks, the host does not. */
#include "driver.h"

struct bad {
	const char *name;
	struct desc desc[3];
	u16 head, idx;
	bool fine;	/* not an error of the ring: answered, not broken */
};

TEST(broken_rings)
{
	u64 buf = (u64)data, table = (u64)data + 2048;
	const struct bad bad[] = {
		{ "loop", .desc = { { buf, 4, DESC_WRITE | DESC_NEXT, 1 }, { buf, 4, DESC_WRITE | DESC_NEXT, 0 } } },
		{ "itself", .desc = { { buf, 4, DESC_WRITE | DESC_NEXT, 0 } } },
		{ "head out of range", .head = SIZE },
		{ "head far out of range", .head = 0xffff },
		{ "next out of range", .desc = { { buf, 4, DESC_WRITE | DESC_NEXT, SIZE } } },
		{ "index ahead", .desc = { { buf, 4, DESC_WRITE, 0 } }, .idx = SIZE + 1 },
		{ "index far ahead", .desc = { { buf, 4, DESC_WRITE, 0 } }, .idx = 0x8000 },
		{ "read behind written", .desc = { { buf, 4, DESC_WRITE | DESC_NEXT, 1 }, { buf, 4, 0, 0 } } },
		{ "indirect with next", .desc = { { table, 16, DESC_INDIRECT | DESC_NEXT, 1 }, { buf, 4, DESC_WRITE, 0 } } },
		{ "indirect of no entry", .desc = { { table, 0, DESC_INDIRECT, 0 } } },
		{ "indirect of half an entry", .desc = { { table, 24, DESC_INDIRECT, 0 } } },
		{ "indirect too long", .desc = { { table, 16 * 1024, DESC_INDIRECT, 0 } } },
		{ "indirect nowhere", .desc = { { 0xa0000, 16, DESC_INDIRECT, 0 } } },
		{ "lengths add up to more than 4 GiB",
		  .desc = { { buf, 0xffffffff, DESC_WRITE | DESC_NEXT, 1 }, { buf, 2, DESC_WRITE, 0 } } },
		{ "buffer in a hole", .desc = { { 0xc8000000, 64, DESC_WRITE, 0 } } },
		{ "buffer beyond memory", .desc = { { 1ull << 40, 64, DESC_WRITE, 0 } } },
		{ "buffer at the end of the address space", .desc = { { ~0ull - 8, 64, DESC_WRITE, 0 } } },
		{ "buffer over the end of memory", .desc = { { (64 << 20) - 8, 64, DESC_WRITE, 0 } } },
		{ "no bytes", .desc = { { buf, 0, DESC_WRITE, 0 } }, .fine = true },
		{ "nothing to be written", .desc = { { buf, 64, 0, 0 } }, .fine = true },
	};
	u32 i;

	SETUP();
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		bool ok = start(&rng, F_INDIRECT, NO_VECTOR);

		memcpy(ring->desc, bad[i].desc, sizeof(bad[i].desc));
		ring->avail[0] = bad[i].head;
		WRITE_ONCE(ring->avail_idx, bad[i].idx ?: 1);
		notify(&rng, 0);
		ok = ok && (bad[i].fine ? used(1) : broken(&rng));
		if (!ok)
			printf("# %s: status 0x%x, used %u\n", bad[i].name, get8(&rng, STATUS),
			       ring->used.idx);
		EXPECT(ok);
	}
	EXPECT(works());
}

/* A queue that is no queue is found when it is set up, or when it is used. */
TEST(broken_queues)
{
	static const struct {
		u16 size;
		u64 desc, avail, used;
	} bad[] = {
		{ .size = 0 }, { .size = 3 }, { .size = 512 }, { .size = 0xffff },
		{ .size = SIZE, .desc = 8 }, { .size = SIZE, .avail = 1 }, { .size = SIZE, .used = 2 },
		{ .size = SIZE, .desc = 0xa0000 }, { .size = SIZE, .avail = 0xa0000 },
		{ .size = SIZE, .used = 0xa0000 }, { .size = SIZE, .desc = 0xfffffffffffffff0 },
		{ .size = SIZE, .avail = 0xfffffffffffffffe },
		{ .size = SIZE, .used = 0xfffffffffffffffc }, { .size = SIZE, .desc = 0xfee00000 },
	};
	u32 i;

	SETUP();
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT(reset(&rng));
		memset(ring, 0, sizeof(*ring));
		describe(0, data, 16, DESC_WRITE, 0);
		put8(&rng, STATUS, ACKNOWLEDGE | DRIVER);
		features(&rng, F_VERSION_1);
		put8(&rng, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
		put16(&rng, Q_SELECT, 0);
		put16(&rng, Q_SIZE, bad[i].size);
		put64(&rng, Q_DESC, bad[i].desc ?: (u64)ring->desc);
		put64(&rng, Q_DRIVER, bad[i].avail ?: (u64)&ring->avail_flags);
		put64(&rng, Q_DEVICE, bad[i].used ?: (u64)&ring->used);
		put16(&rng, Q_ENABLE, 1);
		put8(&rng, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
		submit(&rng, 0);
		if (!broken(&rng))
			printf("# queue %u\n", i);
		EXPECT(get8(&rng, STATUS) & NEEDS_RESET);
	}
	/* Queues that there are not, kicks of what is not set up. */
	EXPECT(reset(&rng));
	put16(&rng, Q_SELECT, 0xffff);
	EXPECT_EQ(get16(&rng, Q_SIZE), 0);
	put16(&rng, Q_ENABLE, 1);
	notify(&rng, 0);
	notify(&rng, 1);
	WRITE_ONCE(*(u16 *)(rng.notify + 0xffe), 0);
	EXPECT(works());
}

TEST(broken_is_told)
{
	SETUP();
	msix_enable(&rng, true, false);
	msix_entry(&rng, 0, VEC_CONFIG, false);
	EXPECT(start(&rng, 0, NO_VECTOR));
	put16(&rng, CONFIG_VECTOR, 0);
	submit(&rng, SIZE);
	EXPECT(WAIT_FOR(({ sti_nop_cli(); used_now(); config_irqs; }), 5000));
	EXPECT_EQ(config_irqs, 1);
	EXPECT(get8(&rng, STATUS) & NEEDS_RESET);
}

TEST(reset_at_any_time)
{
	u32 i, j;

	SETUP();
	for (i = 0; i < 60; i++) {
		EXPECT(start(&rng, 0, NO_VECTOR));
		for (j = 0; j < SIZE; j++)
			describe(j, data + 64 * j, 64 + i * 50, DESC_WRITE, 0);
		for (j = 0; j < SIZE; j++)
			submit(&rng, j);
		delay_us(i * 7);
		EXPECT(reset(&rng));
	}
	EXPECT(works());
}

static volatile bool meddle;

static void meddler(void *arg)
{
	u32 i = 0;

	while (meddle) {
		volatile u16 *words = (volatile u16 *)ring;

		words[i * 7919 % (sizeof(*ring) / 2)] = i * 40503 >> (i & 7);
		if (++i % 64 == 0)
			relax();
	}
}

/* Another processor changes the rings while they are in use. */
TEST(rings_that_change)
{
	u32 i;

	if (smp_start() < 2)
		SKIP("one processor");
	SETUP();
	for (i = 0; i < 30; i++) {
		EXPECT(start(&rng, F_INDIRECT | F_EVENT_IDX, NO_VECTOR));
		describe(0, data, 64, DESC_WRITE, 0);
		meddle = true;
		cpu_start(1, meddler, NULL);
		WRITE_ONCE(ring->avail_idx, 1);
		notify(&rng, 0);
		delay_us(300);
		notify(&rng, 0);
		meddle = false;
		cpu_wait(1);
	}
	EXPECT(works());
}
