// SPDX-License-Identifier: GPL-2.0
/* aerie mem and share: what guest memory is, and is shared with whom. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "mem.h"
#include "out.h"
#include "text.h"

const struct option_def opts_mem[] = {
	{ .name = "watch", .help = "again every second, until Ctrl-C" },
	{ .name = "idle", .help = "for how long memory has not been accessed" },
	{ .name = "written", .arg = "TIME", .help = "how much of its memory the guest writes in that" },
	{ .name = "map", .help = "draw what the VM's memory is, by its addresses" },
	{ .name = "svg", .arg = "FILE", .help = "the same as a picture, an SVG file" },
	{ .name = "limit", .arg = "SIZE", .help = "what the VM may have of its own, 0: no limit" },
	{ .name = "reserve", .arg = "SIZE", .help = "what it keeps when others need memory" },
	{ .name = "weight", .arg = "N", .help = "its part beside others, 1 to 10000; usual: 100" },
	OPTION_JSON,
	OPTION_END
};

const struct option_def opts_share[] = {
	{ .name = "budget", .arg = "PERCENT",
	  .help = "of one processor, 0 to 100, for finding duplicates; 0: none" },
	OPTION_JSON,
	OPTION_END
};

struct memory {
	char name[AERIE_NAME_MAX + 1], group[AERIE_GROUP_MAX + 1];
	uint64_t granted, resident, large, zero, shared, saved, tables, broken, hashed, born;
	uint64_t stored, packed, swapped, on_disk, loaded, limit, reserve, idle[AERIE_IDLE_AGES];
	uint64_t wanted, ballooned;
	bool has_balloon;
	uint32_t weight, age_seconds;
};

struct memories {
	struct memory *vm;
	size_t nr;
};

static void read_memory(struct nlattr **tb, void *arg)
{
	struct memories *list = arg;
	struct memory *m;

	list->vm = xrealloc(list->vm, list->nr + 1, sizeof(*list->vm));
	m = &list->vm[list->nr++];
	get_str(tb[AERIE_A_NAME], m->name, sizeof(m->name));
	get_str(tb[AERIE_A_SHARE_GROUP], m->group, sizeof(m->group));
	m->granted = get_u64(tb[AERIE_A_MEMORY]);
	m->resident = get_u64(tb[AERIE_A_RESIDENT]);
	m->large = get_u64(tb[AERIE_A_LARGE]);
	m->zero = get_u64(tb[AERIE_A_ZERO]);
	m->shared = get_u64(tb[AERIE_A_SHARED]);
	m->saved = get_u64(tb[AERIE_A_SAVED]);
	m->tables = get_u64(tb[AERIE_A_TABLES]);
	m->broken = get_u64(tb[AERIE_A_BROKEN]);
	m->hashed = get_u64(tb[AERIE_A_HASHED]);
	m->born = get_u64(tb[AERIE_A_BORN]);
	m->stored = get_u64(tb[AERIE_A_STORED]);
	m->packed = get_u64(tb[AERIE_A_PACKED]);
	m->swapped = get_u64(tb[AERIE_A_SWAPPED]);
	m->on_disk = get_u64(tb[AERIE_A_ON_DISK]);
	m->loaded = get_u64(tb[AERIE_A_LOADED]);
	m->limit = get_u64(tb[AERIE_A_MEM_LIMIT]);
	m->reserve = get_u64(tb[AERIE_A_MEM_RESERVE]);
	m->weight = get_u32(tb[AERIE_A_MEM_WEIGHT]);
	m->age_seconds = get_u32(tb[AERIE_A_AGE_SECONDS]);
	m->has_balloon = tb[AERIE_A_BALLOON];
	m->wanted = get_u64(tb[AERIE_A_BALLOON]);
	m->ballooned = get_u64(tb[AERIE_A_BALLOONED]);
	if (tb[AERIE_A_IDLE])
		nla_memcpy(m->idle, tb[AERIE_A_IDLE], sizeof(m->idle));
}

/* Of the VM called @name, or of all where it is NULL. */
static enum status memories_get(const struct conn *conn, const char *name,
				struct memories *list, struct refusal *e)
{
	*list = (struct memories){ 0 };
	if (name)
		return conn_vm_call(conn, AERIE_CMD_MEM_GET, name, read_memory, list, e);
	return conn_call(conn, conn_request(conn, AERIE_CMD_MEM_GET, NLM_F_DUMP), read_memory,
			 list, e);
}

