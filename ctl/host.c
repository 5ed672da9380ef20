// SPDX-License-Identifier: GPL-2.0
/* What the module tells about the host: processors, capabilities, mitigations. */
#include "host.h"
#include "mem.h"

static void read_mitigations(struct nlattr *list, struct host *host)
{
	struct nlattr *tb[AERIE_A_MAX + 1];
	struct mitigation *m;
	struct nlattr *nest;
	int rest;

	nla_for_each_nested(nest, list, rest) {
		if (!get_nest(nest, tb))
			return;
		host->mitigation = xrealloc(host->mitigation, host->nr_mitigations + 1,
					    sizeof(*host->mitigation));
		m = &host->mitigation[host->nr_mitigations++];
		get_str(tb[AERIE_A_MITIGATION_NAME], m->name, sizeof(m->name));
		get_str(tb[AERIE_A_MITIGATION_WHERE], m->where, sizeof(m->where));
		m->active = tb[AERIE_A_MITIGATION_ACTIVE] &&
			    nla_get_u8(tb[AERIE_A_MITIGATION_ACTIVE]);
	}
}

static void read_host(struct nlattr **tb, void *arg)
{
	struct host *host = arg;

	get_str(tb[AERIE_A_BACKEND], host->backend, sizeof(host->backend));
	get_str(tb[AERIE_A_HW_STATE], host->hw_state, sizeof(host->hw_state));
	if (tb[AERIE_A_CAPS] && !host->caps)
		host->caps = nla_strdup(tb[AERIE_A_CAPS]);
	if (tb[AERIE_A_MITIGATION_LIST])
		read_mitigations(tb[AERIE_A_MITIGATION_LIST], host);
}

enum status host_get(const struct conn *conn, struct host *host, struct refusal *e)
{
	*host = (struct host){};
	return conn_call(conn, conn_request(conn, AERIE_CMD_DOCTOR, 0), read_host, host, e);
}

void host_free(struct host *host)
{
	free(host->caps);
	free(host->mitigation);
	*host = (struct host){};
}

struct out_table *host_mitigations(const struct host *host)
{
	static const struct out_col cols[] = {
		{ "MITIGATION", OUT_STR }, { "ACTIVE", OUT_BOOL }, { "WHERE", OUT_STR },
	};
	struct out_table *table = out_table_new(cols, 3);
	size_t i;

	for (i = 0; i < host->nr_mitigations; i++) {
		const struct mitigation *m = &host->mitigation[i];

		out_table_row(table, (struct out_val[]){
			{ .str = m->name }, { .u64 = m->active }, { .str = m->where },
		});
	}
	return table;
}
