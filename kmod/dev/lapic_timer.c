// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC's timer: one-shot, periodic, TSC deadline.
 *
 * The timer's state is the point in time at which the running count ends; what
 * the guest reads and when it is interrupted follow from that and from the
 * clock. The vCPU's own thread alone changes the state. The host timer is only
 * an alarm: its callback marks that it has fired and makes the vCPU look, and
 * one that comes late, from before the guest set another time, finds the
 * deadline moved and does nothing.
 *
 * A period begins when its vCPU has taken notice of the last one. However short
 * the period, a vCPU that does not run costs the host one alarm, and
 * AERIE_PERIOD_MIN_NS bounds what a running one can ask for. Phases are kept.
 *
 * The IRR has room for one tick. Those that become due while it waits there are owed
 * (@timer_owed), and the next one goes into the IRR when the vCPU has taken it: as long
 * as any are, @timer_ticks stays set, so that the look at events which follows the
 * acknowledgement finds it. Nothing that is fast asks about it. Where the processor
 * delivers interrupts itself it is made to exit at the end of this one.
 */
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include "core/policy.h"
#include "dev/lapic_regs.h"

#define LAPIC_TICK_NS		(1000000000ull / AERIE_APIC_BUS_HZ)

static u32 timer_mode(struct aerie_lapic *lapic)
{
	return lapic_get(lapic, APIC_LVTT) & LAPIC_LVT_TIMER_MODE;
}

static bool timer_masked(struct aerie_lapic *lapic)
{
	return lapic_get(lapic, APIC_LVTT) & APIC_LVT_MASKED;
}

/* Nanoseconds of one step of the count (SDM, Divide Configuration Register). */
static u32 timer_step_ns(struct aerie_lapic *lapic)
{
	u32 tdcr = lapic_get(lapic, APIC_TDCR);
	u32 shift = (((tdcr & 3) | (tdcr >> 1 & 4)) + 1) & 7;

	return LAPIC_TICK_NS << shift;
}

static u64 timer_period_ns(struct aerie_lapic *lapic)
{
	u64 ns = (u64)lapic_get(lapic, APIC_TMICT) * timer_step_ns(lapic);

	if (timer_mode(lapic) == APIC_LVT_TIMER_PERIODIC)
		ns = max_t(u64, ns, AERIE_PERIOD_MIN_NS);
	return ns;
}

static void timer_set_deadline(struct aerie_lapic *lapic, u64 ns)
{
	/* The callback reads it, in interrupt context. */
	WRITE_ONCE(lapic->timer_deadline_ns, ns);
}

/* How many periods have ended by @now, the first of them at @deadline. */
static u64 timer_periods(struct aerie_lapic *lapic, u64 deadline, u64 now)
{
	return now < deadline ? 0 : div64_u64(now - deadline, lapic->timer_period_ns) + 1;
}

/* A tick that is owed goes into the IRR if there is room. */
static void timer_give(struct aerie_lapic *lapic)
{
	u8 vector = lapic_get(lapic, APIC_LVTT) & APIC_VECTOR_MASK;

	if (timer_masked(lapic))
		lapic->timer_owed = 0;
	if (!lapic->timer_owed || lapic_pending(lapic, vector))
		return;
	lapic->timer_owed--;
	/* An illegal one is an error that is told once. */
	if (vector < LAPIC_FIRST_VECTOR)
		lapic->timer_owed = 0;
	lapic_raise_self(lapic, vector);
}

static void timer_owe(struct aerie_lapic *lapic, u64 deadline, u64 due, u64 now)
{
	u64 resumed = READ_ONCE(lapic->vcpu->vm->resumed_ns);
	u64 paused = timer_periods(lapic, deadline, min(resumed, now));

	if (paused)
		due -= paused - 1;
	lapic->timer_owed = min_t(u64, lapic->timer_owed + due, AERIE_TICKS_OWED_MAX);
}

/* The count has ended by @now: raise the interrupt. */
static noinline void timer_ended(struct aerie_lapic *lapic, u64 now)
{
	u64 deadline = lapic->timer_deadline_ns;

	if (timer_mode(lapic) == APIC_LVT_TIMER_PERIODIC) {
		u64 periods = timer_periods(lapic, deadline, now);

		timer_set_deadline(lapic, deadline + periods * lapic->timer_period_ns);
		if (!timer_masked(lapic))
			timer_owe(lapic, deadline, periods, now);
		return;
	}
	timer_set_deadline(lapic, 0);
	lapic->tsc_deadline = 0;
	if (!timer_masked(lapic))
		lapic_raise_self(lapic, lapic_get(lapic, APIC_LVTT) & APIC_VECTOR_MASK);
}

/* Bring the state up to @now. */
static __always_inline void timer_settle(struct aerie_lapic *lapic, u64 now)
{
	if (lapic->timer_deadline_ns && now >= lapic->timer_deadline_ns)
		timer_ended(lapic, now);
}

/* Set the alarm as the state demands; a masked timer needs none. */
static void timer_alarm(struct aerie_lapic *lapic)
{
	if (lapic->timer_deadline_ns && !timer_masked(lapic))
		aerie_timer_arm(&lapic->timer, lapic->timer_deadline_ns);
	else
		aerie_timer_disarm(&lapic->timer);
}

