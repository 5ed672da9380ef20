// SPDX-License-Identifier: GPL-2.0
/* How a VM's vCPUs are to be scheduled, as it is asked for. */
#include <string.h>

#include "cmd.h"
#include "sched.h"
#include "text.h"

static enum status read_time(const struct args *args, const char *option, bool *has, uint64_t *ns)
{
	const char *text = args_value(args, option);

	*has = text;
	if (text && !parse_duration(text, ns))
		return usage(args, "--%s '%s' is no time, write 5ms or 500us", option, text);
	return STATUS_OK;
}

enum status read_sched(const struct args *args, struct sched *s)
{
	const char *weight = args_value(args, "weight"), *cap = args_value(args, "cap");
	enum status status;

	*s = (struct sched){ .has_weight = weight, .has_cap = cap, .pin = args_value(args, "pin") };
	if (weight && (!parse_u32(weight, &s->weight) || !s->weight || s->weight > AERIE_WEIGHT_MAX))
		return usage(args, "--weight '%s' is not 1 to %d", weight, AERIE_WEIGHT_MAX);
	if (cap && (!parse_u32(cap, &s->cap) || s->cap > AERIE_CAP_MAX))
		return usage(args, "--cap '%s' is not 0 to %d, per cent of one processor", cap,
			     AERIE_CAP_MAX);
	if (s->pin && !strcmp(s->pin, "any"))
		s->pin = "";
	else if (s->pin && (!*s->pin || strlen(s->pin) > AERIE_PIN_MAX))
		return usage(args, "--pin '%s' is no list of processors, write 0-2,5 or any", s->pin);
	status = read_time(args, "budget", &s->has_budget, &s->budget_ns);
	if (status == STATUS_OK)
		status = read_time(args, "period", &s->has_period, &s->period_ns);
	if (status == STATUS_OK && s->has_period &&
	    (s->period_ns < AERIE_PERIOD_MIN || s->period_ns > AERIE_PERIOD_MAX))
		status = usage(args, "--period %s is not 100us to 4s", args_value(args, "period"));
	return status;
}

bool asks_sched(const struct sched *s)
{
	return s->has_weight || s->has_cap || s->pin || s->has_budget || s->has_period;
}

enum status set_sched(const struct conn *conn, const char *name, const struct sched *s,
		      struct refusal *e)
{
	struct nl_msg *msg = conn_request(conn, AERIE_CMD_SCHED_SET, 0);

	put_str(msg, AERIE_A_NAME, name);
	if (s->has_weight)
		put_u32(msg, AERIE_A_SCHED_WEIGHT, s->weight);
	if (s->has_cap)
		put_u32(msg, AERIE_A_SCHED_CAP, s->cap);
	if (s->pin)
		put_str(msg, AERIE_A_SCHED_PIN, s->pin);
	if (s->has_period)
		put_u64(msg, AERIE_A_SCHED_PERIOD, s->period_ns);
	if (s->has_budget)
		put_u64(msg, AERIE_A_SCHED_BUDGET, s->budget_ns);
	return conn_call(conn, msg, NULL, NULL, e);
}