static const struct out_col mem_cols[] = {
	{ "NAME", OUT_STR }, { "GROUP", OUT_STR }, { "GRANTED", OUT_SIZE },
	{ "RESIDENT", OUT_SIZE }, { "LARGE", OUT_SIZE }, { "ZERO", OUT_SIZE },
	{ "SHARED", OUT_SIZE }, { "SAVED", OUT_SIZE }, { "STORED", OUT_SIZE },
	{ "PACKED", OUT_SIZE }, { "SWAPPED", OUT_SIZE }, { "ON_DISK", OUT_SIZE },
	{ "WORKING", OUT_SIZE },
	{ "BALLOONED", OUT_SIZE }, { "WANTED", OUT_SIZE }, { "TABLES", OUT_SIZE },
	{ "BROKEN", OUT_U64 }, { "HASHED", OUT_U64 }, { "BORN", OUT_U64 },
	{ "LOADED", OUT_U64 },
	{ "LIMIT", OUT_SIZE }, { "RESERVE", OUT_SIZE }, { "WEIGHT", OUT_U64 },
};

#define WORKING_AGES	4	/* accessed within eight looks */

static uint64_t working(const struct memory *m)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < WORKING_AGES; i++)
		sum += m->idle[i];
	return sum;
}

static void print_memories(const struct args *args, const struct memories *list)
{
	struct out_table *table = out_table_new(mem_cols, sizeof(mem_cols) / sizeof(mem_cols[0]));
	size_t i;

	for (i = 0; i < list->nr; i++) {
		const struct memory *m = &list->vm[i];

		out_table_row(table, (struct out_val[]){
			{ .str = m->name },
			{ .str = m->group, .none = !*m->group },
			{ .u64 = m->granted }, { .u64 = m->resident }, { .u64 = m->large },
			{ .u64 = m->zero }, { .u64 = m->shared }, { .u64 = m->saved },
			{ .u64 = m->stored }, { .u64 = m->packed }, { .u64 = m->swapped },
			{ .u64 = m->on_disk },
			{ .u64 = working(m), .none = !m->age_seconds },
			{ .u64 = m->ballooned, .none = !m->has_balloon },
			{ .u64 = m->wanted, .none = !m->has_balloon },
			{ .u64 = m->tables }, { .u64 = m->broken }, { .u64 = m->hashed },
			{ .u64 = m->born }, { .u64 = m->loaded },
			{ .u64 = m->limit, .none = !m->limit },
			{ .u64 = m->reserve, .none = !m->reserve }, { .u64 = m->weight },
		});
	}
	out_table_print(table, args_has(args, "json"));
	out_table_free(table);
}

static const struct out_col idle_cols[] = {
	{ "NAME", OUT_STR }, { "IDLE", OUT_TIME }, { "SIZE", OUT_SIZE },
};

/* How much has not been accessed for how long, or longer. */
static void print_idle(const struct args *args, const struct memories *list)
{
	struct out_table *table = out_table_new(idle_cols, 3);
	size_t i, age;

	for (i = 0; i < list->nr; i++) {
		const struct memory *m = &list->vm[i];
		uint64_t size = 0, ns = 0;

		for (age = 0; age < AERIE_IDLE_AGES; age++)
			size += m->idle[age];
		for (age = 0; age < AERIE_IDLE_AGES && m->age_seconds; age++) {
			out_table_row(table, (struct out_val[]){
				{ .str = m->name }, { .u64 = ns }, { .u64 = size },
			});
			size -= m->idle[age];
			ns = (UINT64_C(1000000000) * m->age_seconds) << age;
		}
	}
	out_table_print(table, args_has(args, "json"));
	out_table_free(table);
}