static void timer_fired(struct aerie_timer *timer)
{
	struct aerie_lapic *lapic = container_of(timer, struct aerie_lapic, timer);
	u64 deadline = READ_ONCE(lapic->timer_deadline_ns);

	if (!deadline || aerie_now_ns() < deadline)
		return;
	atomic_set(&lapic->timer_ticks, 1);
	aerie_vcpu_request(lapic->vcpu, AERIE_REQ_EVENT);
}

void lapic_timer_init(struct aerie_lapic *lapic)
{
	aerie_timer_init(&lapic->timer, timer_fired);
}

void lapic_timer_reset(struct aerie_lapic *lapic)
{
	lapic->tsc_deadline = 0;
	lapic->timer_period_ns = 0;
	timer_set_deadline(lapic, 0);
	aerie_timer_disarm(&lapic->timer);
	atomic_set(&lapic->timer_ticks, 0);
	lapic->timer_owed = 0;
}

void lapic_timer_serve(struct aerie_lapic *lapic)
{
	atomic_set(&lapic->timer_ticks, 0);
	timer_settle(lapic, aerie_now_ns());
	timer_give(lapic);
	if (lapic->timer_owed)
		atomic_set(&lapic->timer_ticks, 1);
	timer_alarm(lapic);
}

u32 lapic_timer_count(struct aerie_lapic *lapic)
{
	u64 now, steps;

	if (timer_mode(lapic) == APIC_LVT_TIMER_TSCDEADLINE || !lapic->timer_deadline_ns)
		return 0;
	now = aerie_now_ns();
	if (now >= lapic->timer_deadline_ns) {
		lapic_timer_serve(lapic);
		if (!lapic->timer_deadline_ns)
			return 0;
	}
	steps = div64_u64(lapic->timer_deadline_ns - now + timer_step_ns(lapic) - 1,
			  timer_step_ns(lapic));
	return min_t(u64, steps, lapic_get(lapic, APIC_TMICT));
}

void lapic_timer_write_count(struct aerie_lapic *lapic, u32 val)
{
	if (timer_mode(lapic) == APIC_LVT_TIMER_TSCDEADLINE)
		return;
	lapic_put(lapic, APIC_TMICT, val);
	lapic->timer_owed = 0;
	lapic->timer_period_ns = timer_period_ns(lapic);
	timer_set_deadline(lapic, val ? aerie_now_ns() + lapic->timer_period_ns : 0);
	timer_alarm(lapic);
}

void lapic_timer_write_divide(struct aerie_lapic *lapic, u32 val)
{
	u32 count = lapic_timer_count(lapic);

	lapic_put(lapic, APIC_TDCR, val);
	if (timer_mode(lapic) == APIC_LVT_TIMER_TSCDEADLINE)
		return;
	/* A running count goes on from where it is, at the new pace. */
	lapic->timer_period_ns = timer_period_ns(lapic);
	if (lapic->timer_deadline_ns) {
		timer_set_deadline(lapic, aerie_now_ns() + (u64)count * timer_step_ns(lapic));
		timer_alarm(lapic);
	}
}

void lapic_timer_write_lvt(struct aerie_lapic *lapic, u32 val)
{
	u32 old = timer_mode(lapic), new = val & LAPIC_LVT_TIMER_MODE;

	/* What has ended by now ended under the old entry; more is not owed to another. */
	timer_settle(lapic, aerie_now_ns());
	timer_give(lapic);
	if (lapic_get(lapic, APIC_LVTT) != val)
		lapic->timer_owed = 0;
	lapic_put(lapic, APIC_LVTT, val);
	/* SDM, TSC-Deadline Mode: a change to or from it disarms the timer. */
	if (old != new && (old | new) & APIC_LVT_TIMER_TSCDEADLINE) {
		lapic_put(lapic, APIC_TMICT, 0);
		lapic->tsc_deadline = 0;
		timer_set_deadline(lapic, 0);
	}
	lapic->timer_period_ns = timer_period_ns(lapic);
	timer_alarm(lapic);
}

u64 lapic_timer_deadline(struct aerie_lapic *lapic)
{
	if (timer_mode(lapic) != APIC_LVT_TIMER_TSCDEADLINE)
		return 0;
	if (lapic->tsc_deadline && aerie_now_ns() >= lapic->timer_deadline_ns)
		lapic_timer_serve(lapic);
	return lapic->tsc_deadline;
}

void aerie_lapic_write_deadline(struct aerie_vcpu *vcpu, u64 tsc)
{
	struct aerie_lapic *lapic = vcpu->lapic;
	struct aerie_deadline deadline = {};

	if (timer_mode(lapic) != APIC_LVT_TIMER_TSCDEADLINE)
		return;
	lapic->tsc_deadline = tsc;
	if (tsc)
		deadline = aerie_tsc_to_deadline(vcpu, tsc);
	timer_set_deadline(lapic, deadline.ns);
	timer_settle(lapic, deadline.now);
	timer_alarm(lapic);
}

void aerie_lapic_tsc_changed(struct aerie_vcpu *vcpu)
{
	if (vcpu->lapic->tsc_deadline)
		aerie_lapic_write_deadline(vcpu, vcpu->lapic->tsc_deadline);
}
