// SPDX-License-Identifier: GPL-2.0
/* A VM's life cycle, what is told about VMs, and descriptors of their consoles. */
#include <linux/file.h>

#include "nl.h"
#include "compat.h"
#include "dev/chips.h"

typedef int (*vm_op)(struct aerie_vm *vm, struct aerie_why *why);

static vm_op vm_op_of(u8 cmd)
{
	switch (cmd) {
	case AERIE_CMD_VM_START:	return aerie_vm_start;
	case AERIE_CMD_VM_PAUSE:	return aerie_vm_pause;
	case AERIE_CMD_VM_RESUME:	return aerie_vm_resume;
	case AERIE_CMD_VM_RESET:	return aerie_vm_reset;
	case AERIE_CMD_VM_POWER_BUTTON:	return aerie_vm_power_button;
	case AERIE_CMD_VM_STOP:		return aerie_vm_stop;
	case AERIE_CMD_VM_DESTROY:	return aerie_vm_destroy;
	default:			return NULL;
	}
}

/* START, PAUSE, RESUME, RESET, POWER_BUTTON, STOP, DESTROY */
int aerie_nl_vm_op(struct sk_buff *skb, struct genl_info *info)
{
	vm_op op = vm_op_of(info->genlhdr->cmd);
	struct aerie_why why = {};
	struct aerie_vm *vm;
	int err;

	if (!op)
		return -EOPNOTSUPP;
	vm = aerie_nl_vm(info);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	err = op(vm, &why);
	aerie_vm_put(vm);
	return aerie_nl_refuse(info, err, &why);
}

/* Room for everything vm_fill() may put: strings, 64 vCPUs at 68 bytes, interfaces, the rest. */
#define VM_FILL_MAX	(AERIE_CMDLINE_MAX + AERIE_MAX_VCPUS * 80 + 1024)

static int put_u64(struct sk_buff *skb, int attr, u64 value)
{
	return nla_put_u64_64bit(skb, attr, value, AERIE_A_PAD);
}

static const char *vcpu_state(struct aerie_vcpu *vcpu)
{
	if (READ_ONCE(vcpu->parked))
		return "parked";
	switch (READ_ONCE(vcpu->mp_state)) {
	case AERIE_MP_HALTED:
		return "halted";
	case AERIE_MP_WAIT_SIPI:
		return "wait-sipi";
	default:
		return "running";
	}
}

static int put_vcpus(struct sk_buff *skb, struct aerie_vm *vm, u64 present)
{
	struct nlattr *list, *nest;

	list = nla_nest_start(skb, AERIE_A_VCPU_LIST);
	if (!list)
		return -EMSGSIZE;
	for (; present; present &= present - 1) {
		struct aerie_vcpu *vcpu = vm->vcpus[__ffs(present)];

		nest = nla_nest_start(skb, AERIE_A_VCPU);
		if (!nest ||
		    nla_put_u32(skb, AERIE_A_VCPU_ID, vcpu->id) ||
		    nla_put_u32(skb, AERIE_A_TID, task_pid_nr(vcpu->task)) ||
		    nla_put_string(skb, AERIE_A_VCPU_STATE, vcpu_state(vcpu)) ||
		    put_u64(skb, AERIE_A_CPU_NS, aerie_vcpu_cpu_ns(vcpu)) ||
		    put_u64(skb, AERIE_A_EXITS, aerie_vcpu_exits(vcpu)))
			return -EMSGSIZE;
		nla_nest_end(skb, nest);
	}
	nla_nest_end(skb, list);
	return 0;
}

static int put_reason(struct sk_buff *skb, struct aerie_vm *vm)
{
	char reason[sizeof(vm->reason)];
	unsigned long flags;
	u32 kind;

	spin_lock_irqsave(&vm->state_lock, flags);
	kind = vm->reason_kind;
	strscpy(reason, vm->reason, sizeof(reason));
	spin_unlock_irqrestore(&vm->state_lock, flags);

	if (kind == AERIE_STOP_NONE)
		return 0;
	return nla_put_u32(skb, AERIE_A_STOP_KIND, kind) ?:
	       nla_put_string(skb, AERIE_A_REASON, reason);
}

static int put_usage(struct sk_buff *skb, struct aerie_vm *vm, enum aerie_vm_state state)
{
	u64 tables = atomic_long_read(&vm->mem.nodes) + atomic_long_read(&vm->mem.npt.tables);
	u64 resident = atomic_long_read(&vm->mem.resident);
	u64 uptime_ns = 0, exits = 0;
	unsigned int i;

	if (state == AERIE_VM_RUNNING || state == AERIE_VM_PAUSED)
		uptime_ns = ktime_get_ns() - READ_ONCE(vm->started_ns);
	for (i = 0; i < vm->nr_vcpus; i++)
		exits += aerie_vcpu_exits(vm->vcpus[i]);

	return put_u64(skb, AERIE_A_RESIDENT, resident << PAGE_SHIFT) ?:
	       put_u64(skb, AERIE_A_TABLES, tables << PAGE_SHIFT) ?:
	       put_u64(skb, AERIE_A_UPTIME_NS, uptime_ns) ?:
	       put_u64(skb, AERIE_A_CPU_NS, aerie_vm_cpu_ns(vm)) ?:
	       put_u64(skb, AERIE_A_EXITS, exits);
}

