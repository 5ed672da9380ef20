// SPDX-License-Identifier: GPL-2.0
/* A clock that follows another one: never back, soon right, whatever the two counters do. */
// sources: kmod/core/clock_line.c
#include <linux/math64.h>
#include "core/clock_line.h"
#include "ktap.h"

static u32 state = 12345;

static u32 draw(u32 n)
{
	state = state * 1103515245 + 12345;
	return (u32)(((u64)(state >> 8) * n) >> 24);
}

TEST(rates)
{
	static const u32 rates[] = { 1, 1000, 999999, 1000000, 1000001, 2400000, 4000000, 4294967 };
	struct aerie_clock_line line;
	unsigned int i;
	u64 at;

	for (i = 0; i < ARRAY_SIZE(rates); i++) {
		aerie_line_start(&line, rates[i]);
		EXPECT_EQ(aerie_line_at(&line, 0), 0);
		at = aerie_line_at(&line, rates[i] * 1000ull);
		EXPECT(at <= 1000000000 && at >= 1000000000 - 2);
		EXPECT(aerie_line_span(&line, rates[i] * 1000ull) >= 1000000000);
		EXPECT(aerie_line_span(&line, rates[i] * 1000ull) <= 1000000003);
		EXPECT(!aerie_line_off(&line, rates[i] * 1000ull, 1000000000));
		EXPECT(aerie_line_off(&line, rates[i] * 1000ull, 1000030000));
		EXPECT(aerie_line_off(&line, rates[i] * 1000ull, 999970000));
	}
}

/* The other clock's rate is set anew again and again, and looks come when they like. */
TEST(never_back)
{
	struct aerie_clock_line line;
	u64 tick = 0, ns = 0, seen = 0, shown = 0, now;
	unsigned int i;
	s64 ppm = 0;

	aerie_line_start(&line, 2000000);
	for (i = 0; i < 200000; i++) {
		u64 took = draw(10) ? draw(400000000) : draw(30) * 1000000000ull;

		if (!draw(50))
			ppm = (s64)draw(200001) - 100000;
		tick += took * 2;
		ns += took * (1000000 + ppm) / 1000000;
		if (draw(3))
			seen = tick;
		if (seen == tick) {
			now = aerie_line_at(&line, seen);
			EXPECT(now >= shown);
			shown = now;
		}
		if (aerie_line_off(&line, tick, ns))
			aerie_line_correct(&line, tick, ns, seen);
		else
			aerie_line_looked(&line, tick, ns);
		now = aerie_line_at(&line, tick);
		EXPECT(now >= shown);
		EXPECT(now + 20000 >= ns);
		if (seen == tick)
			shown = now;
	}
}

TEST(soon_right)
{
	struct aerie_clock_line line;
	u64 tick = 0, ns = 0;
	unsigned int i;

	aerie_line_start(&line, 3000000);
	/* Fast by 50 ms. */
	tick += 3000000000;
	ns += 950000000;
	aerie_line_correct(&line, tick, ns, tick);
	EXPECT(line.slewed);
	/* A deadline is not early for that: the other clock takes as long as it takes. */
	EXPECT(aerie_line_span(&line, 3000000000) >= 950000000);
	EXPECT(aerie_line_span(&line, 3000000000) <= 950000010);
	for (i = 0; i < 40; i++) {
		tick += 750000000;
		ns += 250000000;
		if (aerie_line_off(&line, tick, ns))
			aerie_line_correct(&line, tick, ns, tick);
	}
	EXPECT(!line.slewed);
	EXPECT(!aerie_line_off(&line, tick, ns));
}

/* Counters that make no sense give a clock that makes little, but goes. */
TEST(nonsense)
{
	static const u64 odd[] = { 0, 1, 1000, 1ull << 31, 1ull << 40, 1ull << 62 };
	struct aerie_clock_line line;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(odd); i++)
		for (j = 0; j < ARRAY_SIZE(odd); j++) {
			aerie_line_start(&line, 1000000);
			aerie_line_correct(&line, odd[i], odd[j], odd[i]);
			EXPECT(line.mul >= line.nominal - line.nominal / 4);
			EXPECT(line.mul <= line.nominal + line.nominal / 4);
		}
}
