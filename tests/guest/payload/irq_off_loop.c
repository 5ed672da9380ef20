// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that loops with interrupts off, on all its processors, for as long as
 * the command line says ("ms=N"; for ever without). It costs the host a processor
 * and nothing else. With "exits" every round has one.
 */
#include "guest.h"

static u64 limit(void)
{
	const char *p = boot_cmdline();
	u64 n = 0;

	for (; *p; p++) {
		if (memcmp(p, "ms=", 3))
			continue;
		for (p += 3; *p >= '0' && *p <= '9'; p++)
			n = n * 10 + *p - '0';
		return n;
	}
	return 0;
}

static bool exits(void)
{
	const char *p = boot_cmdline();

	for (; *p; p++)
		if (!memcmp(p, "exits", 5))
			return true;
	return false;
}

static void spin(void *arg)
{
	u64 ms = limit(), end = rdtsc() + ms * tsc_per_ms();
	bool with_exits = exits();

	cli();
	do {
		u32 i;

		for (i = 0; i < 1000000; i++) {
			if (with_exits)
				inb(0x61);
			barrier();
		}
	} while (!ms || rdtsc() < end);
}

TEST(spins)
{
	tsc_per_ms();
	smp_start();
	printf("# spinning\n");
	smp_run(spin, NULL);
}