static int vm_fill(struct sk_buff *skb, struct aerie_vm *vm)
{
	enum aerie_vm_state state = READ_ONCE(vm->state);
	const char *hvc_tty = READ_ONCE(vm->hvc_tty);
	u64 present = READ_ONCE(vm->vcpus_present);
	int err;

	err = nla_put_string(skb, AERIE_A_NAME, vm->config.name) ?:
	      nla_put_u32(skb, AERIE_A_VM_ID, vm->id) ?:
	      nla_put_u32(skb, AERIE_A_STATE, min_t(u32, state, AERIE_STATE_STOPPED)) ?:
	      put_reason(skb, vm) ?:
	      nla_put_u32(skb, AERIE_A_VCPUS, hweight64(present)) ?:
	      nla_put_u32(skb, AERIE_A_VCPUS_MAX, vm->nr_vcpus) ?:
	      put_u64(skb, AERIE_A_MEMORY, vm->config.memory_bytes) ?:
	      put_usage(skb, vm, state);
	if (!err && vm->tty)
		err = nla_put_string(skb, AERIE_A_TTY, vm->tty);
	if (!err && hvc_tty)
		err = nla_put_string(skb, AERIE_A_HVC_TTY, hvc_tty);
	if (!err && vm->config.cmdline)
		err = nla_put_string(skb, AERIE_A_CMDLINE, vm->config.cmdline);
	return err ?: put_vcpus(skb, vm, present);
}

int aerie_nl_vm_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	struct aerie_vm *vm;
	void *hdr;
	int err = -ENOMEM;

	vm = aerie_nl_vm(info);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	msg = aerie_nl_reply(info, VM_FILL_MAX, &hdr);
	if (msg)
		err = vm_fill(msg, vm);
	aerie_vm_put(vm);
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

int aerie_nl_vm_dump_start(struct netlink_callback *cb)
{
	if (compat_genl_dump_attrs(cb)[AERIE_A_NAME]) {
		NL_SET_ERR_MSG_ATTR(cb->extack, compat_genl_dump_attrs(cb)[AERIE_A_NAME],
				    "a list takes no name");
		return -EINVAL;
	}
	/* One VM must fit whatever the reader's buffer was so far. */
	cb->min_dump_alloc = VM_FILL_MAX + NLMSG_HDRLEN + GENL_HDRLEN;
	return 0;
}

int aerie_nl_vms_dump(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
		      int (*fill)(struct sk_buff *skb, struct aerie_vm *vm))
{
	struct aerie_vm *vm;
	int err = 0;
	void *hdr;

	while (!err && (vm = aerie_vm_next(cb->args[0])) != NULL) {
		err = -EMSGSIZE;
		hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				  &aerie_nl_family, NLM_F_MULTI, cmd);
		if (hdr)
			err = fill(skb, vm);
		if (!err) {
			genlmsg_end(skb, hdr);
			cb->args[0] = (u64)vm->id + 1;
		} else if (hdr) {
			genlmsg_cancel(skb, hdr);
		}
		aerie_vm_put(vm);
	}
	/* A full message is sent and the dump goes on; an empty one has no room at all. */
	return skb->len ? skb->len : err;
}

int aerie_nl_vm_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	return aerie_nl_vms_dump(skb, cb, AERIE_CMD_VM_GET, vm_fill);
}

/*
 * The descriptor becomes the caller's when the reply is on its way: nothing can
 * fail after that, and nothing is installed before it.
 */
int aerie_nl_console_open(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg = NULL;
	struct file *file = NULL;
	const char *tty = NULL;
	bool hvc = info->attrs[AERIE_A_HVC];
	struct aerie_why why = {};
	struct aerie_vm *vm;
	void *hdr;
	int fd, err;

	vm = aerie_nl_vm(info);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		err = fd;
		goto out_vm;
	}

	/* Destroying takes the lock before it takes the console. */
	err = mutex_lock_killable(&vm->lock);
	if (err)
		goto err_fd;
	if (vm->state >= AERIE_VM_DYING)
		file = ERR_PTR(aerie_refuse(&why, -ENOENT, AERIE_A_NAME,
					    "the VM is being destroyed"));
	else if (hvc && !vm->hvc)
		file = ERR_PTR(aerie_refuse(&why, -ENODEV, AERIE_A_HVC,
					    "the VM has no virtio console"));
	else
		file = aerie_console_open(hvc ? vm->hvc : vm->console);
	tty = hvc ? vm->hvc_tty : vm->tty;
	mutex_unlock(&vm->lock);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		goto err_fd;
	}

	err = -ENOMEM;
	msg = aerie_nl_reply(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (!msg)
		goto err_file;
	err = nla_put_s32(msg, AERIE_A_FD, fd) ?:
	      nla_put_string(msg, AERIE_A_TTY, tty ?: "");
	if (err) {
		nlmsg_free(msg);
		goto err_file;
	}
	genlmsg_end(msg, hdr);
	err = genlmsg_reply(msg, info);
	if (err)
		goto err_file;
	fd_install(fd, file);
	goto out_vm;

err_file:
	fput(file);
err_fd:
	put_unused_fd(fd);
out_vm:
	aerie_vm_put(vm);
	return aerie_nl_refuse(info, err, &why);
}
