// SPDX-License-Identifier: GPL-2.0
/*
 * MEM_GET, MEM_SET, POOL_SET, SHARE_SET, SHARE_GET, BALLOON_SET: what guest memory is, may be,
 * is shared, is given up.
 */
#include <linux/mutex.h>
#include "compat.h"
#include "nl.h"

#define NO_STORE	"this kernel has no zsmalloc or no compressor to put guest memory away with"

static int put_bytes(struct sk_buff *skb, int attr, const atomic_long_t *pages)
{
	return nla_put_u64_64bit(skb, attr, (u64)atomic_long_read(pages) << PAGE_SHIFT,
				 AERIE_A_PAD);
}

static int put_u64(struct sk_buff *skb, int attr, u64 val)
{
	return nla_put_u64_64bit(skb, attr, val, AERIE_A_PAD);
}

/* How long its own memory has not been accessed. */
static int put_idle(struct sk_buff *skb, const struct aerie_mem *mem)
{
	u64 idle[AERIE_IDLE_AGES];
	unsigned int i;

	BUILD_BUG_ON(AERIE_IDLE_AGES != AERIE_AGES);
	for (i = 0; i < AERIE_AGES; i++)
		idle[i] = (u64)READ_ONCE(mem->idle[i]) << PAGE_SHIFT;
	return nla_put(skb, AERIE_A_IDLE, sizeof(idle), idle) ?:
	       nla_put_u32(skb, AERIE_A_AGE_SECONDS, aerie_age_seconds());
}

static int put_limits(struct sk_buff *skb, const struct aerie_mem *mem)
{
	struct aerie_mem_limits limits;

	aerie_mem_limits(mem, &limits);
	return put_u64(skb, AERIE_A_MEM_LIMIT, limits.limit) ?:
	       put_u64(skb, AERIE_A_MEM_RESERVE, limits.reserve) ?:
	       nla_put_u32(skb, AERIE_A_MEM_WEIGHT, limits.weight);
}

static int put_ballooned(struct sk_buff *skb, struct aerie_vm *vm)
{
	u64 wanted, actual;

	if (!aerie_vm_ballooned(vm, &wanted, &actual))
		return 0;
	return put_u64(skb, AERIE_A_BALLOON, wanted) ?: put_u64(skb, AERIE_A_BALLOONED, actual);
}

static int put_written(struct sk_buff *skb, const struct aerie_mem *mem)
{
	u64 ns, bytes = aerie_mem_written(mem, &ns);

	if (!ns)
		return 0;
	return put_u64(skb, AERIE_A_WRITTEN, bytes) ?: put_u64(skb, AERIE_A_WRITTEN_NS, ns);
}

static int mem_fill(struct sk_buff *skb, struct aerie_vm *vm)
{
	struct aerie_mem *mem = &vm->mem;
	u64 tables = atomic_long_read(&mem->nodes) + atomic_long_read(&mem->npt.tables);
	int err;

	err = nla_put_string(skb, AERIE_A_NAME, vm->config.name) ?:
	      put_u64(skb, AERIE_A_MEMORY, vm->config.memory_bytes) ?:
	      put_bytes(skb, AERIE_A_RESIDENT, &mem->resident) ?:
	      put_bytes(skb, AERIE_A_LARGE, &mem->large) ?:
	      put_bytes(skb, AERIE_A_ZERO, &mem->zero) ?:
	      put_bytes(skb, AERIE_A_SHARED, &mem->shared) ?:
	      put_u64(skb, AERIE_A_SAVED, aerie_share_saved(mem)) ?:
	      put_u64(skb, AERIE_A_TABLES, tables << PAGE_SHIFT) ?:
	      put_u64(skb, AERIE_A_BROKEN, atomic_long_read(&mem->broken)) ?:
	      put_u64(skb, AERIE_A_HASHED, atomic_long_read(&mem->hashed)) ?:
	      put_u64(skb, AERIE_A_BORN, atomic_long_read(&mem->born)) ?:
	      put_bytes(skb, AERIE_A_STORED, &mem->stored) ?:
	      put_u64(skb, AERIE_A_PACKED, atomic_long_read(&mem->packed)) ?:
	      put_bytes(skb, AERIE_A_SWAPPED, &mem->swapped) ?:
	      put_bytes(skb, AERIE_A_ON_DISK, &mem->on_disk) ?:
	      put_u64(skb, AERIE_A_LOADED, atomic_long_read(&mem->loaded)) ?:
	      put_idle(skb, mem) ?: put_limits(skb, mem) ?: put_ballooned(skb, vm) ?:
	      put_written(skb, mem);
	if (!err && *vm->config.share_group)
		err = nla_put_string(skb, AERIE_A_SHARE_GROUP, vm->config.share_group);
	return err;
}

