// SPDX-License-Identifier: GPL-2.0
/* Exits by kind: count, share, time, how the time is spread and what it is made of. */
#include "cmd.h"
#include "mem.h"
#include "out.h"
#include "text.h"

const struct option_def opts_stat[] = {
	{ .name = "vcpu", .arg = "N", .help = "of one virtual processor" },
	{ .name = "histogram", .help = "how many exits took how long" },
	{ .name = "cost", .help = "what the mean exit's time is made of" },
	{ .name = "latency", .help = "how long vCPUs have waited for a processor" },
	{ .name = "cycles", .help = "time-stamp counter cycles in place of time" },
	OPTION_JSON,
	OPTION_QUIET,
	OPTION_END
};

#define BOUNDS_LEN	(2 * TEXT_LEN + 8)

struct exit_stat {
	char name[32];
	uint64_t count, total, min, max;
	uint64_t hist[AERIE_EXIT_BUCKETS];
};

struct stat_data {
	char name[AERIE_NAME_MAX + 1];
	uint32_t tsc_khz;
	struct exit_stat *exit;
	size_t nr;
	uint64_t count;		/* of all */
	uint64_t vmrun, host_state, mitigations;	/* of each, besides its handler */
	bool cycles;
};

static void read_exits(struct nlattr *list, struct stat_data *d)
{
	struct nlattr *tb[AERIE_A_MAX + 1];
	struct exit_stat *x;
	struct nlattr *nest;
	int rest;

	nla_for_each_nested(nest, list, rest) {
		if (!get_nest(nest, tb))
			return;
		d->exit = xrealloc(d->exit, d->nr + 1, sizeof(*d->exit));
		x = &d->exit[d->nr++];
		memset(x, 0, sizeof(*x));
		get_str(tb[AERIE_A_EXIT_NAME], x->name, sizeof(x->name));
		x->count = get_u64(tb[AERIE_A_EXIT_COUNT]);
		x->total = get_u64(tb[AERIE_A_EXIT_TOTAL]);
		x->min = get_u64(tb[AERIE_A_EXIT_MIN]);
		x->max = get_u64(tb[AERIE_A_EXIT_MAX]);
		if (tb[AERIE_A_EXIT_HIST])
			memcpy(x->hist, nla_data(tb[AERIE_A_EXIT_HIST]), sizeof(x->hist));
		d->count += x->count;
	}
}

static void read_stat(struct nlattr **tb, void *arg)
{
	struct stat_data *d = arg;

	get_str(tb[AERIE_A_NAME], d->name, sizeof(d->name));
	d->tsc_khz = get_u32(tb[AERIE_A_TSC_KHZ]);
	d->vmrun = get_u64(tb[AERIE_A_COST_SWITCH]);
	d->host_state = get_u64(tb[AERIE_A_COST_HOST_STATE]);
	d->mitigations = get_u64(tb[AERIE_A_COST_MITIGATIONS]);
	if (tb[AERIE_A_EXIT_LIST])
		read_exits(tb[AERIE_A_EXIT_LIST], d);
}

static int by_count(const void *a, const void *b)
{
	const struct exit_stat *x = a, *y = b;

	return x->count < y->count ? 1 : x->count > y->count ? -1 : strcmp(x->name, y->name);
}

/* Cycles, or nanoseconds unless cycles are wanted or the frequency is not known. */
static uint64_t amount(const struct stat_data *d, uint64_t cycles)
{
	if (d->cycles)
		return cycles;
	return (uint64_t)((unsigned __int128)cycles * 1000000 / d->tsc_khz);
}

