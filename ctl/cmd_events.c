// SPDX-License-Identifier: GPL-2.0
/* What happens to VMs, a line each as it happens, until Ctrl-C. */
#include <errno.h>
#include <netlink/genl/ctrl.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "cmd.h"
#include "json.h"

const struct option_def opts_events[] = {
	{ .name = "json", .help = "print one JSON object a line" },
	OPTION_QUIET,
	OPTION_END
};

static volatile sig_atomic_t enough;

static void on_signal(int sig)
{
	enough = 1;
}

static void print_event(const struct event *event, bool as_json)
{
	struct json json = { .f = stdout, .compact = true };
	bool ended = event->stop_kind != AERIE_STOP_NONE;
	char when[40], zone[8];
	struct timespec ts;
	struct tm tm;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &ts);
	localtime_r(&ts.tv_sec, &tm);
	len = strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	strftime(zone, sizeof(zone), "%z", &tm);
	snprintf(when + len, sizeof(when) - len, ".%03ld%s", ts.tv_nsec / 1000000, zone);

	if (!as_json) {
		const char *more = ended ? event->reason : event->device;
		char vcpus[16];

		if (event->vcpus) {
			snprintf(vcpus, sizeof(vcpus), "%u", event->vcpus);
			more = vcpus;
		}

		printf("%s %s %s%s%s%s\n", when, event->name, event_name(event->event),
		       *more ? " (" : "", more, *more ? ")" : "");
		return;
	}
	json_open(&json, NULL, '{');
	json_str(&json, "time", when);
	json_str(&json, "name", event->name);
	json_u64(&json, "id", event->id);
	json_str(&json, "event", event_name(event->event));
	json_str(&json, "state", state_name(event->state));
	json_str(&json, "stopped", ended ? stop_kind_name(event->stop_kind) : NULL);
	json_str(&json, "reason", ended ? event->reason : NULL);
	json_str(&json, "device", *event->device ? event->device : NULL);
	if (event->vcpus)
		json_u64(&json, "vcpus", event->vcpus);
	else
		json_str(&json, "vcpus", NULL);
	json_close(&json, '}');
}

/* The last of those lost may have been that the module goes. */
static void lost(struct events *events, const struct conn *conn)
{
	complain(NULL, "some events were lost, there were too many at once");
	if (genl_ctrl_resolve(conn->sock, AERIE_GENL_NAME) != conn->family)
		events->gone = true;
}

static enum status watch(struct events *events, const struct conn *conn, bool as_json,
			 const sigset_t *unblocked)
{
	struct pollfd pfd = { .fd = events_fd(events), .events = POLLIN };
	struct event event;
	int got;

	while (!enough) {
		while ((got = events_next(events, &event)) != 0) {
			if (got > 0)
				print_event(&event, as_json);
			else
				lost(events, conn);
		}
		fflush(stdout);
		if (ferror(stdout))
			return STATUS_OK;
		if (events->gone) {
			complain(NULL, "the module has been unloaded, there will be no more events");
			return STATUS_NO_MODULE;
		}
		/* Signals come only here: none is missed between test and sleep. */
		ppoll(&pfd, 1, NULL, unblocked);
	}
	return STATUS_OK;
}

enum status cmd_events(const struct args *args)
{
	struct sigaction sa = { .sa_handler = on_signal };
	sigset_t signals, unblocked;
	struct events events;
	enum status status;
	struct refusal e;
	struct conn conn;

	status = conn_open(&conn);
	if (status != STATUS_OK)
		return status;
	/* Old kernels let anybody listen; the module's commands never do. */
	status = conn_call(&conn, conn_request(&conn, AERIE_CMD_VERSION, 0), NULL, NULL, &e);
	if (status == STATUS_OK)
		status = events_open(&events, &conn, &e);
	if (status != STATUS_OK) {
		fail(NULL, "cannot listen to events", &e);
		conn_close(&conn);
		return status;
	}

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, &unblocked);
	sigdelset(&unblocked, SIGINT);
	sigdelset(&unblocked, SIGTERM);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);

	status = watch(&events, &conn, args_has(args, "json"), &unblocked);
	events_close(&events);
	conn_close(&conn);
	return status;
}
