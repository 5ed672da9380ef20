// SPDX-License-Identifier: GPL-2.0
/* aerie sched: how VMs are scheduled, and where their vCPUs' time went. */
#include <string.h>

#include "cmd.h"
#include "mem.h"
#include "out.h"
#include "sched.h"
#include "text.h"

const struct option_def opts_sched[] = {
	OPTIONS_SCHED,
	OPTION_JSON,
	OPTION_END
};

/* Of a vCPU, or of all of a VM. */
struct spent {
	uint32_t id, tid, state;
	int32_t nice;
	uint64_t ns[AERIE_VCPU_NR_STATES];
	uint64_t yields, capped, skew_ns, graces;
};

struct policy {
	char name[AERIE_NAME_MAX + 1], pin[AERIE_PIN_MAX + 1];
	uint32_t state, weight, cap;
	uint64_t period_ns, budget_ns;
	struct spent all;
	struct spent vcpu[AERIE_VCPUS_MAX];
	size_t nr_vcpu;
};

struct policies {
	struct policy *vm;
	size_t nr;
};

static void read_spent(struct nlattr **tb, struct spent *s)
{
	s->id = get_u32(tb[AERIE_A_VCPU_ID]);
	s->tid = get_u32(tb[AERIE_A_TID]);
	s->state = get_u32(tb[AERIE_A_SCHED_STATE]);
	s->nice = (int32_t)get_u32(tb[AERIE_A_SCHED_NICE]);
	if (tb[AERIE_A_SCHED_TIMES])
		nla_memcpy(s->ns, tb[AERIE_A_SCHED_TIMES], sizeof(s->ns));
	s->yields = get_u64(tb[AERIE_A_SCHED_YIELDS]);
	s->capped = get_u64(tb[AERIE_A_SCHED_CAPPED]);
	s->skew_ns = get_u64(tb[AERIE_A_SCHED_SKEW]);
	s->graces = get_u64(tb[AERIE_A_SCHED_GRACES]);
}

static void read_policy(struct nlattr **tb, void *arg)
{
	struct policies *list = arg;
	struct nlattr *of[AERIE_A_MAX + 1], *nest;
	struct policy *p;
	int rest;

	list->vm = xrealloc(list->vm, list->nr + 1, sizeof(*list->vm));
	p = &list->vm[list->nr++];
	memset(p, 0, sizeof(*p));
	get_str(tb[AERIE_A_NAME], p->name, sizeof(p->name));
	get_str(tb[AERIE_A_SCHED_PIN], p->pin, sizeof(p->pin));
	p->state = get_u32(tb[AERIE_A_STATE]);
	p->weight = get_u32(tb[AERIE_A_SCHED_WEIGHT]);
	p->cap = get_u32(tb[AERIE_A_SCHED_CAP]);
	p->period_ns = get_u64(tb[AERIE_A_SCHED_PERIOD]);
	p->budget_ns = get_u64(tb[AERIE_A_SCHED_BUDGET]);
	read_spent(tb, &p->all);
	if (!tb[AERIE_A_VCPU_LIST])
		return;
	nla_for_each_nested(nest, tb[AERIE_A_VCPU_LIST], rest)
		if (p->nr_vcpu < AERIE_VCPUS_MAX && get_nest(nest, of))
			read_spent(of, &p->vcpu[p->nr_vcpu++]);
}

static const struct out_col policy_cols[] = {
	{ "NAME", OUT_STR }, { "STATE", OUT_STR }, { "WEIGHT", OUT_U64 }, { "CAP", OUT_PERCENT },
	{ "PIN", OUT_STR }, { "BUDGET", OUT_TIME }, { "PERIOD", OUT_TIME }, { "RUN", OUT_TIME },
	{ "WAIT", OUT_TIME }, { "CAPPED", OUT_TIME }, { "BLOCKED", OUT_TIME },
	{ "IDLE", OUT_TIME }, { "PAUSED", OUT_TIME }, { "CAPS", OUT_U64 }, { "YIELDS", OUT_U64 },
	{ "SKEW", OUT_TIME }, { "GRACES", OUT_U64 },
};

static struct out_table *policy_table(const struct policies *list)
{
	struct out_table *table = out_table_new(policy_cols, 17);
	size_t i;

	for (i = 0; i < list->nr; i++) {
		const struct policy *p = &list->vm[i];
		const uint64_t *ns = p->all.ns;

		out_table_row(table, (struct out_val[]){
			{ .str = p->name }, { .str = state_name(p->state) }, { .u64 = p->weight },
			{ .real = p->cap, .none = !p->cap }, { .str = p->pin, .none = !*p->pin },
			{ .u64 = p->budget_ns, .none = !p->budget_ns },
			{ .u64 = p->period_ns, .none = !p->budget_ns },
			{ .u64 = ns[AERIE_VCPU_RUNS] }, { .u64 = ns[AERIE_VCPU_WAITS] },
			{ .u64 = ns[AERIE_VCPU_CAPPED] }, { .u64 = ns[AERIE_VCPU_BLOCKED] },
			{ .u64 = ns[AERIE_VCPU_IDLE] }, { .u64 = ns[AERIE_VCPU_PAUSED] },
			{ .u64 = p->all.capped }, { .u64 = p->all.yields },
			{ .u64 = p->all.skew_ns }, { .u64 = p->all.graces },
		});
	}
	return table;
}

