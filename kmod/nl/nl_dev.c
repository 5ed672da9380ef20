// SPDX-License-Identifier: GPL-2.0
/* Devices of a VM: attach, detach, list. */
#include <linux/slab.h>

#include "nl.h"
#include "compat.h"
#include "dev/chips.h"
#include "dev/device.h"
#include "dev/pci.h"

/* Attach and detach answer alike. */
static int plug_reply(struct sk_buff *msg, void *hdr, const struct aerie_plug *plug,
		      struct genl_info *info)
{
	if (nla_put_string(msg, AERIE_A_DEV_NAME, plug->name) ||
	    nla_put_u32(msg, AERIE_A_DEV_ID, plug->id) ||
	    nla_put_u32(msg, AERIE_A_SLOT, plug->slot) ||
	    (plug->asked && nla_put_flag(msg, AERIE_A_DEV_ASKED))) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

/* A reply that cannot be delivered takes nothing back: DEV_GET tells what there is. */
int aerie_nl_dev_attach(struct sk_buff *skb, struct genl_info *info)
{
	struct aerie_vm_config what = {
		.entropy = info->attrs[AERIE_A_ENTROPY],
	};
	struct aerie_vm *vm = aerie_nl_vm(info);
	struct aerie_why why = {};
	struct aerie_plug plug;
	struct sk_buff *msg;
	int err = -ENOMEM;
	void *hdr;

	if (IS_ERR(vm))
		return PTR_ERR(vm);
	msg = aerie_nl_reply(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (msg)
		err = aerie_nl_devices(&what, info->attrs, &why);
	if (!err)
		err = aerie_vm_attach(vm, &what, &plug, &why);
	aerie_vm_config_free(&what);
	aerie_vm_put(vm);
	if (!err)
		return plug_reply(msg, hdr, &plug, info);
	nlmsg_free(msg);
	return aerie_nl_refuse(info, err, &why);
}

int aerie_nl_dev_detach(struct sk_buff *skb, struct genl_info *info)
{
	struct aerie_why why = {};
	struct aerie_plug plug;
	struct aerie_vm *vm;
	struct sk_buff *msg;
	int err = -ENOMEM;
	void *hdr;

	if (GENL_REQ_ATTR_CHECK(info, AERIE_A_DEV_NAME)) {
		NL_SET_ERR_MSG(info->extack, "the name of the device is missing");
		return -EINVAL;
	}
	vm = aerie_nl_vm(info);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	msg = aerie_nl_reply(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (msg)
		err = aerie_vm_detach(vm, nla_data(info->attrs[AERIE_A_DEV_NAME]),
				      info->attrs[AERIE_A_FORCE], &plug, &why);
	aerie_vm_put(vm);
	if (!err)
		return plug_reply(msg, hdr, &plug, info);
	nlmsg_free(msg);
	return aerie_nl_refuse(info, err, &why);
}

/* ---- The list ------------------------------------------------------------- */

/* Room for a device: path, names, and queues at 32 bytes each. */
#define DEV_FILL_MAX	(PATH_MAX + AERIE_DEV_QUEUES * 64 + 512)

struct dump {
	struct sk_buff *skb;
	struct netlink_callback *cb;
	struct aerie_dev_info *info;
};

static int put_queues(struct sk_buff *skb, const struct aerie_dev_info *info)
{
	struct nlattr *list, *nest;
	u32 i;

	list = nla_nest_start(skb, AERIE_A_QUEUE_LIST);
	if (!list)
		return -EMSGSIZE;
	for (i = 0; i < info->nr_queues; i++) {
		nest = nla_nest_start(skb, AERIE_A_QUEUE);
		if (!nest ||
		    nla_put_u64_64bit(skb, AERIE_A_QUEUE_REQUESTS, info->queues[i].requests,
				      AERIE_A_PAD) ||
		    nla_put_u64_64bit(skb, AERIE_A_QUEUE_INTERRUPTS, info->queues[i].interrupts,
				      AERIE_A_PAD))
			return -EMSGSIZE;
		nla_nest_end(skb, nest);
	}
	nla_nest_end(skb, list);
	return 0;
}

static int dev_fill(struct sk_buff *skb, struct aerie_dev *dev, const struct aerie_dev_info *info)
{
	if (nla_put_string(skb, AERIE_A_DEV_NAME, dev->name) ||
	    nla_put_u32(skb, AERIE_A_DEV_ID, dev->id) ||
	    nla_put_string(skb, AERIE_A_DEV_KIND, info->kind) ||
	    nla_put_u32(skb, AERIE_A_SLOT, dev->pci->slot) ||
	    (info->backing[0] && nla_put_string(skb, AERIE_A_BACKING, info->backing)) ||
	    (info->serial[0] && nla_put_string(skb, AERIE_A_SERIAL, info->serial)) ||
	    (info->read_only && nla_put_flag(skb, AERIE_A_READ_ONLY)) ||
	    (info->disk.bytes && aerie_nl_disk_put(skb, &info->disk)) ||
	    (info->ifindex && (nla_put_u32(skb, AERIE_A_IFINDEX, info->ifindex) ||
			       nla_put(skb, AERIE_A_MAC, sizeof(info->mac), info->mac))) ||
	    (info->bridge[0] && nla_put_string(skb, AERIE_A_BRIDGE, info->bridge)) ||
	    (aerie_hotplug_asked(dev->vm, dev->pci->slot) &&
	     nla_put_flag(skb, AERIE_A_DEV_ASKED)))
		return -EMSGSIZE;
	return put_queues(skb, info);
}

static int dev_dump(struct aerie_dev *dev, void *arg)
{
	struct dump *d = arg;
	void *hdr = genlmsg_put(d->skb, NETLINK_CB(d->cb->skb).portid, d->cb->nlh->nlmsg_seq,
				&aerie_nl_family, NLM_F_MULTI, AERIE_CMD_DEV_GET);

	if (!hdr)
		return -EMSGSIZE;
	memset(d->info, 0, sizeof(*d->info));
	dev->ops->describe(dev, d->info);
	if (dev_fill(d->skb, dev, d->info)) {
		genlmsg_cancel(d->skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(d->skb, hdr);
	d->cb->args[1] = (u64)dev->id + 1;
	return 0;
}

/* cb->args: the VM, by reference; the lowest ID of a device not told yet. */
int aerie_nl_dev_dump_start(struct netlink_callback *cb)
{
	const struct nlattr *name = compat_genl_dump_attrs(cb)[AERIE_A_NAME];
	struct aerie_vm *vm;

	if (!name) {
		NL_SET_ERR_MSG(cb->extack, "the name of the VM is missing");
		return -EINVAL;
	}
	vm = aerie_vm_find(nla_data(name));
	if (!vm) {
		NL_SET_ERR_MSG_ATTR(cb->extack, name, "no such VM");
		return -ENOENT;
	}
	cb->args[0] = (long)vm;
	/* One device must fit whatever the reader's buffer was so far. */
	cb->min_dump_alloc = DEV_FILL_MAX + NLMSG_HDRLEN + GENL_HDRLEN;
	return 0;
}

int aerie_nl_dev_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct aerie_vm *vm = (void *)cb->args[0];
	struct dump d = { .skb = skb, .cb = cb };
	int err = 0;

	d.info = kmalloc(sizeof(*d.info), GFP_KERNEL);
	if (!d.info)
		return -ENOMEM;
	while (!err)
		err = aerie_device_describe(vm, cb->args[1], dev_dump, &d);
	kfree(d.info);
	if (err == -ENOENT)
		return skb->len;
	/* A full message is sent and the dump goes on; an empty one has no room at all. */
	return skb->len ? skb->len : err;
}

int aerie_nl_dev_dump_done(struct netlink_callback *cb)
{
	if (cb->args[0])
		aerie_vm_put((void *)cb->args[0]);
	return 0;
}
