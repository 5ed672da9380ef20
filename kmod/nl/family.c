// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family: its commands, their policies, its registration.
 *
 * Every command demands CAP_NET_ADMIN, of the process and of whoever opened the
 * socket, in the initial user namespace. Every command has a policy of its own
 * that names all attributes it takes; the netlink core validates strictly, so a
 * handler sees attributes of the right type and size, or the request is refused
 * before it gets there. Handlers run in parallel, each in its caller's context;
 * all exclusion is the core's (aerie_vm.lock and what is behind control.h).
 */
#include <linux/module.h>

#include "nl.h"
#include "compat.h"

#define NL_NAME		{ .type = NLA_NUL_STRING, .len = AERIE_NAME_MAX }

/* The policies' array sizes and the limits of the core say the same. */
static_assert(AERIE_NAME_LEN == AERIE_NAME_MAX + 1);
static_assert(AERIE_VCPUS_MAX == AERIE_MAX_VCPUS);
static_assert(AERIE_SERIAL_LEN == AERIE_SERIAL_MAX);
static_assert(AERIE_GROUP_LEN == AERIE_GROUP_MAX + 1);
static_assert(AERIE_IFNAME_LEN == AERIE_BRIDGE_MAX + 1);
static_assert(AERIE_EXIT_BUCKETS == AERIE_HIST_BUCKETS);
static_assert((int)AERIE_VCPU_NR_STATES == (int)AERIE_SCHED_STATES);

static const struct netlink_range_validation memory_range = {
	.min = AERIE_MEMORY_MIN,
	.max = AERIE_MEMORY_MAX,
};

static const struct netlink_range_validation rate_range = {
	.max = AERIE_RATE_MAX,
};

static const struct netlink_range_validation burst_range = {
	.max = AERIE_BURST_MAX,
};

#define NL_RATE		NLA_POLICY_FULL_RANGE(NLA_U64, (void *)&rate_range)
#define NL_BURST	NLA_POLICY_FULL_RANGE(NLA_U32, (void *)&burst_range)

#define NL_VCPUS	NLA_POLICY_RANGE(NLA_U32, 1, AERIE_VCPUS_MAX)

static const struct nla_policy disk_policy[] = {
	[AERIE_A_DISK_FD] = NLA_POLICY_MIN(NLA_S32, 0),
	[AERIE_A_DISK_LAYERS] = { .type = NLA_BINARY,
				  .len = AERIE_DISK_LAYERS * 2 * sizeof(s32) },
	[AERIE_A_SERIAL] = { .type = NLA_NUL_STRING, .len = AERIE_SERIAL_MAX },
	[AERIE_A_IOPS] = NL_RATE,
	[AERIE_A_BPS] = NL_RATE,
	[AERIE_A_BURST_MS] = NL_BURST,
};

static const struct nla_policy disk_list_policy[] = {
	[AERIE_A_DISK] = NLA_POLICY_NESTED(disk_policy),
};

static const struct nla_policy nic_policy[] = {
	[AERIE_A_BRIDGE] = { .type = NLA_NUL_STRING, .len = AERIE_BRIDGE_MAX },
	[AERIE_A_MAC] = NLA_POLICY_EXACT_LEN(AERIE_MAC_LEN),
};

static const struct nla_policy nic_list_policy[] = {
	[AERIE_A_NIC] = NLA_POLICY_NESTED(nic_policy),
};

#define NL_BALLOON						\
	[AERIE_A_BALLOON] = { .type = NLA_U64 },		\
	[AERIE_A_BALLOON_AUTO] = { .type = NLA_FLAG },		\
	[AERIE_A_BALLOON_MIN] = { .type = NLA_U64 },		\
	[AERIE_A_BALLOON_MAX] = { .type = NLA_U64 }

static const struct nla_policy create_policy[] = {
	[AERIE_A_NAME] = NL_NAME,
	/* The cast: 6.1 does not promise to leave the range alone, but does. */
	[AERIE_A_MEMORY] = NLA_POLICY_FULL_RANGE(NLA_U64, (void *)&memory_range),
	[AERIE_A_VCPUS] = NL_VCPUS,
	[AERIE_A_KERNEL_FD] = NLA_POLICY_MIN(NLA_S32, 0),
	[AERIE_A_INITRD_FD] = NLA_POLICY_MIN(NLA_S32, 0),
	[AERIE_A_MODULE_FDS] = {
		.type = NLA_BINARY, .len = AERIE_MODULES_MAX * sizeof(s32)
	},
	[AERIE_A_CMDLINE] = { .type = NLA_NUL_STRING, .len = AERIE_CMDLINE_MAX },
	[AERIE_A_DISK_LIST] = NLA_POLICY_NESTED(disk_list_policy),
	[AERIE_A_NIC_LIST] = NLA_POLICY_NESTED(nic_list_policy),
	[AERIE_A_HVC] = { .type = NLA_FLAG },
	[AERIE_A_SHARE_GROUP] = { .type = NLA_NUL_STRING, .len = AERIE_GROUP_MAX },
	NL_BALLOON,
	[AERIE_A_VCPUS_MAX] = NL_VCPUS,
};

