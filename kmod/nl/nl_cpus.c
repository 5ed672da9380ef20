// SPDX-License-Identifier: GPL-2.0
/* How many vCPUs a guest has, and is to have. */
#include "nl.h"

static int put_cpus(struct sk_buff *msg, const struct aerie_cpus_info *cpus)
{
	return nla_put_u32(msg, AERIE_A_VCPUS, cpus->present) ?:
	       nla_put_u32(msg, AERIE_A_VCPUS_WANTED, cpus->wanted) ?:
	       nla_put_u32(msg, AERIE_A_VCPUS_MAX, cpus->possible) ?:
	       nla_put_u32(msg, AERIE_A_VCPUS_ONLINE, cpus->online);
}

/* A reply that cannot be delivered takes nothing back: asked again, it tells what is. */
int aerie_nl_cpus_set(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *wanted = info->attrs[AERIE_A_VCPUS];
	struct aerie_vm *vm = aerie_nl_vm(info);
	struct aerie_cpus_info cpus;
	struct aerie_why why = {};
	struct sk_buff *msg;
	int err = -ENOMEM;
	void *hdr = NULL;

	if (IS_ERR(vm))
		return PTR_ERR(vm);
	msg = aerie_nl_reply(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (msg)
		err = aerie_vm_cpus(vm, wanted ? nla_get_u32(wanted) : 0, &cpus, &why) ?:
		      put_cpus(msg, &cpus);
	aerie_vm_put(vm);
	return aerie_nl_answer(info, msg, hdr, err, &why);
}
