// SPDX-License-Identifier: GPL-2.0
/* SCHED_SET, SCHED_GET: how a VM's vCPUs are scheduled, and where their time went. */
#include <linux/bitops.h>
#include <linux/cpumask.h>
#include <linux/slab.h>

#include "dev/timer.h"
#include "nl.h"
#include "sched/sched.h"

/* Of a vCPU: numbers, times and waits, with their headers and the nest's. */
#define VCPU_FILL_MAX	(sizeof(struct vcpu_figures) + 168)
#define VM_FILL_MAX	(AERIE_PIN_MAX + sizeof(struct vcpu_figures) + 512)

struct vcpu_figures {
	u64 ns[AERIE_SCHED_STATES];
	u64 latency[AERIE_LATENCY_BUCKETS];
	u64 yields, capped, skew_ns, graces;
	u32 state;
};

static void figures_of(const struct aerie_vcpu *vcpu, u64 now, struct vcpu_figures *f)
{
	const struct aerie_vcpu_sched *s = &vcpu->sched;

	f->state = aerie_sched_time_read(&s->time, now, f->ns);
	memcpy(f->latency, s->latency, sizeof(f->latency));
	f->yields = READ_ONCE(s->yields);
	f->capped = READ_ONCE(s->capped);
	f->skew_ns = READ_ONCE(s->skew_max_ns);
	f->graces = READ_ONCE(s->grace.given);
}

static void figures_add(struct vcpu_figures *to, const struct vcpu_figures *f)
{
	unsigned int i;

	for (i = 0; i < AERIE_SCHED_STATES; i++)
		to->ns[i] += f->ns[i];
	for (i = 0; i < AERIE_LATENCY_BUCKETS; i++)
		to->latency[i] += f->latency[i];
	to->yields += f->yields;
	to->capped += f->capped;
	to->graces += f->graces;
	to->skew_ns = max(to->skew_ns, f->skew_ns);
}

static int put_figures(struct sk_buff *msg, const struct vcpu_figures *f)
{
	if (nla_put(msg, AERIE_A_SCHED_TIMES, sizeof(f->ns), f->ns) ||
	    nla_put(msg, AERIE_A_SCHED_LATENCY, sizeof(f->latency), f->latency) ||
	    nla_put_u64_64bit(msg, AERIE_A_SCHED_YIELDS, f->yields, AERIE_A_PAD) ||
	    nla_put_u64_64bit(msg, AERIE_A_SCHED_CAPPED, f->capped, AERIE_A_PAD) ||
	    nla_put_u64_64bit(msg, AERIE_A_SCHED_SKEW, f->skew_ns, AERIE_A_PAD) ||
	    nla_put_u64_64bit(msg, AERIE_A_SCHED_GRACES, f->graces, AERIE_A_PAD))
		return -EMSGSIZE;
	return 0;
}

