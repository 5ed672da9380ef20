// SPDX-License-Identifier: GPL-2.0
/* aerie cpus: how many vCPUs a guest has, and is to have. */
#include <unistd.h>

#include "cmd.h"
#include "out.h"
#include "text.h"

#define CPUS_WAIT_NS	(30 * 1000000000ull)

const struct option_def opts_cpus[] = {
	{ .name = "timeout", .letter = 't', .arg = "DURATION",
	  .help = "how long to wait for the guest to let go of vCPUs; default 30s" },
	OPTION_JSON,
	OPTION_QUIET,
	OPTION_END
};

struct cpus {
	uint32_t present, wanted, possible, online;
};

struct change {
	const struct args *args;
	struct conn conn;
	struct events events;
	const char *name;		/* of the VM */
	uint32_t nr;			/* that it is to have; 0: as before */
	uint64_t deadline;
};

static void read_cpus(struct nlattr **tb, void *arg)
{
	struct cpus *cpus = arg;

	cpus->present = get_u32(tb[AERIE_A_VCPUS]);
	cpus->wanted = get_u32(tb[AERIE_A_VCPUS_WANTED]);
	cpus->possible = get_u32(tb[AERIE_A_VCPUS_MAX]);
	cpus->online = get_u32(tb[AERIE_A_VCPUS_ONLINE]);
}

/* Say how many the guest is to have, or ask where @nr is 0. */
static enum status cpus_set(const struct change *c, uint32_t nr, struct cpus *cpus,
			    struct refusal *e)
{
	struct nl_msg *msg = conn_request(&c->conn, AERIE_CMD_CPUS_SET, 0);

	put_str(msg, AERIE_A_NAME, c->name);
	if (nr)
		put_u32(msg, AERIE_A_VCPUS, nr);
	return conn_call(&c->conn, msg, read_cpus, cpus, e);
}

static const struct out_col cpus_cols[] = {
	{ "NAME", OUT_STR }, { "PRESENT", OUT_U64 }, { "WANTED", OUT_U64 },
	{ "POSSIBLE", OUT_U64 }, { "ONLINE", OUT_U64 },
};

#define NR_COLS		(sizeof(cpus_cols) / sizeof(cpus_cols[0]))

static void print_cpus(const struct change *c, const struct cpus *cpus, const struct vm *vm)
{
	const struct out_val row[NR_COLS] = {
		{ .str = c->name }, { .u64 = cpus->present }, { .u64 = cpus->wanted },
		{ .u64 = cpus->possible }, { .u64 = cpus->online },
	};
	struct out_table *table = out_table_new(cpus_cols, NR_COLS);
	struct out_table *threads = vm_vcpu_table(vm);
	struct json json = { .f = stdout };
	size_t i;

	if (args_has(c->args, "json")) {
		json_open(&json, NULL, '{');
		for (i = 0; i < NR_COLS; i++)
			out_json(&json, cpus_cols[i].name, cpus_cols[i].type, &row[i]);
		out_table_json(threads, &json, "threads");
		json_close(&json, '}');
	} else {
		out_table_row(table, row);
		out_table_text(table, stdout);
		putchar('\n');
		out_table_text(threads, stdout);
	}
	out_table_free(threads);
	out_table_free(table);
}

static enum status show(const struct change *c)
{
	enum status status;
	struct refusal e;
	struct cpus cpus;
	struct vm vm;

	status = cpus_set(c, 0, &cpus, &e);
	if (status == STATUS_OK)
		status = vm_get(&c->conn, c->name, &vm, &e);
	if (status != STATUS_OK) {
		fail(c->name, "cannot look at vCPUs", &e);
		return status;
	}
	print_cpus(c, &cpus, &vm);
	vm_free(&vm);
	return STATUS_OK;
}

/* Until the guest has let go of what is too much, or somebody else wants another number. */
static enum status wait_gone(struct change *c, struct cpus *cpus)
{
	const char *timeout = args_value(c->args, "timeout");
	enum status status = STATUS_OK;
	struct refusal e;

	if (cpus->present > c->nr && isatty(STDERR_FILENO))
		tell(c->args, c->name, "waiting for the guest to let go of vCPUs");
	while (status == STATUS_OK && cpus->present > c->nr && cpus->wanted == c->nr) {
		if (now_ns() >= c->deadline) {
			complain(c->name, "cannot take vCPUs: the guest has let go of none or too few within %s, and has %u; it is still asked, aerie cpus %s %u takes that back",
				 timeout ? timeout : "30s", cpus->present, c->name, cpus->present);
			return STATUS_TIMEOUT;
		}
		events_wait(&c->events, c->deadline);
		status = cpus_set(c, 0, cpus, &e);
	}
	if (status != STATUS_OK) {
		fail(c->name, "cannot take vCPUs", &e);
	} else if (cpus->present > c->nr) {
		complain(c->name, "cannot take vCPUs: %u are wanted by now", cpus->wanted);
		status = STATUS_FAILED;
	}
	return status;
}

/* And show what came of it. */
static enum status change(struct change *c)
{
	struct cpus cpus, was;
	struct refusal e, ignored;
	enum status status = cpus_set(c, c->nr, &cpus, &e);

	if (status == STATUS_OK)
		status = wait_gone(c, &cpus);
	else if (e.attr == AERIE_A_VCPUS && cpus_set(c, 0, &was, &ignored) == STATUS_OK)
		complain(c->name, "cannot set vCPUs: %u are more than the %u that it was made for",
			 c->nr, was.possible);
	else
		fail(c->name, "cannot set vCPUs", &e);
	return status == STATUS_OK && !args_has(c->args, "quiet") ? show(c) : status;
}

enum status cmd_cpus(const struct args *args)
{
	const char *nr = args->nr_operands > 1 ? args->operand[1] : NULL;
	struct change c = { .args = args };
	char buf[AERIE_NAME_MAX + 1];
	enum status status;
	struct refusal e;

	if (nr && (!parse_u32(nr, &c.nr) || !c.nr || c.nr > AERIE_VCPUS_MAX))
		return usage(args, "'%s' is not 1 to %d vCPUs", nr, AERIE_VCPUS_MAX);
	if (!nr && args_has(args, "timeout"))
		return usage(args, "--timeout is for a change: of how many vCPUs?");
	status = read_deadline(args, CPUS_WAIT_NS, &c.deadline);
	if (status == STATUS_OK)
		status = conn_open(&c.conn);
	if (status != STATUS_OK)
		return status;
	c.name = vm_resolve(&c.conn, args->operand[0], buf);
	if (!nr) {
		status = show(&c);
	} else {
		/* Listen first: what comes after the asking is heard. */
		status = events_open(&c.events, &c.conn, &e);
		if (status != STATUS_OK) {
			fail(c.name, "cannot set vCPUs", &e);
		} else {
			status = change(&c);
			events_close(&c.events);
		}
	}
	conn_close(&c.conn);
	return status;
}
