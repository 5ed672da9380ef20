// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that triple-faults as soon as it can, in every one of its lives: before it
 * says anything, after the n-th time from another processor. It never ends by itself.
 */
#include "guest.h"

static void triple(void *arg)
{
	struct dtable none = { 0, 0 };

	asm volatile("lidt %0; ud2" :: "m"(none));
}

TEST(never_ends)
{
	u8 life = cmos_read(CMOS_STAGE);

	cmos_write(CMOS_STAGE, life + 1);
	if (life % 4 == 3 && smp_start() > 1)
		cpu_start(1, triple, NULL);
	else
		triple(NULL);
	for (;;)
		pause();
}
