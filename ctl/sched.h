/* SPDX-License-Identifier: GPL-2.0 */
/* How a VM's vCPUs are to be scheduled, as it is asked for. */
#ifndef CTL_SCHED_H
#define CTL_SCHED_H

#include "args.h"
#include "nl.h"

#define OPTIONS_SCHED							\
	{ .name = "weight", .arg = "N",					\
	  .help = "its part of the processors beside other VMs, 1 to 10000; default 100" }, \
	{ .name = "cap", .arg = "PERCENT",				\
	  .help = "of one processor, for all its vCPUs together; 0: none" }, \
	{ .name = "pin", .arg = "LIST",					\
	  .help = "processors that it may run on, as 0-2,5; any: all" }, \
	{ .name = "budget", .arg = "TIME",				\
	  .help = "reserved for each vCPU in every period; 0: nothing" }, \
	{ .name = "period", .arg = "TIME",				\
	  .help = "of the budget, 100us to 4s" }

/* What is asked for; the rest stays as it is. */
struct sched {
	bool has_weight, has_cap, has_budget, has_period;
	uint32_t weight, cap;
	uint64_t budget_ns, period_ns;
	const char *pin;		/* or NULL */
};

/**
 * read_sched() - what OPTIONS_SCHED ask for
 * @args: command line
 * @sched: filled in
 *
 * Return: STATUS_OK, or STATUS_USAGE after saying why.
 */
enum status read_sched(const struct args *args, struct sched *sched);
/* Is anything asked for? */
bool asks_sched(const struct sched *sched);
/* Ask the module. Return as conn_call(). */
enum status set_sched(const struct conn *conn, const char *name, const struct sched *sched,
		      struct refusal *e);

#endif