static const struct nla_policy cpus_policy[] = {
	[AERIE_A_NAME] = NL_NAME,
	[AERIE_A_VCPUS] = NL_VCPUS,
};

static const struct nla_policy share_set_policy[] = {
	[AERIE_A_SHARE_PERCENT] = NLA_POLICY_MAX(NLA_U32, 100),
};

static const struct nla_policy name_policy[] = {
	[AERIE_A_NAME] = NL_NAME,
};

static const struct nla_policy console_policy[] = {
	[AERIE_A_NAME] = NL_NAME,
	[AERIE_A_HVC] = { .type = NLA_FLAG },
};

static const struct nla_policy disk_set_policy[] = {
	[AERIE_A_NAME] = NL_NAME,
	[AERIE_A_DISK_NAME] = { .type = NLA_NUL_STRING, .len = AERIE_DISK_NAME_MAX },
	[AERIE_A_DISK_SIZE] = { .type = NLA_U64 },
	[AERIE_A_IOPS] = NL_RATE,
	[AERIE_A_BPS] = NL_RATE,
	[AERIE_A_BURST_MS] = NL_BURST,
};

static const struct nla_policy stat_policy[] = {
	[AERIE_A_NAME] = NL_NAME,
	[AERIE_A_VCPU_ID] = NLA_POLICY_RANGE(NLA_U32, 0, AERIE_VCPUS_MAX - 1),
	[AERIE_A_COST] = { .type = NLA_FLAG },
};

static const struct nla_policy attach_policy[] = {
	[AERIE_A_NAME] = NL_NAME,
	[AERIE_A_DISK_LIST] = NLA_POLICY_NESTED(disk_list_policy),
	[AERIE_A_NIC_LIST] = NLA_POLICY_NESTED(nic_list_policy),
	[AERIE_A_HVC] = { .type = NLA_FLAG },
	[AERIE_A_ENTROPY] = { .type = NLA_FLAG },
	NL_BALLOON,
};

static const struct nla_policy balloon_policy[] = {
	[AERIE_A_NAME] = NL_NAME,
	NL_BALLOON,
};

static const struct nla_policy mem_set_policy[] = {
	[AERIE_A_NAME] = NL_NAME,
	[AERIE_A_MEM_LIMIT] = { .type = NLA_U64 },
	[AERIE_A_MEM_RESERVE] = { .type = NLA_U64 },
	[AERIE_A_MEM_WEIGHT] = NLA_POLICY_RANGE(NLA_U32, 1, AERIE_WEIGHT_MAX),
	[AERIE_A_COUNT_WRITTEN] = NLA_POLICY_MAX(NLA_U8, 1),
};

static const struct netlink_range_validation period_range = {
	.min = AERIE_PERIOD_MIN,
	.max = AERIE_PERIOD_MAX,
};

static const struct nla_policy sched_set_policy[] = {
	[AERIE_A_NAME] = NL_NAME,
	[AERIE_A_SCHED_WEIGHT] = NLA_POLICY_RANGE(NLA_U32, 1, AERIE_WEIGHT_MAX),
	[AERIE_A_SCHED_CAP] = NLA_POLICY_MAX(NLA_U32, AERIE_CAP_MAX),
	[AERIE_A_SCHED_PIN] = { .type = NLA_NUL_STRING, .len = AERIE_PIN_MAX },
	[AERIE_A_SCHED_PERIOD] = NLA_POLICY_FULL_RANGE(NLA_U64, (void *)&period_range),
	[AERIE_A_SCHED_BUDGET] = { .type = NLA_U64 },
};

static const struct nla_policy swap_on_policy[] = {
	[AERIE_A_SWAP_FD] = { .type = NLA_U32 },
};

static const struct nla_policy swap_off_policy[] = {
	[AERIE_A_SWAP_PATH] = { .type = NLA_NUL_STRING, .len = PATH_MAX - 1 },
};

static const struct nla_policy mem_map_policy[] = {
	[AERIE_A_NAME] = NL_NAME,
	[AERIE_A_MAP_START] = { .type = NLA_U64 },
};

static const struct nla_policy pool_policy[] = {
	[AERIE_A_POOL_LIMIT] = { .type = NLA_U64 },
};

