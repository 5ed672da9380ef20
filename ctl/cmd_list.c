// SPDX-License-Identifier: GPL-2.0
/* What VMs there are, and all that is known of one: list and show. */
#include "cmd.h"
#include "dev.h"
#include "host.h"
#include "out.h"

const struct option_def opts_list[] = {
	OPTION_JSON,
	{ .name = "names", .help = "only the names, one a line" },
	OPTION_QUIET,
	OPTION_END
};

const struct option_def opts_show[] = {
	OPTION_JSON,
	OPTION_QUIET,
	OPTION_END
};

static const struct out_col list_cols[] = {
	{ "NAME", OUT_STR }, { "STATE", OUT_STR }, { "VCPUS", OUT_U64 },
	{ "MEMORY", OUT_SIZE }, { "RESIDENT", OUT_SIZE }, { "CPU%", OUT_REAL },
	{ "EXITS/S", OUT_REAL }, { "UPTIME", OUT_TIME },
};

/* Means since the VM was started: one look cannot tell more. */
static struct out_val cpu_percent(const struct vm *vm)
{
	return (struct out_val){
		.real = vm->uptime_ns ? 100.0 * (double)vm->cpu_ns / (double)vm->uptime_ns : 0,
		.none = !vm->uptime_ns,
	};
}

static struct out_val exits_per_s(const struct vm *vm)
{
	return (struct out_val){
		.real = vm->uptime_ns ? 1e9 * (double)vm->exits / (double)vm->uptime_ns : 0,
		.none = !vm->uptime_ns,
	};
}

static void print_list(const struct args *args, const struct vm_list *list)
{
	struct json json = { .f = stdout };
	struct out_table *table = out_table_new(list_cols, 8);
	size_t i;

	for (i = 0; i < list->nr; i++) {
		const struct vm *vm = &list->vm[i];

		if (args_has(args, "names")) {
			puts(vm->name);
			continue;
		}
		out_table_row(table, (struct out_val[]){
			{ .str = vm->name },
			{ .str = state_name(vm->state) },
			{ .u64 = vm->vcpus },
			{ .u64 = vm->memory },
			{ .u64 = vm->resident },
			cpu_percent(vm),
			exits_per_s(vm),
			{ .u64 = vm->uptime_ns, .none = !vm->uptime_ns },
		});
	}
	if (args_has(args, "json"))
		out_table_json(table, &json, NULL);
	else if (!args_has(args, "names"))
		out_table_text(table, stdout);
	out_table_free(table);
}

enum status cmd_list(const struct args *args)
{
	struct vm_list list;
	enum status status;
	struct refusal e;
	struct conn conn;

	if (args_has(args, "json") && args_has(args, "names"))
		return usage(args, "--json or --names, not both");
	status = conn_open(&conn);
	if (status != STATUS_OK)
		return status;
	status = vm_list(&conn, &list, &e);
	if (status == STATUS_OK)
		print_list(args, &list);
	else
		fail(NULL, "cannot list VMs", &e);
	vm_list_free(&list);
	conn_close(&conn);
	return status;
}

struct field {
	const char *name;
	enum out_type type;
	struct out_val val;
};

static void print_vm(const struct args *args, const struct vm *vm, const struct host *host,
		     const struct dev_list *devs)
{
	bool ended = vm->stop_kind != AERIE_STOP_NONE;
	struct json json = { .f = stdout };
	struct out_table *vcpus = vm_vcpu_table(vm), *mitigations = host_mitigations(host);
	struct out_table *devices = dev_table(devs), *queues = dev_queue_table(devs);
	struct out_table *disks = dev_disk_table(devs), *nics = dev_nic_table(devs);
	const struct field fields[] = {
		{ "name", OUT_STR, { .str = vm->name } },
		{ "id", OUT_U64, { .u64 = vm->id } },
		{ "state", OUT_STR, { .str = state_name(vm->state) } },
		{ "stopped", OUT_STR, { .str = stop_kind_name(vm->stop_kind), .none = !ended } },
		{ "reason", OUT_STR, { .str = vm->reason, .none = !ended } },
		{ "vcpus", OUT_U64, { .u64 = vm->vcpus } },
		{ "vcpus_max", OUT_U64, { .u64 = vm->vcpus_max } },
		{ "memory", OUT_SIZE, { .u64 = vm->memory } },
		{ "resident", OUT_SIZE, { .u64 = vm->resident } },
		{ "tables", OUT_SIZE, { .u64 = vm->tables } },
		{ "cpu%", OUT_REAL, cpu_percent(vm) },
		{ "cpu_time", OUT_TIME, { .u64 = vm->cpu_ns } },
		{ "exits", OUT_U64, { .u64 = vm->exits } },
		{ "exits/s", OUT_REAL, exits_per_s(vm) },
		{ "uptime", OUT_TIME, { .u64 = vm->uptime_ns, .none = !vm->uptime_ns } },
		{ "tty", OUT_STR, { .str = vm->tty, .none = !*vm->tty } },
		{ "hvc_tty", OUT_STR, { .str = vm->hvc_tty, .none = !*vm->hvc_tty } },
		{ "append", OUT_STR, { .str = vm->cmdline, .none = !vm->cmdline } },
		{ "backend", OUT_STR, { .str = host->backend } },
	};
	size_t i, nr = sizeof(fields) / sizeof(fields[0]);
	char buf[64];

	if (args_has(args, "json")) {
		json_open(&json, NULL, '{');
		for (i = 0; i < nr; i++)
			out_json(&json, fields[i].name, fields[i].type, &fields[i].val);
		out_table_json(vcpus, &json, "threads");
		out_table_json(devices, &json, "devices");
		out_table_json(disks, &json, "disks");
		out_table_json(queues, &json, "queues");
		out_table_json(nics, &json, "interfaces");
		out_table_json(mitigations, &json, "mitigations");
		json_close(&json, '}');
	} else {
		for (i = 0; i < nr; i++) {
			if (!fields[i].val.none)
				printf("%-10s %s\n", fields[i].name,
				       out_text(fields[i].type, &fields[i].val, buf));
		}
		putchar('\n');
		out_table_text(vcpus, stdout);
		putchar('\n');
		out_table_text(devices, stdout);
		putchar('\n');
		if (!out_table_empty(disks)) {
			out_table_text(disks, stdout);
			putchar('\n');
		}
		out_table_text(queues, stdout);
		putchar('\n');
		if (!out_table_empty(nics)) {
			out_table_text(nics, stdout);
			putchar('\n');
		}
		out_table_text(mitigations, stdout);
	}
	out_table_free(vcpus);
	out_table_free(devices);
	out_table_free(disks);
	out_table_free(queues);
	out_table_free(nics);
	out_table_free(mitigations);
}

enum status cmd_show(const struct args *args)
{
	char buf[AERIE_NAME_MAX + 1];
	struct dev_list devs = {};
	struct host host = {};
	enum status status;
	struct refusal e;
	const char *name;
	struct vm vm;
	struct conn conn;

	status = conn_open(&conn);
	if (status != STATUS_OK)
		return status;
	name = vm_resolve(&conn, args->operand[0], buf);
	status = vm_get(&conn, name, &vm, &e);
	if (status == STATUS_OK)
		status = host_get(&conn, &host, &e);
	if (status == STATUS_OK)
		status = dev_list(&conn, name, &devs, &e);
	if (status == STATUS_OK)
		print_vm(args, &vm, &host, &devs);
	else
		fail(name, "cannot show", &e);
	dev_list_free(&devs);
	host_free(&host);
	vm_free(&vm);
	conn_close(&conn);
	return status;
}
