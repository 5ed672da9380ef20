// SPDX-License-Identifier: GPL-2.0
/* aerie stat --latency: how long vCPUs that could run have waited for a processor. */
#include "cmd.h"
#include "out.h"

#define BUCKETS	32

struct waits {
	uint64_t nr[BUCKETS];
};

static void read_waits(struct nlattr **tb, void *arg)
{
	struct waits *w = arg;

	if (tb[AERIE_A_SCHED_LATENCY])
		nla_memcpy(w->nr, tb[AERIE_A_SCHED_LATENCY], sizeof(w->nr));
}

static const struct out_col cols[] = {
	{ "FROM", OUT_TIME }, { "TO", OUT_TIME }, { "COUNT", OUT_U64 }, { "SHARE", OUT_PERCENT },
	{ "UP_TO", OUT_PERCENT },
};

/* From the first that has any to the last. */
static void print_waits(const struct waits *w, bool json)
{
	struct out_table *table = out_table_new(cols, 5);
	unsigned int n, first = BUCKETS, last = 0;
	uint64_t all = 0, sum = 0;

	for (n = 0; n < BUCKETS; n++) {
		if (!w->nr[n])
			continue;
		all += w->nr[n];
		last = n;
		if (first == BUCKETS)
			first = n;
	}
	for (n = first; n <= last && n < BUCKETS; n++) {
		sum += w->nr[n];
		out_table_row(table, (struct out_val[]){
			{ .u64 = n ? 1ull << n : 0 },
			{ .u64 = 1ull << (n + 1), .none = n == BUCKETS - 1 },
			{ .u64 = w->nr[n] },
			{ .real = 100.0 * (double)w->nr[n] / (double)all },
			{ .real = 100.0 * (double)sum / (double)all },
		});
	}
	out_table_print(table, json);
	out_table_free(table);
}

enum status cmd_latency(const struct args *args)
{
	char buf[AERIE_NAME_MAX + 1];
	struct waits waits = { { 0 } };
	enum status status;
	struct refusal e;
	const char *name;
	struct conn conn;

	if (args_has(args, "cost") || args_has(args, "histogram") || args_has(args, "cycles") ||
	    args_has(args, "vcpu"))
		return usage(args, "--latency is of all vCPUs, and goes with --json alone");
	status = conn_open(&conn);
	if (status != STATUS_OK)
		return status;
	name = vm_resolve(&conn, args->operand[0], buf);
	status = conn_vm_call(&conn, AERIE_CMD_SCHED_GET, name, read_waits, &waits, &e);
	if (status == STATUS_OK)
		print_waits(&waits, args_has(args, "json"));
	else
		fail(name, "cannot look at its waits", &e);
	conn_close(&conn);
	return status;
}
