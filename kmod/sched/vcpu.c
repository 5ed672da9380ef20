// SPDX-License-Identifier: GPL-2.0
/*
 * What a vCPU's thread does about its own scheduling, between being put and loaded again.
 *
 * Weight: what a VM has by its weight is shared among those of its vCPUs that are busy.
 * Each looks at itself a few times a second, at how busy the others were when they
 * last looked, and now and then takes the nice level that follows (weight.c). Nobody does it for
 * them: a VM that is idle costs nothing. A level that somebody has set from outside
 * stays.
 *
 * Skew: a vCPU that finds another of its VM waiting for a processor for much longer than
 * it had to itself, as one that holds a lock may, lets it go first. What both wait for alike
 * is nobody's skew, and to yield for that would only take from the VM.
 */
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/sched/stat.h>

#include "dev/timer.h"
#include "sched/sched.h"
#include "trace.h"

#define LOOK_EVERY	(HZ / 20 ?: 1)
#define WEIGHT_EVERY	(HZ / 2)	/* taking another level costs a thread its turn */
#define BUSY_LASTS	(250 * NSEC_PER_MSEC)
#define BUSY_ALL	1024u
#define SKEW_BOUND	(10 * NSEC_PER_MSEC)

static uint halt_poll_us = 50;
module_param(halt_poll_us, uint, 0644);
MODULE_PARM_DESC(halt_poll_us, "microseconds that a halted vCPU looks for work at most (50)");

void aerie_sched_create(struct aerie_vcpu *vcpu)
{
	aerie_sched_time_start(&vcpu->sched.time, aerie_now_ns());
}

void aerie_sched_start(struct aerie_vm *vm)
{
	u64 now = aerie_now_ns();
	u32 n;

	for (n = 0; n < vm->nr_vcpus; n++) {
		struct aerie_vcpu_sched *s = &vm->vcpus[n]->sched;

		aerie_sched_time_start(&s->time, now);
		memset(s->latency, 0, sizeof(s->latency));
		s->yields = s->capped = s->skew_max_ns = s->grace.given = 0;
		s->charged_ns = s->looked_busy_ns = 0;
		s->looked_ns = now;
		s->busy = 0;
	}
	/* After a reset it has the vCPUs that are wanted. */
	aerie_sched_follow(vm, 0, NULL);
}

void aerie_sched_enter(struct aerie_vcpu *vcpu, enum aerie_sched_state state)
{
	aerie_sched_time_enter(&vcpu->sched.time, state, aerie_now_ns());
}

static void waited(struct aerie_vcpu *vcpu, u64 ns)
{
	u64 *latency = vcpu->sched.latency;

	latency[min_t(unsigned long, __fls(ns | 1), AERIE_LATENCY_BUCKETS - 1)]++;
	vcpu->sched.last_wait_ns = ns;
	trace_aerie_wait(vcpu, ns);
}

void aerie_sched_sleep(struct aerie_vcpu *vcpu)
{
	WRITE_ONCE(vcpu->sched.woken_ns, 0);
	aerie_sched_enter(vcpu, AERIE_SCHED_IDLE);
}

void aerie_sched_wake(struct aerie_vcpu *vcpu)
{
	u64 now;

	/* Of several the first, but for those that come at the same time. */
	if (!READ_ONCE(vcpu->resting) || READ_ONCE(vcpu->sched.woken_ns))
		return;
	now = aerie_now_ns();
	WRITE_ONCE(vcpu->sched.woken_ns, now);
	if (unlikely(READ_ONCE(vcpu->vm->sched.config.budget_ns)))
		aerie_grace_urgent(now);
}

void aerie_sched_awake(struct aerie_vcpu *vcpu)
{
	struct aerie_vcpu_sched *s = &vcpu->sched;
	u64 now = aerie_now_ns(), woken = READ_ONCE(s->woken_ns);

	/* Where nobody woke it, what it waited for was there when it looked. */
	if (woken <= s->time.since_ns || woken >= now) {
		aerie_poll_learn(&s->poll, aerie_sched_time_enter(&s->time, AERIE_SCHED_RUN, now),
				 READ_ONCE(halt_poll_us) * NSEC_PER_USEC);
		return;
	}
	aerie_poll_learn(&s->poll, aerie_sched_time_enter(&s->time, AERIE_SCHED_WAIT, woken),
			 READ_ONCE(halt_poll_us) * NSEC_PER_USEC);
	aerie_sched_time_enter(&s->time, AERIE_SCHED_RUN, now);
	waited(vcpu, now - woken);
}