static int put_vcpu(struct sk_buff *msg, const struct aerie_vcpu *vcpu,
		    const struct vcpu_figures *f)
{
	struct nlattr *nest = nla_nest_start(msg, AERIE_A_VCPU);

	if (!nest ||
	    nla_put_u32(msg, AERIE_A_VCPU_ID, vcpu->id) ||
	    nla_put_u32(msg, AERIE_A_TID, task_pid_nr(vcpu->task)) ||
	    nla_put_u32(msg, AERIE_A_SCHED_STATE, f->state) ||
	    nla_put_s32(msg, AERIE_A_SCHED_NICE, task_nice(vcpu->task)) ||
	    put_figures(msg, f))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int put_config(struct sk_buff *msg, struct aerie_vm *vm)
{
	const struct aerie_sched_config *c = &vm->sched.config;
	char *pin = kasprintf(GFP_KERNEL, "%*pbl", cpumask_pr_args(&c->pin));
	int err = pin ? 0 : -ENOMEM;

	if (!err &&
	    (nla_put_string(msg, AERIE_A_NAME, vm->config.name) ||
	     nla_put_u32(msg, AERIE_A_STATE, READ_ONCE(vm->state)) ||
	     nla_put_u32(msg, AERIE_A_VCPUS, hweight64(READ_ONCE(vm->vcpus_present))) ||
	     nla_put_u32(msg, AERIE_A_SCHED_WEIGHT, c->weight) ||
	     nla_put_u32(msg, AERIE_A_SCHED_CAP, c->cap_percent) ||
	     nla_put_string(msg, AERIE_A_SCHED_PIN, pin) ||
	     nla_put_u64_64bit(msg, AERIE_A_SCHED_PERIOD, c->period_ns, AERIE_A_PAD) ||
	     nla_put_u64_64bit(msg, AERIE_A_SCHED_BUDGET, c->budget_ns, AERIE_A_PAD)))
		err = -EMSGSIZE;
	kfree(pin);
	return err;
}

/* @each: with a list of the vCPUs, for which there must be room. */
static int sched_fill(struct sk_buff *msg, struct aerie_vm *vm, bool each)
{
	u64 now = aerie_now_ns();
	struct vcpu_figures *f = kcalloc(2, sizeof(*f), GFP_KERNEL), *sum = f + 1;
	struct nlattr *list = NULL;
	int err = f ? put_config(msg, vm) : -ENOMEM;
	u64 present = READ_ONCE(vm->vcpus_present);

	if (!err && each) {
		list = nla_nest_start(msg, AERIE_A_VCPU_LIST);
		err = list ? 0 : -EMSGSIZE;
	}
	for (; present && !err; present &= present - 1) {
		const struct aerie_vcpu *vcpu = vm->vcpus[__ffs(present)];

		figures_of(vcpu, now, f);
		figures_add(sum, f);
		if (each)
			err = put_vcpu(msg, vcpu, f);
	}
	if (!err && each)
		nla_nest_end(msg, list);
	if (!err)
		err = put_figures(msg, sum);
	kfree(f);
	return err;
}

int aerie_nl_sched_get(struct sk_buff *skb, struct genl_info *info)
{
	struct aerie_why why = {};
	struct aerie_vm *vm;
	struct sk_buff *msg;
	int err = -ENOMEM;
	void *hdr;

	vm = aerie_nl_vm(info);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	msg = aerie_nl_reply(info, VM_FILL_MAX + vm->nr_vcpus * VCPU_FILL_MAX, &hdr);
	if (msg)
		err = sched_fill(msg, vm, true);
	aerie_vm_put(vm);
	return aerie_nl_answer(info, msg, hdr, err, &why);
}

static int sched_fill_short(struct sk_buff *msg, struct aerie_vm *vm)
{
	return sched_fill(msg, vm, false);
}

int aerie_nl_sched_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	return aerie_nl_vms_dump(skb, cb, AERIE_CMD_SCHED_GET, sched_fill_short);
}

int aerie_nl_sched_set(struct sk_buff *skb, struct genl_info *info)
{
	struct aerie_sched_change *change = kzalloc(sizeof(*change), GFP_KERNEL);
	struct nlattr **attrs = info->attrs;
	struct aerie_why why = {};
	struct aerie_vm *vm;
	int err = 0;

	if (!change)
		return -ENOMEM;
	vm = aerie_nl_vm(info);
	if (IS_ERR(vm)) {
		kfree(change);
		return PTR_ERR(vm);
	}
	change->weight = attrs[AERIE_A_SCHED_WEIGHT];
	if (change->weight)
		change->to.weight = nla_get_u32(attrs[AERIE_A_SCHED_WEIGHT]);
	change->cap = attrs[AERIE_A_SCHED_CAP];
	if (change->cap)
		change->to.cap_percent = nla_get_u32(attrs[AERIE_A_SCHED_CAP]);
	change->period = attrs[AERIE_A_SCHED_PERIOD];
	if (change->period)
		change->to.period_ns = nla_get_u64(attrs[AERIE_A_SCHED_PERIOD]);
	change->budget = attrs[AERIE_A_SCHED_BUDGET];
	if (change->budget)
		change->to.budget_ns = nla_get_u64(attrs[AERIE_A_SCHED_BUDGET]);
	change->pin = attrs[AERIE_A_SCHED_PIN];
	if (change->pin && cpulist_parse(nla_data(attrs[AERIE_A_SCHED_PIN]), &change->to.pin))
		err = aerie_refuse(&why, -EINVAL, AERIE_A_SCHED_PIN,
				   "the host has no such processors; a list of them is as 0-2,5");
	if (!err)
		err = aerie_sched_change(vm, change, &why);
	aerie_vm_put(vm);
	kfree(change);
	return aerie_nl_refuse(info, err, &why);
}