/* What the VM is to have, where that is asked for. */
struct wanted {
	const char *limit, *reserve, *weight;
	uint64_t limit_bytes, reserve_bytes;
	uint32_t weight_val;
};

static enum status parse_wanted(const struct args *args, struct wanted *w)
{
	*w = (struct wanted){
		.limit = args_value(args, "limit"),
		.reserve = args_value(args, "reserve"),
		.weight = args_value(args, "weight"),
	};
	if (w->limit && strcmp(w->limit, "0") && !parse_size(w->limit, &w->limit_bytes))
		return usage(args, "--limit '%s' is no size", w->limit);
	if (w->reserve && strcmp(w->reserve, "0") && !parse_size(w->reserve, &w->reserve_bytes))
		return usage(args, "--reserve '%s' is no size", w->reserve);
	if (w->weight && (!parse_u32(w->weight, &w->weight_val) || !w->weight_val ||
			  w->weight_val > AERIE_WEIGHT_MAX))
		return usage(args, "--weight '%s' is not 1 to %d", w->weight, AERIE_WEIGHT_MAX);
	if ((w->limit || w->reserve || w->weight) && !args->nr_operands)
		return usage(args, "--%s is of a VM: say which", w->limit ? "limit" :
			     w->reserve ? "reserve" : "weight");
	return STATUS_OK;
}

static enum status set_wanted(const struct conn *conn, const char *name, const struct wanted *w)
{
	struct nl_msg *msg;
	enum status status;
	struct refusal e;

	if (!w->limit && !w->reserve && !w->weight)
		return STATUS_OK;
	msg = conn_request(conn, AERIE_CMD_MEM_SET, 0);
	put_str(msg, AERIE_A_NAME, name);
	if (w->limit)
		put_u64(msg, AERIE_A_MEM_LIMIT, w->limit_bytes);
	if (w->reserve)
		put_u64(msg, AERIE_A_MEM_RESERVE, w->reserve_bytes);
	if (w->weight)
		put_u32(msg, AERIE_A_MEM_WEIGHT, w->weight_val);
	status = conn_call(conn, msg, NULL, NULL, &e);
	if (status != STATUS_OK)
		fail(name, "cannot set what memory it may have", &e);
	return status;
}

enum status cmd_mem(const struct args *args)
{
	char buf[AERIE_NAME_MAX + 1];
	const char *name = NULL;
	struct memories list;
	struct wanted wanted;
	enum status status;
	struct refusal e;
	struct conn conn;

	if (args_has(args, "written"))
		return cmd_written(args);
	if (args_has(args, "map") || args_has(args, "svg"))
		return cmd_map(args);
	status = parse_wanted(args, &wanted);
	if (status == STATUS_OK)
		status = conn_open(&conn);
	if (status != STATUS_OK)
		return status;
	if (args->nr_operands)
		name = vm_resolve(&conn, args->operand[0], buf);
	status = set_wanted(&conn, name, &wanted);
	while (status == STATUS_OK) {
		status = memories_get(&conn, name, &list, &e);
		if (status == STATUS_OK && args_has(args, "idle"))
			print_idle(args, &list);
		else if (status == STATUS_OK)
			print_memories(args, &list);
		else
			fail(name, "cannot look at the memory", &e);
		free(list.vm);
		if (status != STATUS_OK || !args_has(args, "watch"))
			break;
		if (!args_has(args, "json"))
			putchar('\n');
		if (fflush(stdout))
			break;
		sleep(1);
	}
	conn_close(&conn);
	return status;
}

static void read_budget(struct nlattr **tb, void *arg)
{
	*(uint32_t *)arg = get_u32(tb[AERIE_A_SHARE_PERCENT]);
}

static const struct out_col group_cols[] = {
	{ "GROUP", OUT_STR }, { "NAME", OUT_STR }, { "SHARED", OUT_SIZE }, { "SAVED", OUT_SIZE },
};

static const struct out_col with_cols[] = {
	{ "WITH", OUT_STR }, { "SHARED", OUT_SIZE },
};

