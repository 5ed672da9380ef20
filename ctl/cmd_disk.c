// SPDX-License-Identifier: GPL-2.0
/* aerie disk: size and limits of one disk. */
#include <string.h>

#include "cmd.h"
#include "disk.h"
#include "out.h"
#include "text.h"

const struct option_def opts_disk[] = {
	{ .name = "size", .arg = "SIZE",
	  .help = "make disk and file as large as that, 20G" },
	{ .name = "rescan",
	  .help = "take over the size that the file or device has now" },
	{ .name = "iops", .arg = "N",
	  .help = "requests a second, 0: as many as there are" },
	{ .name = "bps", .arg = "SIZE",
	  .help = "bytes a second, 50M; 0: as many as there are" },
	{ .name = "burst", .arg = "TIME",
	  .help = "idling that may be made up for, 2s; default 100ms" },
	OPTION_JSON,
	OPTION_END
};

static const char *const limits[] = { "iops", "bps", "burst" };

static enum status read_limit(const struct args *args, size_t which, const char *value,
			      struct disk_limit *limit)
{
	uint64_t ns;
	uint32_t n;

	switch (which) {
	case 0:
		if (!parse_u32(value, &n))
			return usage(args, "iops '%s' is no number of requests", value);
		limit->has_iops = true;
		limit->iops = n;
		break;
	case 1:
		if (!parse_size(value, &limit->bps) || limit->bps > AERIE_RATE_MAX)
			return usage(args, "bps '%s' is no size up to 1T, write 50M", value);
		limit->has_bps = true;
		break;
	case 2:
		if (!parse_duration(value, &ns) || ns / 1000000 > AERIE_BURST_MAX)
			return usage(args, "burst '%s' is no time up to 1h, write 500ms or 2s", value);
		limit->has_burst = true;
		limit->burst_ms = ns / 1000000;
		break;
	}
	return STATUS_OK;
}

bool disk_limit_word(const struct args *args, const char *word, struct disk_limit *limit,
		     enum status *status)
{
	size_t i, len;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		len = strlen(limits[i]);
		if (strncmp(word, limits[i], len) || word[len] != '=')
			continue;
		*status = read_limit(args, i, word + len + 1, limit);
		return true;
	}
	return false;
}

void disk_limit_put(struct nl_msg *msg, const struct disk_limit *limit)
{
	if (limit->has_iops)
		put_u64(msg, AERIE_A_IOPS, limit->iops);
	if (limit->has_bps)
		put_u64(msg, AERIE_A_BPS, limit->bps);
	if (limit->has_burst)
		put_u32(msg, AERIE_A_BURST_MS, limit->burst_ms);
}

struct change {
	bool resize;
	uint64_t size;		/* 0: what the file has */
	struct disk_limit limit;
};

static enum status read_change(const struct args *args, struct change *c)
{
	const char *size = args_value(args, "size"), *value;
	enum status status;
	size_t i;

	if (size && args_has(args, "rescan"))
		return usage(args, "--size or --rescan, not both");
	if (size && (!parse_size(size, &c->size) || !c->size))
		return usage(args, "--size '%s' is no size, write 20G", size);
	c->resize = size || args_has(args, "rescan");
	if (strlen(args->operand[1]) > AERIE_DISK_NAME_MAX)
		return usage(args, "'%s' is no name of a disk, they are disk0, disk1 and so on",
			     args->operand[1]);
	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		value = args_value(args, limits[i]);
		status = value ? read_limit(args, i, value, &c->limit) : STATUS_OK;
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

void disk_state_read(struct nlattr **tb, struct disk_state *s)
{
	s->size = get_u64(tb[AERIE_A_DISK_SIZE]);
	s->iops = get_u64(tb[AERIE_A_IOPS]);
	s->bps = get_u64(tb[AERIE_A_BPS]);
	s->burst_ms = get_u32(tb[AERIE_A_BURST_MS]);
}

static void read_state(struct nlattr **tb, void *arg)
{
	disk_state_read(tb, arg);
}

static void print_state(const struct args *args, const char *vm, const struct disk_state *s)
{
	const struct {
		const char *name;
		enum out_type type;
		struct out_val val;
	} fields[] = {
		{ "vm", OUT_STR, { .str = vm } },
		{ "disk", OUT_STR, { .str = args->operand[1] } },
		{ "size", OUT_SIZE, { .u64 = s->size } },
		{ "iops", OUT_U64, { .u64 = s->iops, .none = !s->iops } },
		{ "bps", OUT_SIZE, { .u64 = s->bps, .none = !s->bps } },
		{ "burst", OUT_TIME, { .u64 = s->burst_ms * 1000000ull } },
	};
	size_t i, nr = sizeof(fields) / sizeof(fields[0]);
	struct json json = { .f = stdout };
	char buf[TEXT_LEN];

	if (args_has(args, "json"))
		json_open(&json, NULL, '{');
	for (i = 0; i < nr; i++) {
		if (args_has(args, "json"))
			out_json(&json, fields[i].name, fields[i].type, &fields[i].val);
		else
			printf("%-6s %s\n", fields[i].name,
			       out_text(fields[i].type, &fields[i].val, buf));
	}
	if (args_has(args, "json"))
		json_close(&json, '}');
}

enum status cmd_disk(const struct args *args)
{
	char buf[AERIE_NAME_MAX + 1];
	struct disk_state state = {};
	struct change change = {};
	enum status status = read_change(args, &change);
	struct refusal e;
	const char *name;
	struct nl_msg *msg;
	struct conn conn;

	if (status == STATUS_OK)
		status = conn_open(&conn);
	if (status != STATUS_OK)
		return status;
	name = vm_resolve(&conn, args->operand[0], buf);
	msg = conn_request(&conn, AERIE_CMD_DISK_SET, 0);
	put_str(msg, AERIE_A_NAME, name);
	put_str(msg, AERIE_A_DISK_NAME, args->operand[1]);
	if (change.resize)
		put_u64(msg, AERIE_A_DISK_SIZE, change.size);
	disk_limit_put(msg, &change.limit);
	status = conn_call(&conn, msg, read_state, &state, &e);
	if (status == STATUS_OK)
		print_state(args, name, &state);
	else if (e.attr == AERIE_A_DISK_NAME)
		complain(name, "%s: %s", args->operand[1], e.msg);
	else
		fail(name, change.resize ? "cannot resize" : "cannot look at the disk", &e);
	conn_close(&conn);
	return status;
}
