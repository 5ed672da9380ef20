// SPDX-License-Identifier: GPL-2.0
/* aerie top: what all VMs do, again and again, on the terminal or as tables. */
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "text.h"
#include "top.h"

const struct option_def opts_top[] = {
	{ .name = "batch", .letter = 'b', .help = "print tables, one after the other" },
	{ .name = "rounds", .letter = 'n', .arg = "N", .help = "end after so many" },
	{ .name = "delay", .letter = 'd', .arg = "TIME", .help = "between two looks, 1s without" },
	{ .name = "sort", .arg = "BY", .help = "cpu, exits, memory, io or name; cpu without" },
	{ .name = "vcpus", .help = "each VM's virtual processors under it" },
	{ .name = "json", .help = "print one JSON array a line, with --batch" },
	OPTION_END
};

static volatile sig_atomic_t enough;

static void on_signal(int sig)
{
	enough = 1;
}

/* Until the time is up, or Ctrl-C. */
static void wait_for(uint64_t ns, const sigset_t *unblocked)
{
	struct timespec time = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	if (!enough)
		pselect(0, NULL, NULL, NULL, &time, unblocked);
}

static void print_round(const struct top_look *before, const struct top_look *now,
			const struct top *top, bool first, bool as_json)
{
	struct top_rows rows = top_rows_get(before, now, &top->view);
	struct json json = { .f = stdout, .compact = true };
	struct out_table *table = top_table(&rows, &top->view);

	if (as_json) {
		out_table_json(table, &json, NULL);
	} else {
		if (!first)
			putchar('\n');
		out_table_text(table, stdout);
	}
	out_table_free(table);
	top_rows_free(&rows);
}

/* Each table is of the time since the one before: the first look prints none. */
static enum status batch(const struct top *top, bool as_json, const sigset_t *unblocked)
{
	struct top_look before, now;
	enum status status;
	struct refusal e;
	uint64_t round;

	status = top_look_get(top->conn, &before, &e);
	for (round = 0; status == STATUS_OK && (!top->rounds || round < top->rounds); round++) {
		wait_for(top->interval_ns, unblocked);
		if (enough)
			break;
		status = top_look_get(top->conn, &now, &e);
		if (status != STATUS_OK)
			break;
		print_round(&before, &now, top, !round, as_json);
		top_look_free(&before);
		before = now;
		if (fflush(stdout))
			break;
	}
	if (status != STATUS_OK)
		status = top_failed(top, status, &e);
	top_look_free(&before);
	return status;
}

static enum status run_batch(const struct top *top, bool as_json)
{
	struct sigaction sa = { .sa_handler = on_signal };
	sigset_t signals, unblocked;

	/* Signals come only while it waits: none is missed in between. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, &unblocked);
	sigdelset(&unblocked, SIGINT);
	sigdelset(&unblocked, SIGTERM);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	return batch(top, as_json, &unblocked);
}

static enum status read_options(const struct args *args, struct top *top)
{
	const char *rounds = args_value(args, "rounds"), *delay = args_value(args, "delay");
	const char *sort = args_value(args, "sort");
	uint32_t n = 0;

	top->interval_ns = 1000000000;
	if (rounds && (!parse_u32(rounds, &n) || !n))
		return usage(args, "--rounds '%s' is no number from 1 on", rounds);
	top->rounds = n;
	if (delay && (!parse_duration(delay, &top->interval_ns) ||
		      top->interval_ns < TOP_INTERVAL_MIN || top->interval_ns > TOP_INTERVAL_MAX))
		return usage(args, "--delay '%s' is no time from 100ms to 1h", delay);
	top->view.sort = top_sorts;
	while (sort && top->view.sort->name && strcmp(top->view.sort->name, sort))
		top->view.sort++;
	if (!top->view.sort->name)
		return usage(args, "--sort '%s' is none of cpu, exits, memory, io, name", sort);
	top->view.vcpus = args_has(args, "vcpus");
	if (args_has(args, "batch"))
		return STATUS_OK;
	if (args_has(args, "json"))
		return usage(args, "--json is of --batch");
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return usage(args, "this is no terminal: --batch prints tables");
	return STATUS_OK;
}

enum status cmd_top(const struct args *args)
{
	struct top top = { 0 };
	enum status status;
	struct conn conn;

	status = read_options(args, &top);
	if (status == STATUS_OK)
		status = conn_open(&conn);
	if (status != STATUS_OK)
		return status;
	top.conn = &conn;
	status = args_has(args, "batch") ? run_batch(&top, args_has(args, "json")) :
					   top_screen(&top);
	conn_close(&conn);
	return status;
}