/* The VMs of each group together; those without one come last. */
static int by_group(const void *a, const void *b)
{
	const struct memory *x = a, *y = b;

	if (!*x->group != !*y->group)
		return !*x->group - !*y->group;
	return strcmp(x->group, y->group) ?: strcmp(x->name, y->name);
}

static void print_groups(const struct args *args, uint32_t budget, struct memories *list)
{
	struct out_table *table = out_table_new(group_cols, 4);
	struct out_val percent = { .u64 = budget };
	struct json json = { .f = stdout };
	size_t i;

	if (list->nr)
		qsort(list->vm, list->nr, sizeof(*list->vm), by_group);
	for (i = 0; i < list->nr; i++) {
		const struct memory *m = &list->vm[i];

		out_table_row(table, (struct out_val[]){
			{ .str = m->group, .none = !*m->group }, { .str = m->name },
			{ .u64 = m->shared }, { .u64 = m->saved },
		});
	}
	if (args_has(args, "json")) {
		json_open(&json, NULL, '{');
		out_json(&json, "budget", OUT_U64, &percent);
		out_table_json(table, &json, "vms");
		json_close(&json, '}');
	} else {
		printf("budget %u %% of one processor\n", budget);
		if (!out_table_empty(table)) {
			putchar('\n');
			out_table_text(table, stdout);
		}
	}
	out_table_free(table);
}

static void read_with(struct nlattr **tb, void *arg)
{
	char name[AERIE_NAME_MAX + 1];

	get_str(tb[AERIE_A_NAME], name, sizeof(name));
	out_table_row(arg, (struct out_val[]){
		{ .str = name }, { .u64 = get_u64(tb[AERIE_A_SHARED]) },
	});
}

static enum status share_with(const struct args *args, const struct conn *conn)
{
	struct nl_msg *msg = conn_request(conn, AERIE_CMD_SHARE_GET, NLM_F_DUMP);
	struct out_table *table = out_table_new(with_cols, 2);
	char buf[AERIE_NAME_MAX + 1];
	enum status status;
	struct refusal e;
	const char *name;

	name = vm_resolve(conn, args->operand[0], buf);
	put_str(msg, AERIE_A_NAME, name);
	status = conn_call(conn, msg, read_with, table, &e);
	/* Older kernels do not pass on which attribute a dump is refused for. */
	if (status != STATUS_OK && e.err == ENOENT) {
		e.attr = AERIE_A_NAME;
		status = STATUS_NO_VM;
	}
	if (status != STATUS_OK)
		fail(name, "cannot tell with whom it shares", &e);
	else
		out_table_print(table, args_has(args, "json"));
	out_table_free(table);
	return status;
}

static enum status share_all(const struct args *args, const struct conn *conn,
			     const uint32_t *set)
{
	struct nl_msg *msg = conn_request(conn, AERIE_CMD_SHARE_SET, 0);
	struct memories list = { 0 };
	enum status status;
	uint32_t budget = 0;
	struct refusal e;

	if (set)
		put_u32(msg, AERIE_A_SHARE_PERCENT, *set);
	status = conn_call(conn, msg, read_budget, &budget, &e);
	if (status == STATUS_OK)
		status = memories_get(conn, NULL, &list, &e);
	if (status == STATUS_OK)
		print_groups(args, budget, &list);
	else
		fail(NULL, "cannot look at what is shared", &e);
	free(list.vm);
	return status;
}

enum status cmd_share(const struct args *args)
{
	const char *budget = args_value(args, "budget");
	enum status status;
	struct conn conn;
	uint32_t percent;

	if (budget && (!parse_u32(budget, &percent) || percent > 100))
		return usage(args, "--budget '%s' is not 0 to 100", budget);
	if (budget && args->nr_operands)
		return usage(args, "the budget is of all VMs: --budget takes no VM");
	status = conn_open(&conn);
	if (status != STATUS_OK)
		return status;
	status = args->nr_operands ? share_with(args, &conn) :
				     share_all(args, &conn, budget ? &percent : NULL);
	conn_close(&conn);
	return status;
}