/* The bounds of bucket @n; the last one has no upper bound. */
static const char *bucket_text(const struct stat_data *d, unsigned int n, char buf[BOUNDS_LEN])
{
	uint64_t from = amount(d, n ? 1ull << n : 0), to = amount(d, 1ull << (n + 1));
	char a[TEXT_LEN], b[TEXT_LEN];

	if (d->cycles) {
		snprintf(a, sizeof(a), "%llu", (unsigned long long)from);
		snprintf(b, sizeof(b), "%llu", (unsigned long long)to);
	} else {
		text_duration(from, a);
		text_duration(to, b);
	}
	if (n == AERIE_EXIT_BUCKETS - 1)
		snprintf(buf, BOUNDS_LEN, "%s or more", a);
	else
		snprintf(buf, BOUNDS_LEN, "%s to %s", a, b);
	return buf;
}

static void print_histogram(const struct stat_data *d, const struct exit_stat *x)
{
	static const char bar[] = "########################################";
	unsigned int n, first = AERIE_EXIT_BUCKETS, last = 0;
	char bounds[BOUNDS_LEN];
	uint64_t most = 1;

	for (n = 0; n < AERIE_EXIT_BUCKETS; n++) {
		if (!x->hist[n])
			continue;
		if (first == AERIE_EXIT_BUCKETS)
			first = n;
		last = n;
		if (x->hist[n] > most)
			most = x->hist[n];
	}
	printf("\n%s\n", x->name);
	for (n = first; n <= last && n < AERIE_EXIT_BUCKETS; n++) {
		int len = (int)((double)x->hist[n] * (double)(sizeof(bar) - 1) / (double)most +
				0.5);

		printf("  %20s %10llu %.*s\n", bucket_text(d, n, bounds),
		       (unsigned long long)x->hist[n], len, bar);
	}
}

static double share(const struct stat_data *d, const struct exit_stat *x)
{
	return 100.0 * (double)x->count / (double)(d->count ? d->count : 1);
}

static struct out_table *stat_table(const struct stat_data *d)
{
	static const struct out_col in_time[] = {
		{ "EXIT", OUT_STR }, { "COUNT", OUT_U64 }, { "SHARE", OUT_PERCENT },
		{ "TOTAL", OUT_TIME }, { "MIN", OUT_TIME }, { "MEAN", OUT_TIME },
		{ "MAX", OUT_TIME },
	}, in_cycles[] = {
		{ "EXIT", OUT_STR }, { "COUNT", OUT_U64 }, { "SHARE", OUT_PERCENT },
		{ "TOTAL", OUT_U64 }, { "MIN", OUT_U64 }, { "MEAN", OUT_U64 },
		{ "MAX", OUT_U64 },
	};
	struct out_table *table = out_table_new(d->cycles ? in_cycles : in_time, 7);
	size_t i;

	for (i = 0; i < d->nr; i++) {
		const struct exit_stat *x = &d->exit[i];
		uint64_t count = x->count ? x->count : 1;

		out_table_row(table, (struct out_val[]){
			{ .str = x->name },
			{ .u64 = x->count },
			{ .real = share(d, x) },
			{ .u64 = amount(d, x->total) },
			{ .u64 = amount(d, x->min) },
			{ .u64 = amount(d, x->total / count) },
			{ .u64 = amount(d, x->max) },
		});
	}
	return table;
}

/* The whole is the sum of its parts as they are printed. */
static struct out_table *cost_table(const struct stat_data *d)
{
	static const struct out_col in_time[] = {
		{ "EXIT", OUT_STR }, { "COUNT", OUT_U64 }, { "SHARE", OUT_PERCENT },
		{ "SWITCH", OUT_TIME }, { "HOST_STATE", OUT_TIME }, { "MITIGATIONS", OUT_TIME },
		{ "HANDLER", OUT_TIME }, { "WHOLE", OUT_TIME },
	}, in_cycles[] = {
		{ "EXIT", OUT_STR }, { "COUNT", OUT_U64 }, { "SHARE", OUT_PERCENT },
		{ "SWITCH", OUT_U64 }, { "HOST_STATE", OUT_U64 }, { "MITIGATIONS", OUT_U64 },
		{ "HANDLER", OUT_U64 }, { "WHOLE", OUT_U64 },
	};
	struct out_table *table = out_table_new(d->cycles ? in_cycles : in_time, 8);
	uint64_t vmrun = amount(d, d->vmrun), host_state = amount(d, d->host_state);
	uint64_t mitigations = amount(d, d->mitigations);
	size_t i;