static const struct nla_policy detach_policy[] = {
	[AERIE_A_NAME] = NL_NAME,
	[AERIE_A_DEV_NAME] = NL_NAME,
	[AERIE_A_FORCE] = { .type = NLA_FLAG },
};

#define NL_POLICY(p)	.policy = (p), .maxattr = ARRAY_SIZE(p) - 1

#define NL_VM_OP(_cmd) {			\
	.cmd = (_cmd),				\
	.flags = GENL_ADMIN_PERM,		\
	NL_POLICY(name_policy),			\
	.doit = aerie_nl_vm_op,			\
}

/* A command without a policy takes no attributes: the netlink core sees to it. */
static const struct genl_ops family_ops[] = {
	{
		.cmd = AERIE_CMD_VERSION,
		.flags = GENL_ADMIN_PERM,
		.doit = aerie_nl_version,
	},
	{
		.cmd = AERIE_CMD_DOCTOR,
		.flags = GENL_ADMIN_PERM,
		.doit = aerie_nl_doctor,
	},
	{
		.cmd = AERIE_CMD_VM_CREATE,
		.flags = GENL_ADMIN_PERM,
		NL_POLICY(create_policy),
		.doit = aerie_nl_vm_create,
	},
	NL_VM_OP(AERIE_CMD_VM_START),
	NL_VM_OP(AERIE_CMD_VM_PAUSE),
	NL_VM_OP(AERIE_CMD_VM_RESUME),
	NL_VM_OP(AERIE_CMD_VM_RESET),
	NL_VM_OP(AERIE_CMD_VM_POWER_BUTTON),
	NL_VM_OP(AERIE_CMD_VM_STOP),
	NL_VM_OP(AERIE_CMD_VM_DESTROY),
	{
		.cmd = AERIE_CMD_VM_GET,
		.flags = GENL_ADMIN_PERM,
		NL_POLICY(name_policy),
		.doit = aerie_nl_vm_get,
		.start = aerie_nl_vm_dump_start,
		.dumpit = aerie_nl_vm_dump,
	},
	{
		.cmd = AERIE_CMD_STAT_GET,
		.flags = GENL_ADMIN_PERM,
		NL_POLICY(stat_policy),
		.doit = aerie_nl_stat_get,
	},
	{
		.cmd = AERIE_CMD_CONSOLE_OPEN,
		.flags = GENL_ADMIN_PERM,
		NL_POLICY(console_policy),
		.doit = aerie_nl_console_open,
	},
	{
		.cmd = AERIE_CMD_DISK_SET,
		.flags = GENL_ADMIN_PERM,
		NL_POLICY(disk_set_policy),
		.doit = aerie_nl_disk_set,
	},
	{
		.cmd = AERIE_CMD_DEV_ATTACH,
		.flags = GENL_ADMIN_PERM,
		NL_POLICY(attach_policy),
		.doit = aerie_nl_dev_attach,
	},
	{
		.cmd = AERIE_CMD_DEV_DETACH,
		.flags = GENL_ADMIN_PERM,
		NL_POLICY(detach_policy),
		.doit = aerie_nl_dev_detach,
	},
	{
		.cmd = AERIE_CMD_DEV_GET,
		.flags = GENL_ADMIN_PERM,
		NL_POLICY(name_policy),
		.start = aerie_nl_dev_dump_start,
		.dumpit = aerie_nl_dev_dump,
		.done = aerie_nl_dev_dump_done,
	},
	{
		.cmd = AERIE_CMD_MEM_GET,
		.flags = GENL_ADMIN_PERM,
		NL_POLICY(name_policy),
		.doit = aerie_nl_mem_get,
		.start = aerie_nl_vm_dump_start,
		.dumpit = aerie_nl_mem_dump,
	},
	{
		.cmd = AERIE_CMD_BALLOON_SET,
		.flags = GENL_ADMIN_PERM,
		NL_POLICY(balloon_policy),
		.doit = aerie_nl_balloon_set,
	},
	{
		.cmd = AERIE_CMD_MEM_SET,
		.flags = GENL_ADMIN_PERM,
		NL_POLICY(mem_set_policy),
		.doit = aerie_nl_mem_set,
	},
	{
		.cmd = AERIE_CMD_SCHED_SET,
		.flags = GENL_ADMIN_PERM,
		NL_POLICY(sched_set_policy),
		.doit = aerie_nl_sched_set,
	},
	{
		.cmd = AERIE_CMD_SCHED_GET,
		.flags = GENL_ADMIN_PERM,
		NL_POLICY(name_policy),
		.doit = aerie_nl_sched_get,
		.start = aerie_nl_vm_dump_start,
		.dumpit = aerie_nl_sched_dump,
	},
	{
		.cmd = AERIE_CMD_MEM_MAP,
		.flags = GENL_ADMIN_PERM,
		NL_POLICY(mem_map_policy),
		.doit = aerie_nl_mem_map,
	},
	{
		.cmd = AERIE_CMD_POOL_SET,
		.flags = GENL_ADMIN_PERM,
		NL_POLICY(pool_policy),
		.doit = aerie_nl_pool_set,
	},
	{
		.cmd = AERIE_CMD_SWAP_ON,
		.flags = GENL_ADMIN_PERM,
		NL_POLICY(swap_on_policy),
		.doit = aerie_nl_swap_on,
	},
	{
		.cmd = AERIE_CMD_SWAP_OFF,
		.flags = GENL_ADMIN_PERM,
		NL_POLICY(swap_off_policy),
		.doit = aerie_nl_swap_off,
	},
	{
		.cmd = AERIE_CMD_SWAP_GET,
		.flags = GENL_ADMIN_PERM,
		NL_POLICY(name_policy),
		.dumpit = aerie_nl_swap_dump,
	},
	{
		.cmd = AERIE_CMD_CPUS_SET,
		.flags = GENL_ADMIN_PERM,
		NL_POLICY(cpus_policy),
		.doit = aerie_nl_cpus_set,
	},
	{
		.cmd = AERIE_CMD_SHARE_SET,
		.flags = GENL_ADMIN_PERM,
		NL_POLICY(share_set_policy),
		.doit = aerie_nl_share_set,
	},
	{
		.cmd = AERIE_CMD_SHARE_GET,
		.flags = GENL_ADMIN_PERM,
		NL_POLICY(name_policy),
		.start = aerie_nl_share_dump_start,
		.dumpit = aerie_nl_share_dump,
		.done = aerie_nl_share_dump_done,
	},
};

