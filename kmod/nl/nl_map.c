// SPDX-License-Identifier: GPL-2.0
/* MEM_MAP: what guest-physical memory is, page by page. */
#include <linux/slab.h>

#include "nl.h"

#define RUNS	1000u		/* of an answer, at the most */

static int map_fill(struct sk_buff *msg, const struct aerie_map_run *runs, unsigned int nr,
		    gpa_t next)
{
	int err = nla_put(msg, AERIE_A_MAP, nr * sizeof(*runs), runs);

	if (!err && next)
		err = nla_put_u64_64bit(msg, AERIE_A_MAP_NEXT, next, AERIE_A_PAD);
	return err;
}

/* Fill in @msg, or say why not. */
static int map_look(struct sk_buff *msg, struct aerie_vm *vm, gpa_t start, struct aerie_why *why)
{
	struct aerie_map_run *runs = kmalloc_array(RUNS, sizeof(*runs), GFP_KERNEL);
	gpa_t next;
	int nr;

	if (!runs)
		return -ENOMEM;
	nr = aerie_mem_picture(&vm->mem, start, runs, RUNS, &next);
	if (nr == -ERANGE)
		aerie_refuse(why, nr, AERIE_A_MAP_START, "the VM's memory ends before that");
	else if (nr < 0)
		aerie_refuse(why, nr, AERIE_A_NAME, "no such VM");
	else
		nr = map_fill(msg, runs, nr, next);
	kfree(runs);
	return nr;
}

int aerie_nl_mem_map(struct sk_buff *skb, struct genl_info *info)
{
	const size_t payload = nla_total_size(RUNS * sizeof(struct aerie_map_run)) +
			       nla_total_size_64bit(sizeof(u64));
	struct nlattr *attr = info->attrs[AERIE_A_MAP_START];
	gpa_t start = attr ? nla_get_u64(attr) : 0;
	struct aerie_why why = {};
	struct sk_buff *msg;
	struct aerie_vm *vm;
	int err = -ENOMEM;
	void *hdr;

	if (!PAGE_ALIGNED(start)) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr, "not the address of a page");
		return -EINVAL;
	}
	vm = aerie_nl_vm(info);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	msg = aerie_nl_reply(info, payload, &hdr);
	if (msg)
		err = map_look(msg, vm, start, &why);
	aerie_vm_put(vm);
	return aerie_nl_answer(info, msg, hdr, err, &why);
}
