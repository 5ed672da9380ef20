// SPDX-License-Identifier: GPL-2.0
/*
 * How long a vCPU that halts looks for something to do before it sleeps: as long as
 * lately would have been enough, and not at all where it never is. Sleeping and being
 * woken costs the vCPU time, looking costs the processor's.
 */
#include <linux/minmax.h>

#include "sched/sched.h"

#define POLL_FIRST	10000u	/* ns */

void aerie_poll_learn(struct aerie_poll *poll, u64 slept_ns, u32 max_ns)
{
	if (slept_ns <= poll->ns)
		return;
	/* It would have taken longer than anybody wants to wait. */
	if (slept_ns > max_ns)
		poll->ns = 0;
	else
		poll->ns = clamp_t(u32, 2 * poll->ns, min(POLL_FIRST, max_ns), max_ns);
}
