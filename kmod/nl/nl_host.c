// SPDX-License-Identifier: GPL-2.0
/* What the host is asked about: the module's version, the processors, mitigations. */
#include <linux/seq_file.h>

#include "backend.h"
#include "nl.h"

int aerie_nl_version(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	void *hdr;

	msg = aerie_nl_reply(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (!msg)
		return -ENOMEM;
	if (nla_put_string(msg, AERIE_A_VERSION, AERIE_VERSION) ||
	    nla_put_u32(msg, AERIE_A_ABI, AERIE_ABI) ||
	    nla_put_string(msg, AERIE_A_BACKEND, aerie_backend->name)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

/* Has a VM of ours taken the processors? */
static bool processors_ours(void)
{
	struct aerie_vm *vm;
	bool ours = false;
	u32 id = 0;

	while (!ours && (vm = aerie_vm_next(id)) != NULL) {
		ours = READ_ONCE(vm->holds_cpus);
		id = vm->id + 1;
		aerie_vm_put(vm);
	}
	return ours;
}

static int put_hw_state(struct sk_buff *msg)
{
	struct aerie_why why = {};
	int err = aerie_hw_check(&why);

	if (err)
		return nla_put_string(msg, AERIE_A_HW_STATE,
				      why.msg ?: "held by another hypervisor");
	return nla_put_string(msg, AERIE_A_HW_STATE, processors_ours() ? "ours" : "free");
}

static int put_mitigations(struct sk_buff *msg)
{
	const struct aerie_mitigation *m;
	struct nlattr *list, *nest;

	list = nla_nest_start(msg, AERIE_A_MITIGATION_LIST);
	if (!list)
		return -EMSGSIZE;
	for (m = aerie_mitigations(); m->name; m++) {
		nest = nla_nest_start(msg, AERIE_A_MITIGATION);
		if (!nest ||
		    nla_put_string(msg, AERIE_A_MITIGATION_NAME, m->name) ||
		    nla_put_string(msg, AERIE_A_MITIGATION_WHERE, m->where) ||
		    nla_put_u8(msg, AERIE_A_MITIGATION_ACTIVE, m->active))
			return -EMSGSIZE;
		nla_nest_end(msg, nest);
	}
	nla_nest_end(msg, list);
	return 0;
}

#define CAPS_MAX	4096

/* The backend prints capabilities as for debugfs; whole lines of what fits. */
static int put_caps(struct sk_buff *msg)
{
	struct seq_file m = { .size = CAPS_MAX };
	char *end;
	int err;

	m.buf = kzalloc(CAPS_MAX, GFP_KERNEL);
	if (!m.buf)
		return -ENOMEM;
	aerie_backend->show_caps(&m);
	m.buf[min_t(size_t, m.count, CAPS_MAX - 1)] = '\0';
	end = strrchr(m.buf, '\n');
	if (end)
		*end = '\0';
	err = nla_put_string(msg, AERIE_A_CAPS, m.buf);
	kfree(m.buf);
	return err;
}

int aerie_nl_doctor(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	void *hdr;
	int err;

	msg = aerie_nl_reply(info, 4 * CAPS_MAX, &hdr);
	if (!msg)
		return -ENOMEM;
	err = nla_put_string(msg, AERIE_A_BACKEND, aerie_backend->name) ?:
	      put_hw_state(msg) ?:
	      put_mitigations(msg) ?:
	      put_caps(msg);
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}
