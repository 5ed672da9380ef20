// SPDX-License-Identifier: GPL-2.0
/*
 * Whether compressing pays, by what it has taken of late and what swap has.
 *
 * A page that is compressed takes the time for that, and to unpack it, be it because it is
 * wanted or to send it on to swap after all; what is gained is the time that swap would have
 * taken for it, if it comes back from the store. On a fast disk that is less, on a slow
 * one, or where the store holds all that matters, much more.
 *
 * What is not done is not measured, and may have become better: so a batch now and then goes
 * the other way, the more rarely the more that costs.
 */
#include <linux/compiler.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include "mm/worth.h"

#define LATELY		4096u	/* pages of which it is known whether they came back */
#define SMOOTH		64u	/* pages that a time is the mean of */
#define TRIALS		16u	/* every so many batches one goes the other way, at most */
#define TRIALS_MAX	4096u
#define TRIAL_PART	50u	/* of all that is taken trials take one in so many */

/* Nobody is exact here: who writes at the same time as another may be lost. */
static u64 cost[AERIE_COSTS];	/* ns a page, 0: not known */
static unsigned int came_back, went_on;
static unsigned int batches;	/* since the last trial */

void aerie_worth_took(enum aerie_cost what, u64 ns, unsigned int pages)
{
	u64 old = READ_ONCE(cost[what]), part = min(pages, SMOOTH);

	ns = div_u64(ns, pages);
	if (old)
		ns = div_u64(old * (SMOOTH - part) + ns * part, SMOOTH);
	WRITE_ONCE(cost[what], max(ns, (u64)1));
}

static void count(unsigned int *of, unsigned int pages)
{
	WRITE_ONCE(*of, READ_ONCE(*of) + pages);
	if (READ_ONCE(came_back) + READ_ONCE(went_on) <= LATELY)
		return;
	WRITE_ONCE(came_back, READ_ONCE(came_back) / 2);
	WRITE_ONCE(went_on, READ_ONCE(went_on) / 2);
}

void aerie_worth_came_back(unsigned int pages)
{
	count(&came_back, pages);
}

void aerie_worth_went_on(unsigned int pages)
{
	count(&went_on, pages);
}

bool aerie_worth_packing(void)
{
	u64 pack = READ_ONCE(cost[AERIE_COST_PACK]), read = READ_ONCE(cost[AERIE_COST_READ]);
	u64 store = pack + (READ_ONCE(cost[AERIE_COST_UNPACK]) ?: pack / 2);
	u64 swap = read + (READ_ONCE(cost[AERIE_COST_WRITE]) ?: read);
	u64 back = READ_ONCE(came_back), all = back + READ_ONCE(went_on), more = 0;
	bool pays = true;

	if (pack && read) {
		pays = all ? store * all <= swap * back : store <= swap;
		more = div64_u64(TRIAL_PART * (pays ? swap : store), pays ? store : swap);
	}

	if (++batches < clamp_t(u64, more, TRIALS, TRIALS_MAX))
		return pays;
	batches = 0;
	return !pays;
}
