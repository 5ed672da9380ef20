// SPDX-License-Identifier: GPL-2.0
/* SWAP_ON, SWAP_OFF, SWAP_GET: files that guest memory goes to. */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include "nl.h"

int aerie_nl_swap_on(struct sk_buff *skb, struct genl_info *info)
{
	struct aerie_why why = {};
	struct file *file;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, AERIE_A_SWAP_FD)) {
		NL_SET_ERR_MSG(info->extack, "the descriptor of the swap file is missing");
		return -EINVAL;
	}
	file = aerie_nl_file(nla_get_u32(info->attrs[AERIE_A_SWAP_FD]), AERIE_A_SWAP_FD, &why);
	if (IS_ERR(file))
		return aerie_nl_refuse(info, PTR_ERR(file), &why);
	err = aerie_swapfile_on(file, &why);
	if (err)
		fput(file);
	return aerie_nl_refuse(info, err, &why);
}

int aerie_nl_swap_off(struct sk_buff *skb, struct genl_info *info)
{
	struct aerie_why why = {};
	int err;

	if (GENL_REQ_ATTR_CHECK(info, AERIE_A_SWAP_PATH)) {
		NL_SET_ERR_MSG(info->extack, "the path of the swap file is missing");
		return -EINVAL;
	}
	err = aerie_swapfile_off(nla_data(info->attrs[AERIE_A_SWAP_PATH]), &why);
	return aerie_nl_refuse(info, err, &why);
}

static int swap_put(struct sk_buff *skb, struct netlink_callback *cb,
		    const struct aerie_swapfile_info *info)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				&aerie_nl_family, NLM_F_MULTI, AERIE_CMD_SWAP_GET);

	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_string(skb, AERIE_A_SWAP_PATH, info->path) ||
	    nla_put_u64_64bit(skb, AERIE_A_SWAP_SIZE, info->bytes, AERIE_A_PAD) ||
	    nla_put_u64_64bit(skb, AERIE_A_SWAP_USED, info->used, AERIE_A_PAD)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/* cb->args[0] is the next one to tell. */
int aerie_nl_swap_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct aerie_swapfile_info *info = kmalloc(sizeof(*info), GFP_KERNEL);
	unsigned int id = cb->args[0];
	int err = 0;

	if (!info)
		return -ENOMEM;
	while (!err && aerie_swapfile_next(&id, info)) {
		err = swap_put(skb, cb, info);
		if (!err)
			cb->args[0] = ++id;
	}
	kfree(info);
	return skb->len ? skb->len : err;
}