	for (i = 0; i < d->nr; i++) {
		const struct exit_stat *x = &d->exit[i];
		uint64_t handler = amount(d, x->total / (x->count ? x->count : 1));

		out_table_row(table, (struct out_val[]){
			{ .str = x->name },
			{ .u64 = x->count },
			{ .real = share(d, x) },
			{ .u64 = vmrun },
			{ .u64 = host_state },
			{ .u64 = mitigations },
			{ .u64 = handler },
			{ .u64 = vmrun + host_state + mitigations + handler },
		});
	}
	return table;
}

static void print_stat(const struct args *args, const struct stat_data *d)
{
	struct json json = { .f = stdout };
	struct out_table *table = args_has(args, "cost") ? cost_table(d) : stat_table(d);
	bool histogram = args_has(args, "histogram");
	unsigned int n;
	size_t i;

	if (!args_has(args, "json")) {
		out_table_text(table, stdout);
		for (i = 0; histogram && i < d->nr; i++)
			print_histogram(d, &d->exit[i]);
		out_table_free(table);
		return;
	}
	json_open(&json, NULL, '{');
	json_str(&json, "name", d->name);
	json_str(&json, "unit", d->cycles ? "cycles" : "ns");
	json_u64(&json, "tsc_khz", d->tsc_khz);
	out_table_json(table, &json, "exits");
	if (histogram) {
		/* Bucket n: 2^n to 2^(n+1)-1 cycles. */
		json_open(&json, "histogram", '{');
		for (i = 0; i < d->nr; i++) {
			json_open(&json, d->exit[i].name, '[');
			for (n = 0; n < AERIE_EXIT_BUCKETS; n++)
				json_u64(&json, NULL, d->exit[i].hist[n]);
			json_close(&json, ']');
		}
		json_close(&json, '}');
	}
	json_close(&json, '}');
	out_table_free(table);
}

enum status cmd_stat(const struct args *args)
{
	const char *vcpu = args_value(args, "vcpu");
	struct stat_data d = {};
	char buf[AERIE_NAME_MAX + 1];
	enum status status;
	struct refusal e;
	struct nl_msg *msg;
	const char *name;
	uint32_t id = 0;
	struct conn conn;

	if (args_has(args, "latency"))
		return cmd_latency(args);
	if (vcpu && (!parse_u32(vcpu, &id) || id >= AERIE_VCPUS_MAX))
		return usage(args, "--vcpu '%s' is not 0 to %d", vcpu, AERIE_VCPUS_MAX - 1);
	if (args_has(args, "cost") && args_has(args, "histogram"))
		return usage(args, "--cost or --histogram, not both");
	status = conn_open(&conn);
	if (status != STATUS_OK)
		return status;
	name = vm_resolve(&conn, args->operand[0], buf);
	msg = conn_request(&conn, AERIE_CMD_STAT_GET, 0);
	put_str(msg, AERIE_A_NAME, name);
	if (vcpu)
		put_u32(msg, AERIE_A_VCPU_ID, id);
	if (args_has(args, "cost"))
		put_data(msg, AERIE_A_COST, NULL, 0);
	status = conn_call(&conn, msg, read_stat, &d, &e);
	if (status == STATUS_OK) {
		d.cycles = args_has(args, "cycles") || !d.tsc_khz;
		if (d.nr)
			qsort(d.exit, d.nr, sizeof(*d.exit), by_count);
		print_stat(args, &d);
	} else {
		fail(name, args_has(args, "cost") ? "cannot measure what exits cost" :
		     "cannot read statistics", &e);
	}
	free(d.exit);
	conn_close(&conn);
	return status;
}