int aerie_nl_mem_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	struct aerie_vm *vm;
	int err = -ENOMEM;
	void *hdr;

	vm = aerie_nl_vm(info);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	msg = aerie_nl_reply(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (msg)
		err = mem_fill(msg, vm);
	aerie_vm_put(vm);
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

/* Refuse what makes no sense, naming the attribute. */
static int limits_check(struct genl_info *info, const struct aerie_mem_limits *limits)
{
	struct nlattr *attr = info->attrs[AERIE_A_MEM_LIMIT] ?: info->attrs[AERIE_A_MEM_RESERVE];

	if (limits->limit && limits->limit < AERIE_MIN_LIMIT) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr, "a limit is 1 MiB or more, or 0 for none");
		return -EINVAL;
	}
	if (limits->limit && limits->reserve > limits->limit) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr, "more would be reserved than the limit is");
		return -EINVAL;
	}
	return 0;
}

/* Of two that set something at a time each leaves the other's as it is. */
static DEFINE_MUTEX(mem_set_lock);

int aerie_nl_mem_set(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr **attrs = info->attrs;
	struct aerie_mem_limits limits;
	struct aerie_vm *vm;
	int err;

	vm = aerie_nl_vm(info);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	mutex_lock(&mem_set_lock);
	aerie_mem_limits(&vm->mem, &limits);
	if (attrs[AERIE_A_MEM_LIMIT])
		limits.limit = nla_get_u64(attrs[AERIE_A_MEM_LIMIT]);
	if (attrs[AERIE_A_MEM_RESERVE])
		limits.reserve = nla_get_u64(attrs[AERIE_A_MEM_RESERVE]);
	if (attrs[AERIE_A_MEM_WEIGHT])
		limits.weight = nla_get_u32(attrs[AERIE_A_MEM_WEIGHT]);
	err = limits_check(info, &limits);
	if (!err)
		err = aerie_mem_set_limits(&vm->mem, &limits);
	mutex_unlock(&mem_set_lock);
	if (!err && attrs[AERIE_A_COUNT_WRITTEN])
		aerie_mem_count_written(&vm->mem, nla_get_u8(attrs[AERIE_A_COUNT_WRITTEN]));
	aerie_vm_put(vm);
	if (err == -ENOENT)
		NL_SET_ERR_MSG(info->extack, NO_STORE);
	return err;
}

/* What all VMs have on their disks and in their balloons. */
static int put_sums(struct sk_buff *skb)
{
	u64 wanted, actual, all_wanted = 0, all_actual = 0, on_disk = 0;
	struct aerie_vm *vm;
	u32 id = 0;

	while ((vm = aerie_vm_next(id)) != NULL) {
		aerie_vm_ballooned(vm, &wanted, &actual);
		all_wanted += wanted;
		all_actual += actual;
		on_disk += (u64)atomic_long_read(&vm->mem.on_disk) << PAGE_SHIFT;
		id = vm->id + 1;
		aerie_vm_put(vm);
	}
	return put_u64(skb, AERIE_A_ON_DISK, on_disk) ?:
	       put_u64(skb, AERIE_A_BALLOON, all_wanted) ?:
	       put_u64(skb, AERIE_A_BALLOONED, all_actual);
}

