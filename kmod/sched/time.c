// SPDX-License-Identifier: GPL-2.0
/*
 * Where a vCPU's time goes. It is in one state at any time, and each state is charged
 * from the moment it is entered, so that all times together are the time since the start.
 */
#include <linux/compiler.h>
#include <linux/preempt.h>
#include <linux/string.h>
#include <asm/barrier.h>
#include <asm/processor.h>

#include "sched/sched.h"

void aerie_sched_time_start(struct aerie_sched_time *t, u64 now)
{
	memset(t->ns, 0, sizeof(t->ns));
	t->state = AERIE_SCHED_PAUSED;
	t->since_ns = now;
}

u64 aerie_sched_time_enter(struct aerie_sched_time *t, enum aerie_sched_state state, u64 now)
{
	u64 spent = now > t->since_ns ? now - t->since_ns : 0;

	/* Readers wait for the end of it. */
	preempt_disable();
	WRITE_ONCE(t->version, t->version + 1);
	smp_wmb();
	t->ns[t->state] += spent;
	t->since_ns += spent;
	WRITE_ONCE(t->state, state);
	smp_wmb();
	WRITE_ONCE(t->version, t->version + 1);
	preempt_enable();
	return spent;
}

enum aerie_sched_state aerie_sched_time_read(const struct aerie_sched_time *t, u64 now,
					     u64 ns[AERIE_SCHED_STATES])
{
	unsigned int version;
	u64 since;
	u32 state;

	do {
		while ((version = READ_ONCE(t->version)) & 1)
			cpu_relax();
		smp_rmb();
		memcpy(ns, t->ns, sizeof(t->ns));
		since = t->since_ns;
		state = t->state;
		smp_rmb();
	} while (READ_ONCE(t->version) != version);
	if (now > since)
		ns[state] += now - since;
	return state;
}
