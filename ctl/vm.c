// SPDX-License-Identifier: GPL-2.0
/* What the module tells about VMs, and finding one by name. */
#include <unistd.h>

#include "mem.h"
#include "out.h"
#include "vm.h"

#define NAME_OF(table, i)	\
	((i) < sizeof(table) / sizeof((table)[0]) ? (table)[i] : "unknown")

const char *state_name(uint32_t state)
{
	static const char * const names[] = {
		[AERIE_STATE_CREATED] = "created",
		[AERIE_STATE_RUNNING] = "running",
		[AERIE_STATE_PAUSED] = "paused",
		[AERIE_STATE_STOPPED] = "stopped",
	};

	return NAME_OF(names, state);
}

const char *stop_kind_name(uint32_t kind)
{
	static const char * const names[] = {
		[AERIE_STOP_NONE] = "none",
		[AERIE_STOP_POWEROFF] = "poweroff",
		[AERIE_STOP_FORCED] = "forced",
		[AERIE_STOP_GUEST] = "guest",
		[AERIE_STOP_HOST] = "host",
		[AERIE_STOP_UNKNOWN_EXIT] = "unknown-exit",
	};

	return NAME_OF(names, kind);
}

const char *event_name(uint32_t event)
{
	static const char * const names[] = {
		[AERIE_EV_CREATED] = "created",
		[AERIE_EV_STARTED] = "started",
		[AERIE_EV_PAUSED] = "paused",
		[AERIE_EV_RESUMED] = "resumed",
		[AERIE_EV_RESET] = "reset",
		[AERIE_EV_POWER_BUTTON] = "power-button",
		[AERIE_EV_STOPPED] = "stopped",
		[AERIE_EV_DESTROYED] = "destroyed",
		[AERIE_EV_ATTACHED] = "attached",
		[AERIE_EV_DETACHED] = "detached",
		[AERIE_EV_CPUS] = "cpus",
	};

	return NAME_OF(names, event);
}

static void read_vcpus(struct nlattr *list, struct vm *vm)
{
	struct nlattr *tb[AERIE_A_MAX + 1];
	struct vm_vcpu *vcpu;
	struct nlattr *nest;
	int rest;

	nla_for_each_nested(nest, list, rest) {
		if (vm->nr_vcpu == AERIE_VCPUS_MAX || !get_nest(nest, tb))
			return;
		vcpu = &vm->vcpu[vm->nr_vcpu++];
		vcpu->id = get_u32(tb[AERIE_A_VCPU_ID]);
		vcpu->tid = get_u32(tb[AERIE_A_TID]);
		get_str(tb[AERIE_A_VCPU_STATE], vcpu->state, sizeof(vcpu->state));
		vcpu->cpu_ns = get_u64(tb[AERIE_A_CPU_NS]);
		vcpu->exits = get_u64(tb[AERIE_A_EXITS]);
	}
}

static void read_vm(struct nlattr **tb, void *arg)
{
	struct vm *vm = arg;

	memset(vm, 0, sizeof(*vm));
	get_str(tb[AERIE_A_NAME], vm->name, sizeof(vm->name));
	vm->id = get_u32(tb[AERIE_A_VM_ID]);
	vm->state = get_u32(tb[AERIE_A_STATE]);
	vm->stop_kind = get_u32(tb[AERIE_A_STOP_KIND]);
	get_str(tb[AERIE_A_REASON], vm->reason, sizeof(vm->reason));
	vm->vcpus = get_u32(tb[AERIE_A_VCPUS]);
	vm->vcpus_max = get_u32(tb[AERIE_A_VCPUS_MAX]);
	vm->memory = get_u64(tb[AERIE_A_MEMORY]);
	vm->resident = get_u64(tb[AERIE_A_RESIDENT]);
	vm->tables = get_u64(tb[AERIE_A_TABLES]);
	vm->uptime_ns = get_u64(tb[AERIE_A_UPTIME_NS]);
	vm->cpu_ns = get_u64(tb[AERIE_A_CPU_NS]);
	vm->exits = get_u64(tb[AERIE_A_EXITS]);
	get_str(tb[AERIE_A_TTY], vm->tty, sizeof(vm->tty));
	get_str(tb[AERIE_A_HVC_TTY], vm->hvc_tty, sizeof(vm->hvc_tty));
	if (tb[AERIE_A_CMDLINE])
		vm->cmdline = nla_strdup(tb[AERIE_A_CMDLINE]);
	if (tb[AERIE_A_VCPU_LIST])
		read_vcpus(tb[AERIE_A_VCPU_LIST], vm);
}

enum status vm_get(const struct conn *conn, const char *name, struct vm *vm, struct refusal *e)
{
	memset(vm, 0, sizeof(*vm));
	return conn_vm_call(conn, AERIE_CMD_VM_GET, name, read_vm, vm, e);
}

static const struct out_col vcpu_cols[] = {
	{ "VCPU", OUT_U64 }, { "TID", OUT_U64 }, { "STATE", OUT_STR },
};

struct out_table *vm_vcpu_table(const struct vm *vm)
{
	struct out_table *table = out_table_new(vcpu_cols, 3);
	size_t i;

	for (i = 0; i < vm->nr_vcpu; i++) {
		out_table_row(table, (struct out_val[]){
			{ .u64 = vm->vcpu[i].id },
			{ .u64 = vm->vcpu[i].tid },
			{ .str = vm->vcpu[i].state },
		});
	}
	return table;
}

void vm_free(struct vm *vm)
{
	free(vm->cmdline);
	vm->cmdline = NULL;
}

static void add_vm(struct nlattr **tb, void *arg)
{
	struct vm_list *list = arg;

	list->vm = xrealloc(list->vm, list->nr + 1, sizeof(*list->vm));
	read_vm(tb, &list->vm[list->nr++]);
}

enum status vm_list(const struct conn *conn, struct vm_list *list, struct refusal *e)
{
	enum status status;

	*list = (struct vm_list){};
	status = conn_call(conn, conn_request(conn, AERIE_CMD_VM_GET, NLM_F_DUMP), add_vm, list, e);
	if (status != STATUS_OK)
		vm_list_free(list);
	return status;
}

void vm_list_free(struct vm_list *list)
{
	size_t i;

	for (i = 0; i < list->nr; i++)
		vm_free(&list->vm[i]);
	free(list->vm);
	*list = (struct vm_list){};
}

const char *vm_resolve(const struct conn *conn, const char *name, char *buf)
{
	const char *match = NULL;
	struct vm_list list;
	struct refusal e;
	size_t i, matches = 0;

	if (!isatty(STDIN_FILENO) || vm_list(conn, &list, &e) != STATUS_OK)
		return name;
	for (i = 0; i < list.nr; i++) {
		if (strncmp(list.vm[i].name, name, strlen(name)))
			continue;
		if (!strcmp(list.vm[i].name, name)) {
			matches = 0;
			break;
		}
		match = list.vm[i].name;
		matches++;
	}
	if (*name && matches == 1)
		name = strcpy(buf, match);
	vm_list_free(&list);
	return name;
}