int aerie_nl_pool_set(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *limit = info->attrs[AERIE_A_POOL_LIMIT];
	struct aerie_why why = {};
	struct sk_buff *msg;
	int err = 0;
	void *hdr;

	msg = aerie_nl_reply(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (!msg)
		return -ENOMEM;
	if (limit)
		err = aerie_pool_set_limit(nla_get_u64(limit));
	if (err == -ENOENT)
		aerie_refuse(&why, err, AERIE_A_POOL_LIMIT, NO_STORE);
	err = err ?: put_u64(msg, AERIE_A_POOL_LIMIT, aerie_pool_limit()) ?:
		     put_u64(msg, AERIE_A_POOL_USED, aerie_pool_used()) ?:
		     put_u64(msg, AERIE_A_POOL_STORE, aerie_pool_stored()) ?:
		     put_sums(msg);
	return aerie_nl_answer(info, msg, hdr, err, &why);
}

int aerie_nl_mem_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	return aerie_nl_vms_dump(skb, cb, AERIE_CMD_MEM_GET, mem_fill);
}

int aerie_nl_share_set(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	void *hdr;

	msg = aerie_nl_reply(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (!msg)
		return -ENOMEM;
	if (info->attrs[AERIE_A_SHARE_PERCENT])
		aerie_share_set_budget(nla_get_u32(info->attrs[AERIE_A_SHARE_PERCENT]));
	if (nla_put_u32(msg, AERIE_A_SHARE_PERCENT, aerie_share_budget())) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

/* cb->args[1] is the VM that is asked about. */
int aerie_nl_share_dump_start(struct netlink_callback *cb)
{
	struct nlattr *name = compat_genl_dump_attrs(cb)[AERIE_A_NAME];
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
	cb->args[1] = (long)vm;
	return 0;
}

int aerie_nl_share_dump_done(struct netlink_callback *cb)
{
	if (cb->args[1])
		aerie_vm_put((struct aerie_vm *)cb->args[1]);
	return 0;
}

/* Pages of @vm that @other holds as well. */
static int share_fill(struct sk_buff *skb, struct netlink_callback *cb, struct aerie_vm *vm,
		      struct aerie_vm *other)
{
	u64 pages = aerie_share_with(&vm->mem, &other->mem);
	void *hdr;

	if (!pages)
		return 0;
	hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			  &aerie_nl_family, NLM_F_MULTI, AERIE_CMD_SHARE_GET);
	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_string(skb, AERIE_A_NAME, other->config.name) ||
	    put_u64(skb, AERIE_A_SHARED, pages << PAGE_SHIFT)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

int aerie_nl_share_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct aerie_vm *other;
	int err = 0;

	while (!err && (other = aerie_vm_next(cb->args[0])) != NULL) {
		err = share_fill(skb, cb, (struct aerie_vm *)cb->args[1], other);
		if (!err)
			cb->args[0] = (u64)other->id + 1;
		aerie_vm_put(other);
	}
	return skb->len ? skb->len : err;
}

static int balloon_fill(struct sk_buff *msg, const struct aerie_balloon_info *balloon)
{
	const struct aerie_balloon_config *config = &balloon->config;
	int err = put_u64(msg, AERIE_A_BALLOON, balloon->wanted) ?:
		  put_u64(msg, AERIE_A_BALLOONED, balloon->actual) ?:
		  put_u64(msg, AERIE_A_REPORTED, balloon->reported);

	if (!err && config->automatic)
		err = nla_put_flag(msg, AERIE_A_BALLOON_AUTO) ?:
		      put_u64(msg, AERIE_A_BALLOON_MIN, config->min) ?:
		      put_u64(msg, AERIE_A_BALLOON_MAX, config->max);
	if (!err && balloon->has_stats)
		err = nla_put(msg, AERIE_A_BALLOON_STATS, sizeof(balloon->stats), balloon->stats) ?:
		      put_u64(msg, AERIE_A_BALLOON_AGE, balloon->stats_age_ns);
	return err;
}

int aerie_nl_balloon_set(struct sk_buff *skb, struct genl_info *info)
{
	struct aerie_balloon_config config = {};
	struct aerie_balloon_info balloon;
	struct aerie_why why = {};
	struct aerie_vm *vm;
	struct sk_buff *msg;
	int err = -ENOMEM;
	bool has;
	void *hdr;

	vm = aerie_nl_vm(info);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	msg = aerie_nl_reply(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (msg)
		err = aerie_nl_balloon(&has, &config, info->attrs, &why);
	if (!err)
		err = aerie_vm_balloon(vm, has ? &config : NULL, &balloon, &why);
	aerie_vm_put(vm);
	if (!err)
		err = balloon_fill(msg, &balloon);
	return aerie_nl_answer(info, msg, hdr, err, &why);
}
