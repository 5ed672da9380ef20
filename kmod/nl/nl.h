/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of the netlink family share: replies, refusals, handlers. */
#ifndef AERIE_NL_H
#define AERIE_NL_H

#include <net/genetlink.h>

#include "uapi.h"
#include "aerie.h"
#include "control.h"

extern struct genl_family aerie_nl_family;

#define AERIE_NL_GROUP_EVENTS	0	/* index of the group in the family */

/**
 * aerie_nl_refuse() - put the reason of a refusal into the extended ack
 * @info: the request
 * @err: -errno, or 0: then nothing is done
 * @why: reason, and the attribute at fault if any
 *
 * Return: @err, so that it reads as one line.
 */
int aerie_nl_refuse(struct genl_info *info, int err, const struct aerie_why *why);

/* Send @msg, which may be NULL after an error, where @err is 0; else free it and refuse. */
int aerie_nl_answer(struct genl_info *info, struct sk_buff *msg, void *hdr, int err,
		    const struct aerie_why *why);

/**
 * aerie_nl_vm() - the VM a request names
 * @info: the request; its policy has AERIE_A_NAME
 *
 * Context: may sleep.
 * Return: the VM with a reference, or ERR_PTR(-EINVAL) without a name,
 * ERR_PTR(-ENOENT); both are explained in the extended ack.
 */
struct aerie_vm *aerie_nl_vm(struct genl_info *info);

/**
 * aerie_nl_reply() - begin the answer to a request
 * @info: the request
 * @payload: room for attributes
 * @hdr: set for genlmsg_end()
 *
 * Context: may sleep. Return: the message, or NULL without memory.
 */
struct sk_buff *aerie_nl_reply(struct genl_info *info, size_t payload, void **hdr);

/* nl_host.c */
int aerie_nl_version(struct sk_buff *skb, struct genl_info *info);
int aerie_nl_doctor(struct sk_buff *skb, struct genl_info *info);

/* nl_create.c */
int aerie_nl_vm_create(struct sk_buff *skb, struct genl_info *info);

/**
 * aerie_nl_devices() - the devices that a request asks for
 * @config: zeroed, or filled in but for its lists of devices
 * @attrs: attributes of the request; each list is optional
 * @why: reason of a refusal
 *
 * Context: the caller's, whose descriptors they name; may sleep.
 * Return: 0 or -errno; in either case aerie_vm_config_free() is to be called.
 */
int aerie_nl_devices(struct aerie_vm_config *config, struct nlattr **attrs,
		     struct aerie_why *why);

/* The balloon that is asked for, where one is. Return: 0 or -EINVAL. */
int aerie_nl_balloon(bool *has, struct aerie_balloon_config *config, struct nlattr **attrs,
		     struct aerie_why *why);

/* nl_vm.c */
int aerie_nl_vm_op(struct sk_buff *skb, struct genl_info *info);
int aerie_nl_vm_get(struct sk_buff *skb, struct genl_info *info);
int aerie_nl_vm_dump_start(struct netlink_callback *cb);
int aerie_nl_vm_dump(struct sk_buff *skb, struct netlink_callback *cb);

/**
 * aerie_nl_vms_dump() - answer with a message for each VM, as many as there is room for
 * @skb: the answer
 * @cb: the request; args[0] is the lowest id that has not been told
 * @cmd: of the messages
 * @fill: adds a VM's attributes; 0 or -errno
 *
 * VMs that come and go meanwhile do no harm. Context: may sleep.
 * Return: as netlink wants it of a dump.
 */
int aerie_nl_vms_dump(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
		      int (*fill)(struct sk_buff *skb, struct aerie_vm *vm));
int aerie_nl_console_open(struct sk_buff *skb, struct genl_info *info);

/*
 * nl_create.c: a readable file or block device that is not empty, by the caller's descriptor,
 * or ERR_PTR(). Messages say what the file named by the attribute is.
 */
struct file *aerie_nl_file(int fd, u32 attr, struct aerie_why *why);

/* nl_disk.c */
int aerie_nl_disk_set(struct sk_buff *skb, struct genl_info *info);
/* The limit that a disk's nest names, the rest as it is where nobody names any. */
void aerie_nl_disk_limit(const struct nlattr *nest, struct aerie_disk_limit *limit);
/* A disk as it is: its size and the three attributes of its limit. 0 or -EMSGSIZE. */
int aerie_nl_disk_put(struct sk_buff *msg, const struct aerie_disk_info *disk);

/* nl_dev.c */
int aerie_nl_dev_attach(struct sk_buff *skb, struct genl_info *info);
int aerie_nl_dev_detach(struct sk_buff *skb, struct genl_info *info);
int aerie_nl_dev_dump_start(struct netlink_callback *cb);
int aerie_nl_dev_dump(struct sk_buff *skb, struct netlink_callback *cb);
int aerie_nl_dev_dump_done(struct netlink_callback *cb);

/* nl_mem.c */
int aerie_nl_balloon_set(struct sk_buff *skb, struct genl_info *info);
int aerie_nl_mem_get(struct sk_buff *skb, struct genl_info *info);
int aerie_nl_mem_set(struct sk_buff *skb, struct genl_info *info);
int aerie_nl_pool_set(struct sk_buff *skb, struct genl_info *info);
int aerie_nl_mem_dump(struct sk_buff *skb, struct netlink_callback *cb);
int aerie_nl_share_set(struct sk_buff *skb, struct genl_info *info);
int aerie_nl_share_dump_start(struct netlink_callback *cb);
int aerie_nl_share_dump(struct sk_buff *skb, struct netlink_callback *cb);
int aerie_nl_share_dump_done(struct netlink_callback *cb);

/* nl_map.c */
int aerie_nl_mem_map(struct sk_buff *skb, struct genl_info *info);

/* nl_swap.c */
int aerie_nl_swap_on(struct sk_buff *skb, struct genl_info *info);
int aerie_nl_swap_off(struct sk_buff *skb, struct genl_info *info);
int aerie_nl_swap_dump(struct sk_buff *skb, struct netlink_callback *cb);

/* nl_sched.c */
int aerie_nl_sched_set(struct sk_buff *skb, struct genl_info *info);
int aerie_nl_sched_get(struct sk_buff *skb, struct genl_info *info);
int aerie_nl_sched_dump(struct sk_buff *skb, struct netlink_callback *cb);

/* nl_cpus.c */
int aerie_nl_cpus_set(struct sk_buff *skb, struct genl_info *info);

/* nl_stat.c */
int aerie_nl_stat_get(struct sk_buff *skb, struct genl_info *info);

/* nl_event.c: send what waits to be sent. Context: may sleep. */
void aerie_nl_event_flush(void);

#endif
