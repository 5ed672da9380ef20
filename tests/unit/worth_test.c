// SPDX-License-Identifier: GPL-2.0
// sources: kmod/mm/worth.c
/* Whether what leaves memory is compressed or goes to swap, by what each has taken. */
#include "ktap.h"
#include "shim.h"
#include "mm/worth.h"

/* Of a thousand batches those that are compressed. */
static unsigned int packed(void)
{
	unsigned int i, nr = 0;

	for (i = 0; i < 1000; i++)
		nr += aerie_worth_packing();
	return nr;
}

/* For long enough that nothing else is remembered. */
static void took(enum aerie_cost what, u64 ns)
{
	unsigned int i;

	for (i = 0; i < 64; i++)
		aerie_worth_took(what, 16 * ns, 16);
}

static void comes_back(unsigned int percent)
{
	unsigned int i;

	for (i = 0; i < 50000; i++) {
		if (i % 100 < percent)
			aerie_worth_came_back(1);
		else
			aerie_worth_went_on(1);
	}
}

TEST(what_is_not_known_is_tried)
{
	unsigned int nr = packed();

	EXPECT(nr > 900 && nr < 1000);
	took(AERIE_COST_READ, 10000);
	nr = packed();
	EXPECT(nr > 900 && nr < 1000);
}

TEST(what_takes_less_is_done)
{
	took(AERIE_COST_PACK, 4000);
	took(AERIE_COST_UNPACK, 1000);
	took(AERIE_COST_READ, 20000);
	took(AERIE_COST_WRITE, 5000);
	EXPECT(packed() > 980);
	took(AERIE_COST_READ, 1000);
	took(AERIE_COST_WRITE, 1000);
	EXPECT(packed() < 20);
}

TEST(what_does_not_come_back_is_not_compressed)
{
	took(AERIE_COST_PACK, 4000);
	took(AERIE_COST_UNPACK, 1000);
	took(AERIE_COST_READ, 16000);
	took(AERIE_COST_WRITE, 4000);
	comes_back(50);
	EXPECT(packed() > 980);
	comes_back(10);
	EXPECT(packed() < 80);
	comes_back(50);
	EXPECT(packed() > 980);
}

TEST(a_slow_disk_is_tried_rarely)
{
	took(AERIE_COST_PACK, 4000);
	took(AERIE_COST_UNPACK, 1000);
	took(AERIE_COST_READ, 10000000);
	took(AERIE_COST_WRITE, 10000000);
	comes_back(90);
	packed();
	packed();
	EXPECT(packed() + packed() + packed() + packed() >= 3999);
}

TEST(one_page_changes_little)
{
	took(AERIE_COST_PACK, 4000);
	took(AERIE_COST_UNPACK, 1000);
	took(AERIE_COST_READ, 2000);
	took(AERIE_COST_WRITE, 1000);
	comes_back(90);
	aerie_worth_took(AERIE_COST_READ, 60000, 1);
	EXPECT(packed() < 30);
	aerie_worth_took(AERIE_COST_READ, 0, 64);
	took(AERIE_COST_READ, 60000);
	EXPECT(packed() > 980);
}