static const char *does(uint32_t state)
{
	static const char * const names[AERIE_VCPU_NR_STATES] = {
		[AERIE_VCPU_IDLE] = "idle", [AERIE_VCPU_RUNS] = "runs",
		[AERIE_VCPU_WAITS] = "waits", [AERIE_VCPU_CAPPED] = "capped",
		[AERIE_VCPU_BLOCKED] = "blocked", [AERIE_VCPU_PAUSED] = "paused",
	};

	return state < AERIE_VCPU_NR_STATES ? names[state] : "?";
}

static const struct out_col vcpu_cols[] = {
	{ "VCPU", OUT_U64 }, { "TID", OUT_U64 }, { "DOES", OUT_STR }, { "NICE", OUT_REAL },
	{ "RUN", OUT_TIME }, { "WAIT", OUT_TIME }, { "CAPPED", OUT_TIME },
	{ "BLOCKED", OUT_TIME }, { "IDLE", OUT_TIME }, { "PAUSED", OUT_TIME },
	{ "STEAL", OUT_TIME }, { "CAPS", OUT_U64 }, { "YIELDS", OUT_U64 }, { "SKEW", OUT_TIME },
	{ "GRACES", OUT_U64 },
};

static struct out_table *vcpu_table(const struct policy *p)
{
	struct out_table *table = out_table_new(vcpu_cols, 15);
	size_t i;

	for (i = 0; i < p->nr_vcpu; i++) {
		const struct spent *s = &p->vcpu[i];
		const uint64_t *ns = s->ns;

		out_table_row(table, (struct out_val[]){
			{ .u64 = s->id }, { .u64 = s->tid }, { .str = does(s->state) },
			{ .real = s->nice }, { .u64 = ns[AERIE_VCPU_RUNS] },
			{ .u64 = ns[AERIE_VCPU_WAITS] }, { .u64 = ns[AERIE_VCPU_CAPPED] },
			{ .u64 = ns[AERIE_VCPU_BLOCKED] }, { .u64 = ns[AERIE_VCPU_IDLE] },
			{ .u64 = ns[AERIE_VCPU_PAUSED] },
			{ .u64 = ns[AERIE_VCPU_WAITS] + ns[AERIE_VCPU_CAPPED] +
				 ns[AERIE_VCPU_BLOCKED] + ns[AERIE_VCPU_PAUSED] },
			{ .u64 = s->capped }, { .u64 = s->yields }, { .u64 = s->skew_ns },
			{ .u64 = s->graces },
		});
	}
	return table;
}

static void print_one(const struct policies *list, bool json)
{
	struct out_table *policy = policy_table(list), *vcpus = vcpu_table(&list->vm[0]);

	if (json) {
		struct json j = { .f = stdout };

		json_open(&j, NULL, '{');
		out_table_json(policy, &j, "sched");
		out_table_json(vcpus, &j, "vcpus");
		json_close(&j, '}');
	} else {
		out_table_text(policy, stdout);
		putchar('\n');
		out_table_text(vcpus, stdout);
	}
	out_table_free(policy);
	out_table_free(vcpus);
}

static void print_all(const struct policies *list, bool json)
{
	struct out_table *table = policy_table(list);

	out_table_print(table, json);
	out_table_free(table);
}

enum status cmd_sched(const struct args *args)
{
	const bool json = args_has(args, "json");
	struct policies list = { 0 };
	char buf[AERIE_NAME_MAX + 1];
	const char *name = NULL;
	struct sched sched;
	struct refusal e;
	enum status status;
	struct conn conn;

	status = read_sched(args, &sched);
	if (status == STATUS_OK && asks_sched(&sched) && !args->nr_operands)
		status = usage(args, "of which VM?");
	if (status == STATUS_OK)
		status = conn_open(&conn);
	if (status != STATUS_OK)
		return status;
	if (args->nr_operands)
		name = vm_resolve(&conn, args->operand[0], buf);
	if (asks_sched(&sched)) {
		status = set_sched(&conn, name, &sched, &e);
		if (status != STATUS_OK)
			fail(name, "cannot set how it is scheduled", &e);
		goto out;
	}
	if (name)
		status = conn_vm_call(&conn, AERIE_CMD_SCHED_GET, name, read_policy, &list, &e);
	else
		status = conn_call(&conn, conn_request(&conn, AERIE_CMD_SCHED_GET, NLM_F_DUMP),
				   read_policy, &list, &e);
	if (status != STATUS_OK)
		fail(name, "cannot look at how it is scheduled", &e);
	else if (name)
		print_one(&list, json);
	else
		print_all(&list, json);
out:
	free(list.vm);
	conn_close(&conn);
	return status;
}
