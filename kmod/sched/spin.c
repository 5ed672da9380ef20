// SPDX-License-Identifier: GPL-2.0
/*
 * Who spins, where the processor does not tell.
 *
 * A vCPU that spins for what another of its VM has, which waits for a processor, keeps it from
 * that for as long as its turn lasts. A PAUSE-loop exit tells of it, but some processors
 * have none: those of most hypervisors, to guests that are hypervisors themselves. There the vCPU is
 * looked at while others of its VM wait: a PAUSE close to RIP, twice within a short time and
 * about the same place, is what a spinning one shows. To be taken for one costs no more than
 * to yield once.
 *
 * One that is not found to spin is looked at less and less often during its turn, one that has
 * spun up to its turn sooner than others. But where whoever passes a lock on is the next to wait
 * for it, all spin in each turn. Such a row ends when one that waits halts, as guests' locks do
 * after a while: so one that has spun in a row of turns is left alone for one of them.
 *
 * Each yield puts off the turn after it. Where very many vCPUs share a processor that adds up, and
 * who has work to do at last is late: there they are left alone.
 *
 * Turns that end by halting may be much shorter than the time to the first look, and one that
 * spins does not halt: behind such a turn there is no look.
 */
#include <linux/cpumask.h>
#include <linux/hrtimer.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>

#include "backend.h"
#include "sched/sched.h"

#define SPIN_MAX_US	1000u
#define AGAIN_PART	4u	/* of the time to the first look: until the one that makes sure */
#define NEAR_BYTES	64u
#define SHARE_MAX	8u	/* vCPUs of a VM for each processor they may have */
#define IN_A_ROW	12u	/* turns */
#define ALONE_TIMES	4u	/* as long as to the first look otherwise, after those */

static uint spin_us = 100;
module_param(spin_us, uint, 0644);
MODULE_PARM_DESC(spin_us, "microseconds after which a vCPU is first looked at for whether it spins, up to 1000, where PAUSE does not exit (100; 0: never)");

static void look(struct aerie_timer *timer)
{
	aerie_vcpu_request(container_of(timer, struct aerie_vcpu, sched.spin.timer),
			   AERIE_REQ_SPIN);
}

void aerie_spin_init(struct aerie_vcpu *vcpu)
{
	aerie_timer_init(&vcpu->sched.spin.timer, look);
}

void aerie_spin_fini(struct aerie_vcpu *vcpu)
{
	aerie_timer_fini(&vcpu->sched.spin.timer);
}

static bool siblings_wait(const struct aerie_vcpu *vcpu)
{
	const struct aerie_vm *vm = vcpu->vm;
	u32 n;

	for (n = 0; n < vm->nr_vcpus; n++)
		if (vm->vcpus[n] != vcpu && aerie_sched_waits(vm->vcpus[n]))
			return true;
	return false;
}

static void look_in(struct aerie_spin *s, u64 ns)
{
	s->armed = true;
	aerie_timer_arm(&s->timer, aerie_now_ns() + ns);
}

void aerie_spin_load(struct aerie_vcpu *vcpu)
{
	struct aerie_spin *s = &vcpu->sched.spin;
	u64 ns = min(READ_ONCE(spin_us), SPIN_MAX_US) * NSEC_PER_USEC, first = ns;
	/* It may be allowed some that are not there. */
	u32 cpus = min_t(u32, num_online_cpus(), current->nr_cpus_allowed);
	bool spun = s->spins;

	s->spins = false;
	if (s->halted || vcpu->vm->nr_vcpus == 1 || aerie_backend->pause_exits ||
	    hrtimer_resolution > ns || vcpu->vm->nr_vcpus > SHARE_MAX * cpus ||
	    !siblings_wait(vcpu))
		return;
	if (!spun) {
		s->rip = 0;
	} else if (s->in_a_row < IN_A_ROW) {
		first = ns / AGAIN_PART;
	} else {
		s->in_a_row = 0;
		first = ns * ALONE_TIMES;
	}
	s->ns = ns;
	look_in(s, first);
}

void aerie_spin_put(struct aerie_vcpu *vcpu, bool halts)
{
	struct aerie_spin *s = &vcpu->sched.spin;

	s->halted = halts;
	if (likely(!s->armed))
		return;
	s->armed = false;
	aerie_timer_disarm(&s->timer);
	clear_bit(AERIE_REQ_SPIN, &vcpu->requests);
}

bool aerie_spin_look(struct aerie_vcpu *vcpu, u64 rip, bool pauses)
{
	struct aerie_spin *s = &vcpu->sched.spin;
	u64 seen = s->rip;

	s->armed = false;
	s->rip = pauses ? rip : 0;
	if (pauses && rip - seen + NEAR_BYTES <= 2 * NEAR_BYTES) {
		s->in_a_row++;
		return true;
	}
	if (!pauses)
		s->in_a_row = 0;
	look_in(s, pauses ? s->ns / AGAIN_PART : s->ns);
	s->ns *= 2;
	return false;
}
