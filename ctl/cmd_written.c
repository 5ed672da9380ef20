// SPDX-License-Identifier: GPL-2.0
/* aerie mem --written: how much of its memory a guest writes in a while. */
#include <signal.h>
#include <time.h>

#include "cmd.h"
#include "out.h"
#include "text.h"

static const struct out_col cols[] = {
	{ "NAME", OUT_STR }, { "TIME", OUT_TIME }, { "WRITTEN", OUT_SIZE }, { "PER SECOND", OUT_SIZE },
};

struct written {
	uint64_t bytes, ns;
};

static void read_written(struct nlattr **tb, void *arg)
{
	struct written *w = arg;

	w->bytes = get_u64(tb[AERIE_A_WRITTEN]);
	w->ns = get_u64(tb[AERIE_A_WRITTEN_NS]);
}

static enum status count(const struct conn *conn, const char *name, uint8_t on, struct refusal *e)
{
	struct nl_msg *msg = conn_request(conn, AERIE_CMD_MEM_SET, 0);

	put_str(msg, AERIE_A_NAME, name);
	put_u8(msg, AERIE_A_COUNT_WRITTEN, on);
	return conn_call(conn, msg, NULL, NULL, e);
}

static void on_signal(int sig)
{
}

/* Ctrl-C ends it early: what has been counted until then is told. */
static void wait_for(uint64_t ns)
{
	struct timespec time = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
	struct sigaction action = { .sa_handler = on_signal }, old;

	sigaction(SIGINT, &action, &old);
	nanosleep(&time, NULL);
	sigaction(SIGINT, &old, NULL);
}

static void print_written(const struct args *args, const char *name, const struct written *w)
{
	struct out_table *table = out_table_new(cols, sizeof(cols) / sizeof(cols[0]));
	double seconds = w->ns / 1e9;

	out_table_row(table, (struct out_val[]){
		{ .str = name }, { .u64 = w->ns }, { .u64 = w->bytes },
		{ .u64 = w->bytes / seconds, .none = !w->ns },
	});
	out_table_print(table, args_has(args, "json"));
	out_table_free(table);
}

enum status cmd_written(const struct args *args)
{
	static const char * const others[] = {
		"idle", "map", "svg", "limit", "reserve", "weight", "watch",
	};
	const char *time = args_value(args, "written"), *name;
	char buf[AERIE_NAME_MAX + 1];
	struct written w = { 0 };
	enum status status;
	struct refusal e, ignored;
	struct conn conn;
	uint64_t ns;
	size_t i;

	if (!args->nr_operands)
		return usage(args, "--written is of a VM: say which");
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (args_has(args, others[i]))
			return usage(args, "--written or --%s, not both", others[i]);
	if (!parse_duration(time, &ns) || !ns)
		return usage(args, "--written '%s' is no time", time);
	status = conn_open(&conn);
	if (status != STATUS_OK)
		return status;
	name = vm_resolve(&conn, args->operand[0], buf);
	status = count(&conn, name, 1, &e);
	if (status == STATUS_OK) {
		wait_for(ns);
		status = conn_vm_call(&conn, AERIE_CMD_MEM_GET, name, read_written, &w, &e);
		count(&conn, name, 0, &ignored);
	}
	if (status == STATUS_OK)
		print_written(args, name, &w);
	else
		fail(name, "cannot count what it writes", &e);
	conn_close(&conn);
	return status;
}
