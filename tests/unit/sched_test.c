// SPDX-License-Identifier: GPL-2.0
/* Scheduling of vCPUs: times that add up, weights between nice levels, caps, halt polling. */
// sources: kmod/sched/time.c kmod/sched/weight.c kmod/sched/cap.c kmod/sched/poll.c
#include "ktap.h"
#include "shim.h"
#include "sched/sched.h"

#define MS	1000000ull

static u64 sum(const u64 ns[AERIE_SCHED_STATES])
{
	u64 all = 0;
	int i;

	for (i = 0; i < AERIE_SCHED_STATES; i++)
		all += ns[i];
	return all;
}

TEST(times_add_up_whatever_happens)
{
	struct aerie_sched_time t = {};
	u64 now = 1000, ns[AERIE_SCHED_STATES], spent;
	enum aerie_sched_state state = AERIE_SCHED_PAUSED, next;
	u64 model[AERIE_SCHED_STATES] = {};
	int i;

	aerie_sched_time_start(&t, now);
	for (i = 0; i < 10000; i++) {
		u64 step = random() % 3 ? (u64)random() % 100000 : 0;

		next = random() % AERIE_SCHED_STATES;
		now += step;
		spent = aerie_sched_time_enter(&t, next, now);
		EXPECT_EQ(spent, step);
		model[state] += step;
		state = next;
		EXPECT_EQ(aerie_sched_time_read(&t, now + 7, ns), state);
		model[state] += 7;
		EXPECT_EQ(memcmp(ns, model, sizeof(ns)), 0);
		EXPECT_EQ(sum(ns), now + 7 - 1000);
		model[state] -= 7;
	}
	EXPECT_EQ(t.version & 1, 0);
	/* Another start: nothing of it is left. */
	aerie_sched_time_start(&t, now);
	EXPECT_EQ(aerie_sched_time_read(&t, now, ns), AERIE_SCHED_PAUSED);
	EXPECT_EQ(sum(ns), 0);
}

TEST(a_clock_that_stands_or_goes_back_takes_nothing)
{
	struct aerie_sched_time t = {};
	u64 ns[AERIE_SCHED_STATES];

	aerie_sched_time_start(&t, 1000);
	EXPECT_EQ(aerie_sched_time_enter(&t, AERIE_SCHED_RUN, 2000), 1000);
	EXPECT_EQ(aerie_sched_time_enter(&t, AERIE_SCHED_WAIT, 1500), 0);
	EXPECT_EQ(aerie_sched_time_enter(&t, AERIE_SCHED_RUN, 2500), 500);
	aerie_sched_time_read(&t, 2400, ns);
	EXPECT_EQ(sum(ns), 1500);
	EXPECT_EQ(aerie_sched_stolen(ns), 1500);
}

TEST(steal_is_what_is_neither_run_nor_idle)
{
	const u64 ns[AERIE_SCHED_STATES] = {
		[AERIE_SCHED_IDLE] = 1, [AERIE_SCHED_RUN] = 2, [AERIE_SCHED_WAIT] = 4,
		[AERIE_SCHED_CAPPED] = 8, [AERIE_SCHED_BLOCKED] = 16, [AERIE_SCHED_PAUSED] = 32,
	};

	EXPECT_EQ(aerie_sched_stolen(ns), sum(ns) - 3);
}

/* What the host's scheduler has for its levels, -20 to 19 (sched(7), nice). */
static u32 host_weight(int nice)
{
	double weight = 1024;

	for (; nice > 0; nice--)
		weight /= 1.25;
	for (; nice < 0; nice++)
		weight *= 1.25;
	return weight;
}

TEST(the_level_is_the_nearest)
{
	u32 want;

	EXPECT_EQ(aerie_weight_nice(1024), 0);
	EXPECT_EQ(aerie_weight_nice(820), 1);
	EXPECT_EQ(aerie_weight_nice(1280), -1);
	EXPECT_EQ(aerie_weight_nice(923), 0);
	EXPECT_EQ(aerie_weight_nice(920), 1);
	EXPECT_EQ(aerie_weight_nice(0), 19);
	EXPECT_EQ(aerie_weight_nice(1), 19);
	EXPECT_EQ(aerie_weight_nice(~0u), -20);
	for (want = 15; want < 88000; want++) {
		int nice = aerie_weight_nice(want);
		u32 far = abs((int)host_weight(nice) - (int)want);

		EXPECT(nice >= -20);
		EXPECT(nice <= 19);
		if (nice > -20)
			EXPECT(far <= (u32)abs((int)host_weight(nice - 1) - (int)want) + 2);
		if (nice < 19)
			EXPECT(far <= (u32)abs((int)host_weight(nice + 1) - (int)want) + 2);
	}
}

