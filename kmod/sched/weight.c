// SPDX-License-Identifier: GPL-2.0
/*
 * Weights as nice levels. The host's scheduler has forty of them, each about 1.25 times
 * the next, and gives a thread time by the weight of its level. A weight in between is
 * had on average: what a thread had less than it should is added to what it wants next.
 */
#include <linux/kernel.h>
#include <linux/minmax.h>

#include "sched/sched.h"

#define NICE_FIRST	(-20)
#define NICE_LAST	19
#define WEIGHT_0	1024u

/* Of a level, but for what the scheduler rounds. */
static u32 weight_of(int nice)
{
	u64 weight = (u64)WEIGHT_0 << 16;

	for (; nice > 0; nice--)
		weight -= weight / 5;
	for (; nice < 0; nice++)
		weight += weight / 4;
	return weight >> 16;
}

int aerie_weight_nice(u32 want)
{
	int nice = NICE_FIRST;
	u32 more, less;

	/* The first level that has no more than wanted, and the one before it. */
	while (nice < NICE_LAST && weight_of(nice) > want)
		nice++;
	if (nice == NICE_FIRST)
		return nice;
	more = weight_of(nice - 1);
	less = weight_of(nice);
	return want >= less && more - want < want - less ? nice - 1 : nice;
}

int aerie_weight_next(struct aerie_weight *w, u32 want, u32 had)
{
	s64 bound = want / 2;

	w->owed = clamp_t(s64, w->owed + want - had, -bound, bound);
	return aerie_weight_nice(want + w->owed);
}
