// SPDX-License-Identifier: GPL-2.0
/* How much is wanted in a balloon that is left to us: who goes first, bounds, no swinging. */
// sources: kmod/virtio/balloon_policy.c
#include "ktap.h"
#include "shim.h"
#include "virtio/balloon_policy.h"

#define MIB		(1ull << 20)
#define MEMORY		(1024 * MIB)
#define KEEP		(128 * MIB)
#define CALM		10

static struct aerie_balloon_policy policy;
static struct aerie_balloon_view view;

static void setup(void)
{
	policy = (struct aerie_balloon_policy){};
	view = (struct aerie_balloon_view){
		.memory = MEMORY,
		.max = MEMORY,
		.told = AERIE_BALLOON_TOLD_NOW,
		.available = 640 * MIB,
	};
}

static u64 decide(void)
{
	return aerie_balloon_decide(&policy, &view);
}

/* A guest that does what is wanted at once, and says so. */
static void follow(u64 wanted)
{
	view.available -= wanted - view.actual;
	view.wanted = view.actual = wanted;
}

TEST(nothing_is_wanted_while_nothing_is_needed)
{
	unsigned int i;

	setup();
	for (i = 0; i < 100; i++)
		EXPECT_EQ(decide(), 0);
	view.room = 1ull << 40;
	EXPECT_EQ(decide(), 0);
}

TEST(what_is_needed_is_taken_of_what_is_idle)
{
	setup();
	view.need = 100 * MIB;
	EXPECT_EQ(decide(), 100 * MIB);
	/* No more than half of what is idle at a time. */
	view.need = 1000 * MIB;
	EXPECT_EQ(decide(), (640 * MIB - KEEP) / 2);
	/* To what is, not to what is wanted, which the guest may not be able to do. */
	view.wanted = 900 * MIB;
	view.actual = 50 * MIB;
	EXPECT_EQ(decide(), 50 * MIB + (640 * MIB - KEEP) / 2);
}

TEST(what_the_guest_needs_is_not_taken)
{
	unsigned int i;

	setup();
	view.need = 1000 * MIB;
	for (i = 0; i < 100; i++)
		follow(decide());
	EXPECT(view.available >= KEEP);
	EXPECT(view.available < KEEP + 3 * MIB);
	EXPECT_EQ(view.actual, 640 * MIB - view.available);
}

TEST(a_little_is_not_worth_it)
{
	setup();
	view.need = MIB - 1;
	EXPECT_EQ(decide(), 0);
	view.need = MIB;
	EXPECT_EQ(decide(), MIB);
	view.need = MIB + 1;
	EXPECT_EQ(decide(), MIB);
}

TEST(a_guest_that_is_short_goes_first)
{
	setup();
	view.need = 1000 * MIB;
	view.wanted = view.actual = 300 * MIB;
	view.available = KEEP / 2 - MIB;
	EXPECT_EQ(decide(), 300 * MIB - (KEEP / 4 * 3 - view.available));
	/* It is on its way. */
	view.wanted = 200 * MIB;
	EXPECT_EQ(decide(), 200 * MIB);
	/* It has taken some back by itself. */
	view.wanted = 300 * MIB;
	view.actual = 250 * MIB;
	EXPECT_EQ(decide(), 250 * MIB - (KEEP / 4 * 3 - view.available));
	view.wanted = view.actual = MIB;
	view.available = 0;
	EXPECT_EQ(decide(), 0);
}

TEST(what_is_given_to_one_that_is_short_is_not_taken_again)
{
	unsigned int i;
	u64 first;

	setup();
	view.need = 1000 * MIB;
	view.wanted = view.actual = 300 * MIB;
	view.available = MIB;
	first = decide();
	follow(first);
	for (i = 0; i < 100; i++) {
		EXPECT_EQ(decide(), first);
		follow(first);
	}
}

TEST(what_is_not_needed_any_more_is_given_back_after_a_while)
{
	unsigned int i, round;

	setup();
	view.wanted = view.actual = 320 * MIB;
	view.room = 1ull << 40;
	for (round = 0; round < 2; round++) {
		for (i = 1; i < CALM; i++)
			EXPECT_EQ(decide(), 320 * MIB);
		EXPECT_EQ(decide(), 300 * MIB);
		/* Needed in between: from the beginning. */
		view.need = MIB / 2;
		EXPECT_EQ(decide(), 320 * MIB);
		view.need = 0;
	}
	for (i = 0; view.wanted; i++)
		follow(decide());
	EXPECT(i > 16 && i < 100);
}

TEST(no_more_is_given_back_than_there_is_room_for)
{
	setup();
	policy.calm = CALM;
	view.wanted = view.actual = 320 * MIB;
	EXPECT_EQ(decide(), 320 * MIB);
	view.room = 2 * MIB;
	EXPECT_EQ(decide(), 318 * MIB);
	view.room = PAGE_SIZE - 1;
	EXPECT_EQ(decide(), 320 * MIB);
}

TEST(bounds_hold_whatever_happens)
{
	setup();
	view.min = 50 * MIB;
	view.max = 60 * MIB;
	EXPECT_EQ(decide(), 50 * MIB);
	view.need = 500 * MIB;
	EXPECT_EQ(decide(), 60 * MIB);
	view.available = 0;
	view.wanted = view.actual = 55 * MIB;
	EXPECT_EQ(decide(), 50 * MIB);
	view.told = AERIE_BALLOON_TOLD_NOTHING;
	EXPECT_EQ(decide(), 50 * MIB);
	view.told = AERIE_BALLOON_TOLD_BEFORE;
	view.wanted = 70 * MIB;
	EXPECT_EQ(decide(), 60 * MIB);
}

TEST(a_guest_that_says_nothing_is_left_alone)
{
	setup();
	view.need = 500 * MIB;
	view.wanted = view.actual = 100 * MIB;
	view.told = AERIE_BALLOON_TOLD_BEFORE;
	EXPECT_EQ(decide(), 100 * MIB);
	/* It has been reset, or its driver has gone. */
	view.told = AERIE_BALLOON_TOLD_NOTHING;
	EXPECT_EQ(decide(), 0);
}

TEST(figures_that_make_no_sense)
{
	setup();
	view.need = ~0ull;
	view.available = ~0ull;
	view.actual = MEMORY;
	EXPECT_EQ(decide(), MEMORY);
	view.available = 0;
	EXPECT_EQ(decide(), 0);
	view.room = ~0ull;
	view.need = 0;
	view.wanted = ~0ull << 12;
	view.available = ~0ull;
	EXPECT_EQ(decide(), MEMORY);
	view.memory = view.max = MIB;
	view.wanted = view.actual = 0;
	view.need = ~0ull;
	EXPECT_EQ(decide(), MIB);
}