TEST(weights_between_levels_are_had_on_average)
{
	u32 want;

	for (want = 20; want < 80000; want += want / 7 + 1) {
		struct aerie_weight w = {};
		double had = 0;
		u32 now = 1024;
		int i;

		for (i = 0; i < 1000; i++) {
			int nice = aerie_weight_next(&w, want, now);

			now = host_weight(nice);
			had += now;
		}
		EXPECT(abs((int)(had / 1000) - (int)want) <= (int)(want / 100 + 1));
	}
}

TEST(what_is_owed_has_an_end)
{
	struct aerie_weight w = {};
	int i;

	/* Another nice level than it asks for: it does not ask for more and more. */
	for (i = 0; i < 1000; i++)
		aerie_weight_next(&w, 1024, 15);
	EXPECT_EQ(aerie_weight_next(&w, 1024, 1024), aerie_weight_nice(1536));
	EXPECT(w.owed <= 512);
}

/* One that would run for ever, by ticks of 4 ms: what it had of 10 s. */
static u64 greedy(u32 percent, unsigned int vcpus)
{
	struct aerie_cap cap = {};
	u64 now = 1000 * MS, end = now + 10000 * MS, ran = 0, until;
	unsigned int n;

	aerie_cap_set(&cap, percent, now);
	while (now < end) {
		until = aerie_cap_until(&cap, now);
		if (until) {
			now = until;
			continue;
		}
		now += 4 * MS;
		for (n = 0; n < vcpus; n++) {
			aerie_cap_charge(&cap, 4 * MS, now);
			ran += 4 * MS;
		}
	}
	return ran * 100 / (10000 * MS);
}

TEST(a_cap_is_kept_by_whoever_wants_more)
{
	u32 percent;

	for (percent = 1; percent < 100; percent += 7) {
		u64 had = greedy(percent, 1);

		EXPECT(had <= percent + 1);
		EXPECT(had + 1 >= percent);
	}
	EXPECT(greedy(150, 4) <= 152);
	EXPECT(greedy(150, 4) >= 149);
	/* More than there is: nobody is stopped. */
	EXPECT_EQ(greedy(100, 1), 100);
	EXPECT_EQ(greedy(6400, 4), 400);
	EXPECT_EQ(greedy(0, 1), 100);
}

TEST(idling_is_made_up_for_by_ten_milliseconds)
{
	struct aerie_cap cap = {};
	u64 now = 1000 * MS;

	aerie_cap_set(&cap, 10, now);
	/* A second of nothing, then 1 ms: what 10 ms have of a tenth. */
	now += 1000 * MS;
	aerie_cap_charge(&cap, 1 * MS, now);
	EXPECT_EQ(aerie_cap_until(&cap, now), 0);
	aerie_cap_charge(&cap, 1 * MS, now);
	EXPECT_EQ(aerie_cap_until(&cap, now), now + 10 * MS);
	/* A stall of the host does not stop it for ever. */
	aerie_cap_charge(&cap, 1ull << 62, now);
	EXPECT(aerie_cap_until(&cap, now) <= now + 10000 * MS);
	/* Nor does a new cap remember. */
	aerie_cap_set(&cap, 1, now);
	EXPECT_EQ(aerie_cap_until(&cap, now), 0);
}

TEST(polling_grows_where_it_would_have_been_enough)
{
	struct aerie_poll p = {};

	aerie_poll_learn(&p, 0, 50000);
	EXPECT_EQ(p.ns, 0);
	aerie_poll_learn(&p, 30000, 50000);
	EXPECT_EQ(p.ns, 10000);
	aerie_poll_learn(&p, 30000, 50000);
	EXPECT_EQ(p.ns, 20000);
	aerie_poll_learn(&p, 30000, 50000);
	EXPECT_EQ(p.ns, 40000);
	aerie_poll_learn(&p, 30000, 50000);
	EXPECT_EQ(p.ns, 40000);
	aerie_poll_learn(&p, 45000, 50000);
	EXPECT_EQ(p.ns, 50000);
	/* A guest that is idle is not worth it. */
	aerie_poll_learn(&p, 4 * MS, 50000);
	EXPECT_EQ(p.ns, 0);
	/* The user wants none. */
	aerie_poll_learn(&p, 1, 0);
	EXPECT_EQ(p.ns, 0);
	aerie_poll_learn(&p, 1000, 5000);
	EXPECT_EQ(p.ns, 5000);
}