bool aerie_sched_poll(struct aerie_vcpu *vcpu, bool (*has_work)(struct aerie_vcpu *))
{
	u64 until;
	u32 ns = min_t(u64, vcpu->sched.poll.ns, READ_ONCE(halt_poll_us) * NSEC_PER_USEC);

	if (!ns || !vcpu->pv.poll_control || !single_task_running())
		return false;
	until = aerie_now_ns() + ns;
	do {
		if (has_work(vcpu))
			return true;
		cpu_relax();
	} while (!need_resched() && aerie_now_ns() < until);
	return false;
}

/*
 * 1024ths of processors that the VM's vCPUs have lately been busy with, at least one whole.
 * What a vCPU has last said of itself holds while it runs or waits, however long, and
 * BUSY_LASTS longer.
 */
static u32 vm_busy(const struct aerie_vm *vm, u64 now)
{
	u32 n, sum = 0;

	for (n = 0; n < vm->nr_vcpus; n++) {
		const struct aerie_vcpu_sched *s = &vm->vcpus[n]->sched;

		switch (READ_ONCE(s->time.state)) {
		case AERIE_SCHED_RUN:
		case AERIE_SCHED_WAIT:
			break;
		default:
			if (now > READ_ONCE(s->time.since_ns) + BUSY_LASTS)
				continue;
		}
		sum += READ_ONCE(s->busy);
	}
	return max(sum, BUSY_ALL);
}

static void look_at_weight(struct aerie_vcpu *vcpu, u64 now)
{
	const struct aerie_vm *vm = vcpu->vm;
	struct aerie_vcpu_sched *s = &vcpu->sched;
	u64 busy = s->time.ns[AERIE_SCHED_RUN] + s->time.ns[AERIE_SCHED_WAIT];
	u64 part = div64_u64((busy - s->looked_busy_ns) * BUSY_ALL, now - s->looked_ns + 1);
	u32 want;
	int nice;

	s->busy = (s->busy + (u32)min_t(u64, part, BUSY_ALL)) / 2;
	s->looked_ns = now;
	s->looked_busy_ns = busy;
	if (time_before(jiffies, s->next_weight) || current->policy != SCHED_NORMAL)
		return;
	s->next_weight = jiffies + WEIGHT_EVERY;
	/* Somebody's own: it stays until it is set to what it was. */
	if (task_nice(current) != s->weight.nice)
		return;
	want = div_u64((u64)READ_ONCE(vm->sched.config.weight) * 1024 / AERIE_SCHED_WEIGHT * BUSY_ALL,
		       vm_busy(vm, now));
	nice = aerie_weight_next(&s->weight, want, current->se.load.weight >> SCHED_FIXEDPOINT_SHIFT);
	if (nice == s->weight.nice)
		return;
	s->weight.nice = nice;
	set_user_nice(current, nice);
}

/* Since when a vCPU could run and has no processor, or 0. Racy: it may have one by now. */
static u64 waits_since(const struct aerie_vcpu *vcpu)
{
	const struct aerie_vcpu_sched *s = &vcpu->sched;
	u64 since = READ_ONCE(s->time.since_ns), woken = READ_ONCE(s->woken_ns);

	switch (READ_ONCE(s->time.state)) {
	case AERIE_SCHED_WAIT:
		return since;
	case AERIE_SCHED_IDLE:
		return woken > since ? woken : 0;
	}
	return 0;
}

bool aerie_sched_waits(const struct aerie_vcpu *vcpu)
{
	return waits_since(vcpu);
}

/* The sibling that has waited longest, and for longer than it should; or NULL. */
static struct aerie_vcpu *who_lags(struct aerie_vcpu *vcpu, u64 now)
{
	struct aerie_vm *vm = vcpu->vm;
	struct aerie_vcpu *found = NULL;
	u64 longest = SKEW_BOUND + 2 * vcpu->sched.last_wait_ns;
	u32 n;

	for (n = 0; n < vm->nr_vcpus; n++) {
		u64 since = waits_since(vm->vcpus[n]);

		if (!since || since >= now || now - since <= longest)
			continue;
		longest = now - since;
		found = vm->vcpus[n];
	}
	if (found && longest > vcpu->sched.skew_max_ns)
		vcpu->sched.skew_max_ns = longest;
	return found;
}

