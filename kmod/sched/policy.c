// SPDX-License-Identifier: GPL-2.0
/*
 * What the user wants of a VM's scheduling, put to its vCPUs' threads: which processors
 * they may run on, and what is reserved for them. Weight and cap the threads see to
 * themselves.
 *
 * A reservation is the host's SCHED_DEADLINE: its scheduler admits no more than there
 * is and lets nobody have more than its own. All vCPUs that a guest has get it, or none;
 * those that come later with the vCPU, or it does not come.
 */
#include <linux/bitops.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <uapi/linux/sched/types.h>

#include "core/core.h"
#include "core/place.h"
#include "dev/timer.h"
#include "sched/sched.h"
#include "uapi.h"

static int set_policy(struct task_struct *task, const struct aerie_sched_config *c)
{
	struct sched_attr attr = {
		.size = sizeof(attr),
		.sched_policy = SCHED_NORMAL,
		.sched_nice = task_nice(task),
	};

	if (c) {
		attr.sched_policy = SCHED_DEADLINE;
		attr.sched_runtime = c->budget_ns;
		attr.sched_deadline = attr.sched_period = c->period_ns;
	}
	return sched_setattr_nocheck(task, &attr);
}

void aerie_sched_vm_init(struct aerie_vm *vm)
{
	vm->sched.config.weight = AERIE_SCHED_WEIGHT;
	mutex_init(&vm->sched.policy_lock);
}

/*
 * A thread leaves by itself: of one that sleeps the host's scheduler never takes back what
 * it had admitted (switched_from_dl() in kernel/sched/deadline.c does nothing about it).
 */
void aerie_sched_unreserve(struct aerie_vcpu *vcpu)
{
	struct mutex *lock = &vcpu->vm->sched.policy_lock;

	if (likely(!test_bit(AERIE_REQ_UNRESERVE, &vcpu->requests)))
		return;
	mutex_lock(lock);
	/* One that was refused has another policy, maybe somebody's own. */
	if (test_and_clear_bit(AERIE_REQ_UNRESERVE, &vcpu->requests) &&
	    current->policy == SCHED_DEADLINE)
		set_policy(current, NULL);
	mutex_unlock(lock);
}

static int reserve(struct aerie_vcpu *vcpu, const struct aerie_sched_config *c)
{
	int err;

	mutex_lock(&vcpu->vm->sched.policy_lock);
	err = set_policy(vcpu->task, c);
	if (!err)
		clear_bit(AERIE_REQ_UNRESERVE, &vcpu->requests);
	mutex_unlock(&vcpu->vm->sched.policy_lock);
	return err;
}

static bool same_reservation(const struct aerie_sched_config *a,
			     const struct aerie_sched_config *b)
{
	return a->budget_ns == b->budget_ns && a->period_ns == b->period_ns;
}

static int reserve_each(struct aerie_vm *vm, u64 vcpus, const struct aerie_sched_config *c)
{
	int err = 0;

	for (; vcpus && !err; vcpus &= vcpus - 1)
		err = reserve(vm->vcpus[__ffs(vcpus)], c);
	return err;
}

/* What they had is free at the end of the period. */
static void leave_each(struct aerie_vm *vm, u64 vcpus)
{
	for (; vcpus; vcpus &= vcpus - 1)
		aerie_vcpu_request(vm->vcpus[__ffs(vcpus)], AERIE_REQ_UNRESERVE);
}

/* For the threads of the vCPUs in @to and no others, or as before. */
static int reserve_all(struct aerie_vm *vm, const struct aerie_sched_config *config, u64 to,
		       struct aerie_why *why)
{
	const struct aerie_sched_config *old = &vm->sched.config;
	const u64 had = vm->sched.reserved;
	const u64 come = same_reservation(config, old) ? to & ~had : to;
	int err = reserve_each(vm, come, config);

	if (!err) {
		leave_each(vm, had & ~to);
		vm->sched.reserved = to;
		return 0;
	}
	leave_each(vm, come & ~had);
	reserve_each(vm, come & had, old);
	return aerie_refuse(why, err, AERIE_A_SCHED_BUDGET, err == -EBUSY ?
			    "the processors have no room for so much beside what is reserved already" :
			    "the host's scheduler takes no such reservation");
}

/* Only vCPUs that there are. */
static int reserve_present(struct aerie_vm *vm, const struct aerie_sched_config *config, u64 more,
			   struct aerie_why *why)
{
	const u64 there = READ_ONCE(vm->vcpus_present) | more;

	return reserve_all(vm, config, config->budget_ns ? there : 0, why);
}

int aerie_sched_follow(struct aerie_vm *vm, u64 coming, struct aerie_why *why)
{
	lockdep_assert_held(&vm->lock);
	return reserve_present(vm, &vm->sched.config, coming, why);
}

static int pin_all(struct aerie_vm *vm, const struct aerie_sched_config *config)
{
	int err = 0;
	u32 n;

	for (n = 0; n < vm->nr_vcpus && !err; n++)
		err = aerie_place(vm->vcpus[n]->task, &config->pin);
	return err;
}

/* All of @config, or nothing. */
static int apply(struct aerie_vm *vm, const struct aerie_sched_config *config,
		 struct aerie_why *why)
{
	struct aerie_sched_config *old = &vm->sched.config;
	/* Where it is not said, threads stay where somebody may have put them. */
	const bool pin = !cpumask_equal(&config->pin, &old->pin);
	int err = pin ? pin_all(vm, config) : 0;

	if (err)
		aerie_refuse(why, err, AERIE_A_SCHED_PIN, "none of these processors can be used");
	else
		err = reserve_present(vm, config, 0, why);
	if (err) {
		if (pin)
			pin_all(vm, old);
		return err;
	}
	if (config->cap_percent != old->cap_percent)
		aerie_cap_set(&vm->sched.cap, config->cap_percent, aerie_now_ns());
	*old = *config;
	return 0;
}

static int check(const struct aerie_sched_config *c, struct aerie_why *why)
{
	if (!c->budget_ns)
		return 0;
	if (!c->period_ns)
		return aerie_refuse(why, -EINVAL, AERIE_A_SCHED_PERIOD,
				    "a budget is had in a period: say which");
	if (c->budget_ns > c->period_ns)
		return aerie_refuse(why, -ERANGE, AERIE_A_SCHED_BUDGET,
				    "the budget is longer than its period");
	if (c->budget_ns < AERIE_BUDGET_MIN)
		return aerie_refuse(why, -ERANGE, AERIE_A_SCHED_BUDGET,
				    "the budget is shorter than 10 us");
	return 0;
}

static void merge(struct aerie_sched_config *c, const struct aerie_sched_change *change)
{
	if (change->weight)
		c->weight = change->to.weight;
	if (change->cap)
		c->cap_percent = change->to.cap_percent;
	if (change->period)
		c->period_ns = change->to.period_ns;
	if (change->budget)
		c->budget_ns = change->to.budget_ns;
	if (change->pin)
		c->pin = change->to.pin;
}

int aerie_sched_change(struct aerie_vm *vm, const struct aerie_sched_change *change,
		       struct aerie_why *why)
{
	struct aerie_sched_config *config = kmalloc(sizeof(*config), GFP_KERNEL);
	int err;

	if (!config)
		return -ENOMEM;
	err = aerie_vm_lock(vm, why);
	if (!err) {
		*config = vm->sched.config;
		merge(config, change);
		err = check(config, why) ?: apply(vm, config, why);
		mutex_unlock(&vm->lock);
	}
	kfree(config);
	return err;
}
