/* SPDX-License-Identifier: GPL-2.0 */
/* What the module tells about the host: processors, capabilities, mitigations. */
#ifndef CTL_HOST_H
#define CTL_HOST_H

#include "nl.h"
#include "out.h"

struct mitigation {
	char name[64];
	char where[160];
	bool active;
};

struct host {
	char backend[16];
	char hw_state[256];	/* "free", "ours", or who holds the processors */
	char *caps;		/* a line each, or NULL */
	struct mitigation *mitigation;
	size_t nr_mitigations;
};

enum status host_get(const struct conn *conn, struct host *host, struct refusal *e);
void host_free(struct host *host);
/* MITIGATION, ACTIVE, WHERE. */
struct out_table *host_mitigations(const struct host *host);

#endif
