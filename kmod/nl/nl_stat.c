// SPDX-License-Identifier: GPL-2.0
/* STAT_GET: exits by kind, of one vCPU or of all, and what the switch costs. */
#include <linux/slab.h>

#include "backend.h"
#include "core/policy.h"
#include "nl.h"

/* Name, four counters, histogram, with their headers and the nest's. */
#define STAT_FILL_MAX	(512 * AERIE_NR_EXIT_KINDS + 1024)

static int put_exit(struct sk_buff *msg, const char *name, const struct aerie_exit_stat *stat)
{
	struct nlattr *nest = nla_nest_start(msg, AERIE_A_EXIT);

	if (!nest ||
	    nla_put_string(msg, AERIE_A_EXIT_NAME, name) ||
	    nla_put_u64_64bit(msg, AERIE_A_EXIT_COUNT, stat->count, AERIE_A_PAD) ||
	    nla_put_u64_64bit(msg, AERIE_A_EXIT_TOTAL, stat->total_tsc, AERIE_A_PAD) ||
	    nla_put_u64_64bit(msg, AERIE_A_EXIT_MIN, stat->min_tsc, AERIE_A_PAD) ||
	    nla_put_u64_64bit(msg, AERIE_A_EXIT_MAX, stat->max_tsc, AERIE_A_PAD) ||
	    nla_put(msg, AERIE_A_EXIT_HIST, sizeof(stat->hist), stat->hist))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int stat_fill(struct sk_buff *msg, const struct aerie_vm *vm,
		     const struct aerie_vcpu_stats *stats)
{
	struct nlattr *list;
	unsigned int i;

	if (nla_put_string(msg, AERIE_A_NAME, vm->config.name) ||
	    nla_put_u32(msg, AERIE_A_TSC_KHZ, aerie_tsc_khz()))
		return -EMSGSIZE;
	list = nla_nest_start(msg, AERIE_A_EXIT_LIST);
	if (!list)
		return -EMSGSIZE;
	for (i = 0; i < AERIE_NR_EXIT_KINDS; i++) {
		if (stats->exits[i].count &&
		    put_exit(msg, aerie_exit_names[i], &stats->exits[i]))
			return -EMSGSIZE;
	}
	nla_nest_end(msg, list);
	return 0;
}

/* Counters go on counting while they are read: each is right, their sum nearly. */
static int stat_collect(struct aerie_vm *vm, const struct nlattr *which,
			struct aerie_vcpu_stats *stats, struct aerie_why *why)
{
	u32 id;

	if (!which) {
		aerie_vm_stats(vm, stats);
		return 0;
	}
	id = nla_get_u32(which);
	if (id >= vm->nr_vcpus)
		return aerie_refuse(why, -EINVAL, AERIE_A_VCPU_ID, "the VM has no such vCPU");
	*stats = *vm->vcpus[id]->stats;
	return 0;
}

/* @which is a vCPU that there is, or NULL. */
static int put_cost(struct sk_buff *msg, struct aerie_vm *vm, const struct nlattr *which,
		    struct aerie_why *why)
{
	struct aerie_cost cost;
	int err = aerie_vm_cost(vm, which ? nla_get_u32(which) : 0, &cost, why);
	u64 parts = cost.host_state + cost.mitigations;

	if (err)
		return err;
	/* The sum is what was measured as a whole, unless the parts alone took longer. */
	if (nla_put_u64_64bit(msg, AERIE_A_COST_SWITCH, max(cost.trip, parts) - parts,
			      AERIE_A_PAD) ||
	    nla_put_u64_64bit(msg, AERIE_A_COST_HOST_STATE, cost.host_state, AERIE_A_PAD) ||
	    nla_put_u64_64bit(msg, AERIE_A_COST_MITIGATIONS, cost.mitigations, AERIE_A_PAD))
		return -EMSGSIZE;
	return 0;
}

int aerie_nl_stat_get(struct sk_buff *skb, struct genl_info *info)
{
	struct aerie_vcpu_stats *stats;
	struct sk_buff *msg = NULL;
	struct aerie_why why = {};
	struct aerie_vm *vm;
	int err = -ENOMEM;
	void *hdr;

	vm = aerie_nl_vm(info);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	stats = kmalloc(sizeof(*stats), GFP_KERNEL);
	if (stats)
		err = stat_collect(vm, info->attrs[AERIE_A_VCPU_ID], stats, &why);
	if (!err) {
		msg = aerie_nl_reply(info, STAT_FILL_MAX, &hdr);
		err = msg ? stat_fill(msg, vm, stats) : -ENOMEM;
	}
	if (!err && info->attrs[AERIE_A_COST])
		err = put_cost(msg, vm, info->attrs[AERIE_A_VCPU_ID], &why);
	kfree(stats);
	aerie_vm_put(vm);
	return aerie_nl_answer(info, msg, hdr, err, &why);
}
