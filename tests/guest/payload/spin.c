// SPDX-License-Identifier: GPL-2.0
/*
 * All processors but the first spin for what that one does: "ms=N" milliseconds of work (1000),
 * by its own count of turns, of which each is a millisecond's where it has a processor to itself.
 */
#include "guest.h"

static volatile bool done;

static void spin(void *arg)
{
	while (!done)
		pause();
}

static void work(u64 turns)
{
	while (turns--)
		barrier();
}

/* Turns in a millisecond: the most that there have been in a short time. */
static u64 turns_per_ms(void)
{
	const u64 turns = 20000;
	u64 best = ~0ull, i, t;

	for (i = 0; i < 10; i++) {
		t = rdtsc();
		work(turns);
		t = rdtsc() - t;
		if (t < best)
			best = t;
	}
	return turns * tsc_per_ms() / best;
}

TEST(who_spins_lets_others_work)
{
	u64 ms = boot_option("ms=", 1000), rate = turns_per_ms(), t;
	u32 n = smp_start(), i;

	EXPECT(n > 1);
	for (i = 1; i < n; i++)
		cpu_start(i, spin, NULL);
	t = rdtsc();
	work(ms * rate);
	t = rdtsc() - t;
	done = true;
	for (i = 1; i < n; i++)
		cpu_wait(i);
	printf("# %lu ms of work took %lu ms\n", ms, t / tsc_per_ms());
}
