// SPDX-License-Identifier: GPL-2.0
/*
 * A moment of grace: a guest that has its interrupts off when the scheduler wants the
 * processor may hold a lock that others spin for. It goes on until it has them on again,
 * for which an interrupt window is asked, or until GRACE is over, for which a timer's
 * interrupt is. The time is the thread's own: the scheduler takes it off what it has next.
 */
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/sched.h>
#include <asm/processor-flags.h>

#include "backend.h"
#include "compat.h"
#include "dev/timer.h"
#include "sched/sched.h"

#define GRACE	(100 * NSEC_PER_USEC)

/* The interrupt is all it takes: it ends guest execution. */
static enum hrtimer_restart grace_over(struct hrtimer *timer)
{
	return HRTIMER_NORESTART;
}

void aerie_grace_create(struct aerie_vcpu *vcpu)
{
	compat_hrtimer_setup(&vcpu->sched.grace_timer, grace_over);
}

void aerie_grace_destroy(struct aerie_vcpu *vcpu)
{
	hrtimer_cancel(&vcpu->sched.grace_timer);
}

bool aerie_grace(struct aerie_vcpu *vcpu)
{
	struct aerie_vcpu_sched *s = &vcpu->sched;
	u64 now;

	if (!need_resched() || local_softirq_pending() ||
	    aerie_reg_read(vcpu, AERIE_REG_RFLAGS) & X86_EFLAGS_IF)
		return false;
	now = aerie_now_ns();
	if (!s->grace_until) {
		s->grace_until = now + GRACE;
		s->graces++;
		vcpu->check_events = true;	/* asks for the window */
		hrtimer_start(&s->grace_timer, ns_to_ktime(s->grace_until),
			      HRTIMER_MODE_ABS_PINNED_HARD);
	}
	return now < s->grace_until;
}

void aerie_grace_end(struct aerie_vcpu *vcpu)
{
	if (likely(!vcpu->sched.grace_until))
		return;
	vcpu->sched.grace_until = 0;
	hrtimer_try_to_cancel(&vcpu->sched.grace_timer);
}
