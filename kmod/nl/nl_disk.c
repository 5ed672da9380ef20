// SPDX-License-Identifier: GPL-2.0
/* DISK_SET: the size of a disk and what it may do, asked for and changed at any time. */
#include "nl.h"

static u64 u64_or(const struct nlattr *attr, u64 other)
{
	return attr ? nla_get_u64(attr) : other;
}

static u32 u32_or(const struct nlattr *attr, u32 other)
{
	return attr ? nla_get_u32(attr) : other;
}

void aerie_nl_disk_limit(const struct nlattr *nest, struct aerie_disk_limit *limit)
{
	limit->iops = u64_or(nla_find_nested(nest, AERIE_A_IOPS), 0);
	limit->bps = u64_or(nla_find_nested(nest, AERIE_A_BPS), 0);
	limit->burst_ms = u32_or(nla_find_nested(nest, AERIE_A_BURST_MS), AERIE_BURST_DEFAULT);
}

static void change_get(struct aerie_disk_change *change, struct nlattr **attrs)
{
	*change = (struct aerie_disk_change){
		.name = nla_data(attrs[AERIE_A_DISK_NAME]),
		.resize = attrs[AERIE_A_DISK_SIZE],
		.iops = attrs[AERIE_A_IOPS],
		.bps = attrs[AERIE_A_BPS],
		.burst_ms = attrs[AERIE_A_BURST_MS],
		.bytes = u64_or(attrs[AERIE_A_DISK_SIZE], 0),
		.limit.iops = u64_or(attrs[AERIE_A_IOPS], 0),
		.limit.bps = u64_or(attrs[AERIE_A_BPS], 0),
		.limit.burst_ms = u32_or(attrs[AERIE_A_BURST_MS], 0),
	};
}

int aerie_nl_disk_put(struct sk_buff *msg, const struct aerie_disk_info *disk)
{
	return nla_put_u64_64bit(msg, AERIE_A_DISK_SIZE, disk->bytes, AERIE_A_PAD) ?:
	       nla_put_u64_64bit(msg, AERIE_A_IOPS, disk->limit.iops, AERIE_A_PAD) ?:
	       nla_put_u64_64bit(msg, AERIE_A_BPS, disk->limit.bps, AERIE_A_PAD) ?:
	       nla_put_u32(msg, AERIE_A_BURST_MS, disk->limit.burst_ms);
}

static int disk_reply(struct sk_buff *msg, void *hdr, const struct aerie_disk_info *disk,
		      struct genl_info *info)
{
	if (aerie_nl_disk_put(msg, disk)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

int aerie_nl_disk_set(struct sk_buff *skb, struct genl_info *info)
{
	struct aerie_disk_change change;
	struct aerie_disk_info disk;
	struct aerie_why why = {};
	struct aerie_vm *vm;
	struct sk_buff *msg;
	int err = -ENOMEM;
	void *hdr;

	if (GENL_REQ_ATTR_CHECK(info, AERIE_A_DISK_NAME)) {
		NL_SET_ERR_MSG(info->extack, "the name of the disk is missing");
		return -EINVAL;
	}
	vm = aerie_nl_vm(info);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	change_get(&change, info->attrs);
	msg = aerie_nl_reply(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (msg)
		err = aerie_vm_disk_change(vm, &change, &disk, &why);
	aerie_vm_put(vm);
	if (!err)
		return disk_reply(msg, hdr, &disk, info);
	nlmsg_free(msg);
	return aerie_nl_refuse(info, err, &why);
}
