// SPDX-License-Identifier: GPL-2.0
/*
 * aerie stop: ask the guest to power itself off, and cut the power if it does not.
 *
 * The power button is an event that the guest must have enabled. A guest that is
 * still booting has not, so with a timeout the button is pressed again until it
 * is taken. That the VM has stopped is told by the events group, joined before the
 * button is pressed; as events can be lost the state is looked at as well.
 */
#include <errno.h>
#include <poll.h>
#include <time.h>

#include "cmd.h"
#include "text.h"

#define NS_MS		1000000ull
#define DEFAULT_WAIT_NS	(60000 * NS_MS)
#define MAX_WAIT_NS	(365 * 86400 * 1000ull * NS_MS)
#define LOOK_NS		(500 * NS_MS)

const struct option_def opts_stop[] = {
	{ .name = "timeout", .letter = 't', .arg = "DURATION",
	  .help = "cut the power when the guest takes longer" },
	{ .name = "force", .help = "cut the power now" },
	OPTION_QUIET,
	OPTION_END
};

struct stop {
	const struct args *args;
	struct conn conn;
	struct events events;
	struct vm vm;
	uint64_t deadline;
	bool force;		/* when time is up, else give up */
};

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* Has it stopped, or gone altogether? */
static bool stopped(struct stop *s)
{
	struct refusal e;
	struct vm now;
	enum status status = vm_get(&s->conn, s->vm.name, &now, &e);
	uint32_t id = now.id;

	vm_free(&now);
	if (status == STATUS_OK && id == s->vm.id) {
		s->vm = now;
		return now.state == AERIE_STATE_STOPPED;
	}
	s->vm.stop_kind = AERIE_STOP_NONE;
	return status == STATUS_OK || status == STATUS_NO_VM;
}

void events_wait(struct events *ev, uint64_t deadline)
{
	struct pollfd pfd = { .fd = events_fd(ev), .events = POLLIN };
	uint64_t now = now_ns(), left = deadline > now ? deadline - now : 0;
	struct event event;

	if (left > LOOK_NS)
		left = LOOK_NS;
	poll(&pfd, 1, (int)((left + NS_MS - 1) / NS_MS));
	while (events_next(ev, &event))
		;
}

/* Wait for an event of the VM. True when it has stopped. */
static bool wait_stopped(struct stop *s)
{
	events_wait(&s->events, s->deadline);
	return stopped(s);
}

static enum status say_stopped(const struct stop *s)
{
	char buf[256];

	tell(s->args, s->vm.name, "%s",
	     stop_text(s->vm.stop_kind, s->vm.reason, buf, sizeof(buf)));
	return STATUS_OK;
}

static enum status cut_power(struct stop *s)
{
	struct refusal e;
	enum status status = conn_vm_call(&s->conn, AERIE_CMD_VM_STOP, s->vm.name, NULL, NULL, &e);

	if (status != STATUS_OK && !stopped(s)) {
		fail(s->vm.name, "cannot stop", &e);
		return status;
	}
	stopped(s);
	return say_stopped(s);
}

static void refused(const struct stop *s, struct refusal *e)
{
	size_t len = strlen(e->msg);

	if (e->err == EOPNOTSUPP)
		snprintf(e->msg + len, sizeof(e->msg) - len,
			 "; aerie stop %s --force cuts the power", s->vm.name);
	fail(s->vm.name, "cannot stop", e);
}

static enum status press_and_wait(struct stop *s)
{
	bool pressed = false, told = false;
	enum status status;
	struct refusal e;

	do {
		if (!pressed) {
			status = conn_vm_call(&s->conn, AERIE_CMD_VM_POWER_BUTTON, s->vm.name,
					    NULL, NULL, &e);
			pressed = status == STATUS_OK;
			/* Without a deadline there is no point in trying again. */
			if (!pressed && (e.err != EOPNOTSUPP || !s->force)) {
				if (stopped(s))
					return say_stopped(s);
				refused(s, &e);
				return status;
			}
			if (!pressed && !told)
				tell(s->args, s->vm.name,
				     "the guest does not listen to its power button yet");
			told = true;
		}
		if (wait_stopped(s))
			return say_stopped(s);
	} while (now_ns() < s->deadline);

	if (s->force)
		return cut_power(s);
	complain(s->vm.name, "cannot stop: the guest has not powered off within 60s; aerie stop %s --force cuts the power",
		 s->vm.name);
	return STATUS_TIMEOUT;
}

enum status read_deadline(const struct args *args, uint64_t wait_ns, uint64_t *deadline)
{
	const char *timeout = args_value(args, "timeout");

	if (timeout && !parse_duration(timeout, &wait_ns))
		return usage(args, "--timeout '%s' is no duration, write 30s or 2min", timeout);
	if (wait_ns > MAX_WAIT_NS)
		return usage(args, "--timeout %s is more than 365d", timeout);
	*deadline = now_ns() + wait_ns;
	return STATUS_OK;
}

enum status cmd_stop(const struct args *args)
{
	struct stop s = { .args = args, .force = args_has(args, "timeout") };
	char buf[AERIE_NAME_MAX + 1];
	enum status status;
	struct refusal e;
	const char *name;

	status = read_deadline(args, DEFAULT_WAIT_NS, &s.deadline);
	if (status == STATUS_OK)
		status = conn_open(&s.conn);
	if (status != STATUS_OK)
		return status;
	name = vm_resolve(&s.conn, args->operand[0], buf);
	status = events_open(&s.events, &s.conn, &e);
	if (status == STATUS_OK) {
		status = vm_get(&s.conn, name, &s.vm, &e);
		vm_free(&s.vm);
		if (status != STATUS_OK)
			events_close(&s.events);
	}
	if (status != STATUS_OK) {
		fail(name, "cannot stop", &e);
	} else {
		if (s.vm.state == AERIE_STATE_STOPPED)
			status = say_stopped(&s);
		else if (args_has(args, "force"))
			status = cut_power(&s);
		else
			status = press_and_wait(&s);
		events_close(&s.events);
	}
	conn_close(&s.conn);
	return status;
}
