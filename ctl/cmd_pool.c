// SPDX-License-Identifier: GPL-2.0
/* aerie pool: the memory of the host that all VMs together have, and may have. */
#include <string.h>

#include "cmd.h"
#include "out.h"
#include "text.h"

const struct option_def opts_pool[] = {
	{ .name = "limit", .arg = "SIZE", .help = "what all VMs together may have, 0: no limit" },
	OPTION_JSON,
	OPTION_END
};

struct pool {
	uint64_t limit, used, store, on_disk, ballooned, wanted;
};

static void read_pool(struct nlattr **tb, void *arg)
{
	struct pool *pool = arg;

	pool->limit = get_u64(tb[AERIE_A_POOL_LIMIT]);
	pool->used = get_u64(tb[AERIE_A_POOL_USED]);
	pool->store = get_u64(tb[AERIE_A_POOL_STORE]);
	pool->on_disk = get_u64(tb[AERIE_A_ON_DISK]);
	pool->ballooned = get_u64(tb[AERIE_A_BALLOONED]);
	pool->wanted = get_u64(tb[AERIE_A_BALLOON]);
}

static const struct out_col pool_cols[] = {
	{ "LIMIT", OUT_SIZE }, { "USED", OUT_SIZE }, { "STORE", OUT_SIZE },
	{ "ON_DISK", OUT_SIZE }, { "BALLOONED", OUT_SIZE }, { "WANTED", OUT_SIZE },
};

static void print_pool(const struct args *args, const struct pool *pool)
{
	struct out_table *table = out_table_new(pool_cols, 6);

	out_table_row(table, (struct out_val[]){
		{ .u64 = pool->limit, .none = !pool->limit }, { .u64 = pool->used },
		{ .u64 = pool->store }, { .u64 = pool->on_disk },
		{ .u64 = pool->ballooned }, { .u64 = pool->wanted },
	});
	out_table_print(table, args_has(args, "json"));
	out_table_free(table);
}

enum status cmd_pool(const struct args *args)
{
	const char *limit = args_value(args, "limit");
	struct pool pool = { 0 };
	uint64_t bytes = 0;
	enum status status;
	struct nl_msg *msg;
	struct refusal e;
	struct conn conn;

	if (limit && strcmp(limit, "0") && !parse_size(limit, &bytes))
		return usage(args, "--limit '%s' is no size", limit);
	status = conn_open(&conn);
	if (status != STATUS_OK)
		return status;
	msg = conn_request(&conn, AERIE_CMD_POOL_SET, 0);
	if (limit)
		put_u64(msg, AERIE_A_POOL_LIMIT, bytes);
	status = conn_call(&conn, msg, read_pool, &pool, &e);
	if (status == STATUS_OK)
		print_pool(args, &pool);
	else
		fail(NULL, limit ? "cannot set the pool's limit" : "cannot look at the pool", &e);
	conn_close(&conn);
	return status;
}