static const struct genl_multicast_group family_groups[] = {
	[AERIE_NL_GROUP_EVENTS] = {
		.name = AERIE_GENL_GROUP_EVENTS,
		.flags = COMPAT_GENL_MCAST_NET_ADMIN,
	},
};

struct genl_family aerie_nl_family __ro_after_init = {
	.name = AERIE_GENL_NAME,
	.version = AERIE_GENL_VERSION,
	.module = THIS_MODULE,
	.parallel_ops = true,
	.ops = family_ops,
	.n_ops = ARRAY_SIZE(family_ops),
	.mcgrps = family_groups,
	.n_mcgrps = ARRAY_SIZE(family_groups),
};

int aerie_nl_refuse(struct genl_info *info, int err, const struct aerie_why *why)
{
	struct nlattr *attr;

	if (!err || !why->msg || !info->extack)
		return err;
	info->extack->_msg = why->msg;
	if (!why->attr)
		return err;
	attr = nlmsg_find_attr(info->nlhdr, GENL_HDRLEN, why->attr);
	if (attr)
		NL_SET_BAD_ATTR(info->extack, attr);
	return err;
}

int aerie_nl_answer(struct genl_info *info, struct sk_buff *msg, void *hdr, int err,
		    const struct aerie_why *why)
{
	if (err) {
		nlmsg_free(msg);
		return aerie_nl_refuse(info, err, why);
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

struct aerie_vm *aerie_nl_vm(struct genl_info *info)
{
	struct aerie_why why = { .msg = "no such VM", .attr = AERIE_A_NAME };
	struct aerie_vm *vm;

	if (GENL_REQ_ATTR_CHECK(info, AERIE_A_NAME)) {
		NL_SET_ERR_MSG(info->extack, "the name of the VM is missing");
		return ERR_PTR(-EINVAL);
	}
	vm = aerie_vm_find(nla_data(info->attrs[AERIE_A_NAME]));
	return vm ?: ERR_PTR(aerie_nl_refuse(info, -ENOENT, &why));
}

struct sk_buff *aerie_nl_reply(struct genl_info *info, size_t payload, void **hdr)
{
	struct sk_buff *skb = genlmsg_new(payload, GFP_KERNEL);

	if (!skb)
		return NULL;
	*hdr = genlmsg_put_reply(skb, info, &aerie_nl_family, 0, info->genlhdr->cmd);
	if (!*hdr) {
		nlmsg_free(skb);
		return NULL;
	}
	return skb;
}

/**
 * aerie_nl_init() - open the wire; commands can arrive before it returns
 *
 * Context: module load, last step. Return: 0 or -errno.
 */
int __init aerie_nl_init(void)
{
	return genl_register_family(&aerie_nl_family);
}

/**
 * aerie_nl_exit() - close the wire; no handler runs after it
 *
 * Context: module unload, first step, or after a failed load.
 */
void aerie_nl_exit(void)
{
	/* No VM is left, nor can be made: these are the last events. */
	aerie_nl_event_flush();
	genl_unregister_family(&aerie_nl_family);
}
