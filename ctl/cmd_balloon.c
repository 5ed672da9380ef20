// SPDX-License-Identifier: GPL-2.0
/* aerie balloon: how much memory a guest does without, and is to. */
#include <linux/virtio_balloon.h>
#include <string.h>
#include <unistd.h>

#include "balloon.h"
#include "cmd.h"
#include "out.h"
#include "text.h"

const struct option_def opts_balloon[] = {
	{ .name = "min", .arg = "SIZE", .help = "of auto: the least that is wanted; default 0" },
	{ .name = "max", .arg = "SIZE", .help = "of auto: the most; default: the guest decides" },
	OPTION_JSON,
	OPTION_END
};

struct told {
	bool automatic;
	uint64_t min, max;		/* where it is */
	uint64_t wanted, actual, reported;
	bool has_stats;			/* by the guest */
	uint64_t age_ns, stats[VIRTIO_BALLOON_S_CACHES + 1];
};

static void read_told(struct nlattr **tb, void *arg)
{
	struct told *b = arg;

	b->automatic = tb[AERIE_A_BALLOON_AUTO];
	b->min = get_u64(tb[AERIE_A_BALLOON_MIN]);
	b->max = get_u64(tb[AERIE_A_BALLOON_MAX]);
	b->wanted = get_u64(tb[AERIE_A_BALLOON]);
	b->actual = get_u64(tb[AERIE_A_BALLOONED]);
	b->reported = get_u64(tb[AERIE_A_REPORTED]);
	b->has_stats = tb[AERIE_A_BALLOON_STATS];
	b->age_ns = get_u64(tb[AERIE_A_BALLOON_AGE]);
	if (b->has_stats)
		nla_memcpy(b->stats, tb[AERIE_A_BALLOON_STATS], sizeof(b->stats));
}

static const struct out_col balloon_cols[] = {
	{ "NAME", OUT_STR }, { "AUTO", OUT_BOOL }, { "MIN", OUT_SIZE }, { "MAX", OUT_SIZE },
	{ "WANTED", OUT_SIZE }, { "BALLOONED", OUT_SIZE },
	{ "REPORTED", OUT_SIZE }, { "TOTAL", OUT_SIZE }, { "FREE", OUT_SIZE },
	{ "AVAILABLE", OUT_SIZE }, { "CACHES", OUT_SIZE }, { "MAJFLT", OUT_U64 },
	{ "SWAPIN", OUT_SIZE }, { "SWAPOUT", OUT_SIZE },
};

/* One of the guest's own figures. */
static struct out_val figure(const struct told *b, unsigned int stat)
{
	return (struct out_val){
		.u64 = b->stats[stat], .none = !b->has_stats || b->stats[stat] == UINT64_MAX,
	};
}

static void print_balloon(const struct args *args, const char *name, const struct told *b)
{
	struct out_table *table = out_table_new(balloon_cols, 14);

	out_table_row(table, (struct out_val[]){
		{ .str = name }, { .u64 = b->automatic },
		{ .u64 = b->min, .none = !b->automatic }, { .u64 = b->max, .none = !b->automatic },
		{ .u64 = b->wanted }, { .u64 = b->actual },
		{ .u64 = b->reported }, figure(b, VIRTIO_BALLOON_S_MEMTOT),
		figure(b, VIRTIO_BALLOON_S_MEMFREE), figure(b, VIRTIO_BALLOON_S_AVAIL),
		figure(b, VIRTIO_BALLOON_S_CACHES), figure(b, VIRTIO_BALLOON_S_MAJFLT),
		figure(b, VIRTIO_BALLOON_S_SWAP_IN), figure(b, VIRTIO_BALLOON_S_SWAP_OUT),
	});
	out_table_print(table, args_has(args, "json"));
	out_table_free(table);
}

/* The first answer asks the guest for its figures, which takes it a moment. */
static enum status balloon_get(const struct conn *conn, const char *name, struct told *b,
			       struct refusal *e)
{
	enum status status;
	unsigned int tries = 0;

	do {
		if (tries)
			usleep(20000);
		status = conn_vm_call(conn, AERIE_CMD_BALLOON_SET, name, read_told, b, e);
	} while (status == STATUS_OK && b->has_stats && b->age_ns > 500000000 && ++tries < 50);
	return status;
}

/* What it is to have, from SIZE or auto with its bounds. */
static enum status read_wanted(const struct args *args, struct balloon *b)
{
	const char *size = args->nr_operands > 1 ? args->operand[1] : NULL;
	const char *min = args_value(args, "min"), *max = args_value(args, "max");
	enum status status = STATUS_OK;

	if (size)
		status = read_balloon(args, "SIZE", size, b);
	if (status == STATUS_OK && (min || max) && !b->automatic)
		return usage(args, "--%s is of auto alone", min ? "min" : "max");
	if (status == STATUS_OK && min)
		status = read_bound(args, "--min", min, &b->has_min, &b->min);
	if (status == STATUS_OK && max)
		status = read_bound(args, "--max", max, &b->has_max, &b->max);
	return status;
}

enum status cmd_balloon(const struct args *args)
{
	const bool set = args->nr_operands > 1;
	char buf[AERIE_NAME_MAX + 1];
	struct balloon balloon = { 0 };
	struct told told = { 0 };
	enum status status;
	struct refusal e;
	struct nl_msg *msg;
	const char *name;
	struct conn conn;

	status = read_wanted(args, &balloon);
	if (status == STATUS_OK)
		status = conn_open(&conn);
	if (status != STATUS_OK)
		return status;
	name = vm_resolve(&conn, args->operand[0], buf);
	if (set) {
		msg = conn_request(&conn, AERIE_CMD_BALLOON_SET, 0);
		put_str(msg, AERIE_A_NAME, name);
		put_balloon(msg, &balloon);
		status = conn_call(&conn, msg, NULL, NULL, &e);
	}
	if (status == STATUS_OK)
		status = balloon_get(&conn, name, &told, &e);
	if (status == STATUS_OK)
		print_balloon(args, name, &told);
	else
		fail(name, set ? "cannot set the balloon" : "cannot look at the balloon", &e);
	conn_close(&conn);
	return status;
}
