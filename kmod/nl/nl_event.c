// SPDX-License-Identifier: GPL-2.0
/*
 * Events about VMs, from wherever they happen to the multicast group.
 *
 * A guest powers itself off on its own vCPU, preemption off, and may be killed
 * from a timer interrupt; sending to netlink sockets is allowed in neither. So
 * aerie_nl_event() copies what is to be told to a list and a work item sends it.
 * One list and one work item keep the order. Nothing here refers to the VM, which
 * may be gone when its "destroyed" is sent. While nobody listens none of it is done.
 */
#include <linux/module.h>

#include "nl.h"

struct nl_event {
	struct list_head node;
	u32 event;
	u32 vm_id;
	u32 state;
	u32 stop_kind;
	u32 vcpus;
	char name[AERIE_NAME_LEN];
	char reason[sizeof_field(struct aerie_vm, reason)];
	char device[AERIE_NAME_LEN];
};

static void event_send(struct work_struct *work);

static DEFINE_RAW_SPINLOCK(events_lock);	/* events; innermost, any context */
static LIST_HEAD(events);
static DECLARE_WORK(event_work, event_send);

void aerie_nl_event(struct aerie_vm *vm, u32 event)
{
	aerie_nl_event_device(vm, event, "");
}

void aerie_nl_event_device(struct aerie_vm *vm, u32 event, const char *device)
{
	enum aerie_vm_state state = READ_ONCE(vm->state);
	struct nl_event *ev;
	unsigned long flags;

	if (!genl_has_listeners(&aerie_nl_family, &init_net, AERIE_NL_GROUP_EVENTS))
		return;
	ev = kmalloc(sizeof(*ev), GFP_ATOMIC | __GFP_NOWARN);
	if (!ev)
		return;
	ev->event = event;
	ev->vm_id = vm->id;
	ev->state = min_t(u32, state, AERIE_STATE_STOPPED);
	ev->stop_kind = AERIE_STOP_NONE;
	ev->vcpus = event == AERIE_EV_CPUS ? hweight64(READ_ONCE(vm->vcpus_present)) : 0;
	strscpy(ev->name, vm->config.name, sizeof(ev->name));
	strscpy(ev->device, device, sizeof(ev->device));
	ev->reason[0] = '\0';
	if (event == AERIE_EV_STOPPED) {
		ev->stop_kind = READ_ONCE(vm->reason_kind);
		strscpy(ev->reason, vm->reason, sizeof(ev->reason));
	}

	raw_spin_lock_irqsave(&events_lock, flags);
	list_add_tail(&ev->node, &events);
	raw_spin_unlock_irqrestore(&events_lock, flags);
	schedule_work(&event_work);
}

static int event_fill(struct sk_buff *skb, const struct nl_event *ev)
{
	void *hdr = genlmsg_put(skb, 0, 0, &aerie_nl_family, 0, AERIE_CMD_EVENT);

	if (!hdr ||
	    nla_put_string(skb, AERIE_A_NAME, ev->name) ||
	    nla_put_u32(skb, AERIE_A_VM_ID, ev->vm_id) ||
	    nla_put_u32(skb, AERIE_A_EVENT, ev->event) ||
	    nla_put_u32(skb, AERIE_A_STATE, ev->state))
		return -EMSGSIZE;
	if (ev->stop_kind != AERIE_STOP_NONE &&
	    (nla_put_u32(skb, AERIE_A_STOP_KIND, ev->stop_kind) ||
	     nla_put_string(skb, AERIE_A_REASON, ev->reason)))
		return -EMSGSIZE;
	if (ev->device[0] && nla_put_string(skb, AERIE_A_DEV_NAME, ev->device))
		return -EMSGSIZE;
	if (ev->vcpus && nla_put_u32(skb, AERIE_A_VCPUS, ev->vcpus))
		return -EMSGSIZE;
	genlmsg_end(skb, hdr);
	return 0;
}

static void event_send(struct work_struct *work)
{
	struct nl_event *ev, *next;
	struct sk_buff *skb;
	LIST_HEAD(todo);

	raw_spin_lock_irq(&events_lock);
	list_splice_init(&events, &todo);
	raw_spin_unlock_irq(&events_lock);

	list_for_each_entry_safe(ev, next, &todo, node) {
		skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
		if (skb && !event_fill(skb, ev))
			/* Nobody listening is no failure, nor is a full listener. */
			genlmsg_multicast(&aerie_nl_family, skb, 0,
					  AERIE_NL_GROUP_EVENTS, GFP_KERNEL);
		else
			nlmsg_free(skb);
		kfree(ev);
	}
}

void aerie_nl_event_flush(void)
{
	flush_work(&event_work);
}