static bool give_to(struct aerie_vcpu *vcpu, struct aerie_vcpu *to)
{
	if (yield_to(to->task, true) <= 0)
		return false;
	vcpu->sched.yields++;
	trace_aerie_yield(vcpu, to->id);
	vcpu->sched.last_yield = to->id;
	return true;
}

/* Sleep until the cap lets the VM's vCPUs run, or something is wanted of this one. */
static void wait_for_cap(struct aerie_vcpu *vcpu)
{
	struct aerie_vm *vm = vcpu->vm;
	struct aerie_vcpu_sched *s = &vcpu->sched;
	u64 now = aerie_now_ns(), until, run;

	aerie_sched_enter(vcpu, AERIE_SCHED_RUN);
	run = s->time.ns[AERIE_SCHED_RUN];
	aerie_cap_charge(&vm->sched.cap, run - s->charged_ns, now);
	s->charged_ns = run;
	if (!aerie_cap_until(&vm->sched.cap, now))
		return;
	s->capped++;
	aerie_sched_enter(vcpu, AERIE_SCHED_CAPPED);
	while (!kthread_should_stop()) {
		ktime_t at;

		set_current_state(TASK_IDLE);
		until = aerie_cap_until(&vm->sched.cap, aerie_now_ns());
		if (!until || READ_ONCE(vcpu->requests) &
			      (BIT(AERIE_REQ_PARK) | BIT(AERIE_REQ_CALL) | BIT(AERIE_REQ_UNRESERVE)))
			break;
		at = ns_to_ktime(until);
		schedule_hrtimeout(&at, HRTIMER_MODE_ABS);
	}
	__set_current_state(TASK_RUNNING);
	aerie_sched_enter(vcpu, AERIE_SCHED_RUN);
}

void aerie_sched_look(struct aerie_vcpu *vcpu)
{
	struct aerie_vcpu_sched *s = &vcpu->sched;
	struct aerie_vcpu *lags;

	if (unlikely(READ_ONCE(vcpu->vm->sched.cap.percent)))
		wait_for_cap(vcpu);
	else
		s->charged_ns = s->time.ns[AERIE_SCHED_RUN];	/* it owes nothing when one comes */
	if (time_before(jiffies, s->next_look))
		return;
	s->next_look = jiffies + LOOK_EVERY;
	aerie_sched_enter(vcpu, AERIE_SCHED_RUN);
	look_at_weight(vcpu, s->time.since_ns);
	lags = vcpu->vm->nr_vcpus > 1 ? who_lags(vcpu, s->time.since_ns) : NULL;
	if (lags) {
		aerie_sched_enter(vcpu, AERIE_SCHED_WAIT);
		give_to(vcpu, lags);
		aerie_sched_enter(vcpu, AERIE_SCHED_RUN);
	}
}

void aerie_sched_preempted(struct aerie_vcpu *vcpu)
{
	cond_resched_tasks_rcu_qs();
	waited(vcpu, aerie_sched_time_enter(&vcpu->sched.time, AERIE_SCHED_RUN, aerie_now_ns()));
}

void aerie_sched_yield(struct aerie_vcpu *vcpu, u32 to)
{
	struct aerie_vm *vm = vcpu->vm;
	u32 n, id = vcpu->sched.last_yield;
	bool given = false;

	aerie_sched_enter(vcpu, AERIE_SCHED_WAIT);
	if (to) {
		give_to(vcpu, vm->vcpus[to - 1]);
	} else {
		/* Whoever waits, each in turn; those that spin as well behind the others. */
		WRITE_ONCE(vcpu->sched.spin.spins, true);
		for (n = 0; n < 2 * vm->nr_vcpus && !given; n++) {
			if (++id >= vm->nr_vcpus)
				id = 0;
			given = vm->vcpus[id] != vcpu && aerie_sched_waits(vm->vcpus[id]) &&
				READ_ONCE(vm->vcpus[id]->sched.spin.spins) == (n >= vm->nr_vcpus) &&
				give_to(vcpu, vm->vcpus[id]);
		}
		/* What it spins for has a processor, or comes from outside. */
		if (!given)
			yield();
	}
	cond_resched_tasks_rcu_qs();
	aerie_sched_enter(vcpu, AERIE_SCHED_RUN);
}
