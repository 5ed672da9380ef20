// SPDX-License-Identifier: GPL-2.0
/*
 * A moment for a guest that has its interrupts off.
 *
 * Such code is short, and may hold a lock that others spin for: a vCPU that is preempted there
 * keeps them waiting until it is its turn again. So where the scheduler wants the processor it
 * goes on, until its interrupts are on or the moment is over, which a timer sees to; once each
 * time that it is to be preempted, and its time is its own. Not where softirqs wait, nor where the
 * host has no timer that is fine enough; and not when a vCPU with a reservation has just been woken:
 * it may be the one that the processor is wanted for. A guest that has used up a moment, and the
 * one after it, as one does that never has its interrupts on, goes without more and more often.
 */
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <asm/processor-flags.h>

#include "backend.h"
#include "sched/sched.h"
#include "trace.h"

#define GRACE_MAX_US	1000u
#define WASTED_MAX	6u	/* without 2 to the power of that, less one, at most */

static uint grace_us = 50;
module_param(grace_us, uint, 0644);
MODULE_PARM_DESC(grace_us, "microseconds that a vCPU with its interrupts off keeps its processor longer, up to 1000 (50)");

static u64 urgent_ns;		/* when such a one was woken last */

void aerie_grace_urgent(u64 now)
{
	WRITE_ONCE(urgent_ns, now);
}

/* That it interrupts the guest is all. */
static void over(struct aerie_timer *timer)
{
}

void aerie_grace_init(struct aerie_vcpu *vcpu)
{
	aerie_timer_init(&vcpu->sched.grace.timer, over);
}

void aerie_grace_fini(struct aerie_vcpu *vcpu)
{
	aerie_timer_fini(&vcpu->sched.grace.timer);
}

static bool irqs_off(struct aerie_vcpu *vcpu)
{
	return !(aerie_reg_read(vcpu, AERIE_REG_RFLAGS) & X86_EFLAGS_IF);
}

bool aerie_grace_given(struct aerie_vcpu *vcpu)
{
	struct aerie_grace *g = &vcpu->sched.grace;
	u64 ns = min(READ_ONCE(grace_us), GRACE_MAX_US) * NSEC_PER_USEC, now;

	if (!ns || !need_resched() || local_softirq_pending() || !irqs_off(vcpu))
		return false;
	now = aerie_now_ns();
	if (now < READ_ONCE(urgent_ns) + GRACE_MAX_US * NSEC_PER_USEC)
		return false;
	if (g->until_ns)
		return now < g->until_ns;
	if (hrtimer_resolution > ns)
		return false;
	if (g->without) {
		g->without--;
		return false;
	}
	g->since_ns = now;
	g->until_ns = now + ns;
	g->given++;
	aerie_timer_arm(&g->timer, g->until_ns);
	return true;
}

void aerie_grace_end(struct aerie_vcpu *vcpu)
{
	struct aerie_grace *g = &vcpu->sched.grace;
	u64 now = aerie_now_ns();

	aerie_timer_disarm(&g->timer);
	trace_aerie_grace(vcpu, now - g->since_ns);
	g->wasted = now < g->until_ns ? 0 : min(g->wasted + 1, WASTED_MAX);
	g->without = BIT(g->wasted) - 1;
	g->until_ns = 0;
}
