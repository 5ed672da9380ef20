// SPDX-License-Identifier: GPL-2.0
/*
 * aerie top on a terminal: what it draws, its keys, a terminal that gets larger and smaller,
 * VMs that come and go meanwhile, and that the terminal is given back whatever ends it. The
 * guest is one that never runs: what it does is not what is tested. The terminal is a pty.
 */
#define _GNU_SOURCE
#include "pty.h"

#include <sys/ioctl.h>

/* As a terminal sends them that has been told to (keypad_xmit). */
#define UP	"\033OA"
#define DOWN	"\033OB"

static struct terminal top_with(const char *term, int lines, int columns)
{
	const struct winsize size = { .ws_row = (unsigned short)lines,
				      .ws_col = (unsigned short)columns };

	if (term)
		setenv("TERM", term, 1);
	else
		unsetenv("TERM");
	return start_at(0, &size, (char *[]){ "aerie", "top", "-d", "200ms", "--sort", "name",
					      NULL });
}

static struct terminal top(void)
{
	return top_with("vt100", 24, 100);
}

/* Read what comes for a while: it must not block the tool. */
static void drain(struct terminal *t, int ms)
{
	struct pollfd pfd = { .fd = t->fd, .events = POLLIN };
	ssize_t n;

	for (; ms > 0; ms -= 20) {
		if (poll(&pfd, 1, 20) <= 0)
			continue;
		if (t->nr_seen > SEEN_MAX / 2)
			t->nr_seen = 0;
		n = read(t->fd, t->seen + t->nr_seen, SEEN_MAX - 1 - t->nr_seen);
		if (n <= 0)
			return;
		t->nr_seen += (size_t)n;
		usleep(20000);
	}
}

/* Forget what has been seen so far, and have all of it drawn once more. */
static void again(struct terminal *t)
{
	drain(t, 300 * slow);
	t->nr_seen = 0;
	type(t, "\014");
}

static bool cooked(const struct terminal *t)
{
	struct termios tio;

	return !tcgetattr(t->fd, &tio) && (tio.c_lflag & (ICANON | ECHO)) == (ICANON | ECHO);
}

static void resize(const struct terminal *t, int lines, int columns)
{
	const struct winsize size = { .ws_row = (unsigned short)lines,
				      .ws_col = (unsigned short)columns };

	ioctl(t->fd, TIOCSWINSZ, &size);
}

static void keys(void)
{
	struct terminal t = top();
	char text[64];

	result(wait_for(&t, "VM", 10) && wait_for(&t, "NAME", 1) && wait_for(&t, name, 1),
	       "it draws the VMs");
	result(!cooked(&t), "keys come one by one");
	result(wait_for(&t, "h: help, q: leave", 1), "and says which there are");
	type(&t, "h");
	result(wait_for(&t, "the other way round", 5), "h is help");
	type(&t, "h");
	type(&t, "e");
	result(wait_for(&t, "exits", 5), "e sorts by exits");
	again(&t);
	result(wait_for(&t, "by exits", 5), "the order is told");
	type(&t, "v");
	again(&t);
	result(wait_for(&t, "VCPU", 5) && wait_for(&t, "parked", 5), "v shows vCPUs");
	type(&t, "n" DOWN DOWN);
	snprintf(text, sizeof(text), "%s vCPU 0: thread ", name);
	again(&t);
	result(wait_for(&t, text, 5), "arrow keys select one of them");
	type(&t, "v");
	snprintf(text, sizeof(text), "%s: 2 vCPUs, 64MiB", name);
	again(&t);
	result(wait_for(&t, text, 5), "which is its VM where vCPUs are not shown");
	type(&t, "+");
	again(&t);
	result(wait_for(&t, "every 500ms", 5), "+ makes it slower");
	type(&t, "--");
	again(&t);
	result(wait_for(&t, "every 100ms", 5), "- faster");
	type(&t, "q");
	drain(&t, 500 * slow);
	result(cooked(&t), "the terminal is as it was");
	result(ended(&t) == 0, "q ends it with status 0");
}

static void sizes(void)
{
	struct terminal t = top_with("xterm", 24, 80);
	int lines, columns;

	result(wait_for(&t, "UPTIME", 10), "all columns fit into 80");
	again(&t);
	resize(&t, 30, 120);
	result(wait_for(&t, "UPTIME", 5), "it grows");
	for (lines = 1; lines < 9; lines++) {
		for (columns = 1; columns < 40; columns += 13) {
			resize(&t, lines, columns);
			type(&t, DOWN "h" "h" "v" UP);
			drain(&t, 100);
		}
	}
	resize(&t, 24, 100);
	again(&t);
	result(wait_for(&t, "RESIDENT", 5), "and has been smaller than what it shows");
	type(&t, "q");
	result(ended(&t) == 0, "and ends");
}

static void come_and_go(void)
{
	struct terminal t = top();

	wait_for(&t, name, 10);
	result(aerie("create -q %s-new -m 64M -k /guest/vmlinuz") == 0, "another VM comes");
	result(wait_for(&t, "-new", 5), "it is shown");
	type(&t, "n" DOWN DOWN DOWN DOWN);
	result(aerie("destroy -q %s-new") == 0, "and goes, selected");
	again(&t);
	result(wait_for(&t, name, 5) && !strstr(t.seen, "-new"), "it is shown no more");
	type(&t, "q");
	result(ended(&t) == 0, "q ends it");
}

static void ended_by(int signal, const char *what)
{
	struct terminal t = top();
	char text[64];
	bool back;

	wait_for(&t, "q: leave", 10);
	if (signal == SIGINT)
		type(&t, "\003");
	else
		kill(t.pid, signal);
	drain(&t, 500 * slow);
	back = cooked(&t);
	snprintf(text, sizeof(text), "%s ends it, the terminal is as it was", what);
	result(ended(&t) == 0 && back, text);
}

static void suspended(void)
{
	struct terminal t = top();
	int status = 0, i;

	wait_for(&t, "q: leave", 10);
	kill(t.pid, SIGTSTP);
	for (i = 0; i < 50 * slow && !WIFSTOPPED(status); i++) {
		waitpid(t.pid, &status, WNOHANG | WUNTRACED);
		drain(&t, 100);
		usleep(100000);
	}
	/* A session's leader has nobody to stop it for: its group is an orphan. */
	result(WIFSTOPPED(status) || kill(t.pid, 0) == 0, "it can be suspended");
	kill(t.pid, SIGCONT);
	again(&t);
	result(wait_for(&t, "RESIDENT", 5) && !cooked(&t), "and goes on");
	type(&t, "q");
	result(ended(&t) == 0, "and ends");
}

static void hung_up(void)
{
	struct terminal t = top();
	int status = -1, i;

	wait_for(&t, "q: leave", 10);
	close(t.fd);
	for (i = 0; i < 50 * slow && waitpid(t.pid, &status, WNOHANG) != t.pid; i++)
		usleep(100000);
	result(WIFEXITED(status), "a terminal that goes ends it");
}

static void terminals(void)
{
	struct terminal t = top_with("nobody-knows-it", 24, 80);

	result(wait_for(&t, "q: leave", 5), "a terminal without a description is one as others");
	type(&t, "q");
	ended(&t);
	t = top_with("dumb", 24, 80);
	result(wait_for(&t, "cannot move its cursor: use --batch", 5), "one without a cursor is refused");
	result(ended(&t) == 1, "with status 1");
	t = top_with(NULL, 24, 80);
	result(wait_for(&t, "TERM does not say", 5) && ended(&t) == 1, "and one that is not named");
	setenv("TERMINFO", "/nowhere", 1);
	setenv("TERMINFO_DIRS", "/nowhere", 1);
	t = top_with("vt100", 24, 80);
	result(wait_for(&t, "q: leave", 5) || wait_for(&t, "no description of the terminal 'vt100'", 5),
	       "descriptions elsewhere, or none, are no accident");
	type(&t, "q");
	ended(&t);
	unsetenv("TERMINFO");
	unsetenv("TERMINFO_DIRS");
}

int main(void)
{
	const char *factor = getenv("GUEST_SLOW");

	printf("KTAP version 1\n");
	if (access("/sys/module/aerie", F_OK) || access("/guest/vmlinuz", R_OK) || getuid()) {
		printf("1..0 # SKIP it takes root, module aerie and a guest in /guest\n");
		return SKIP;
	}
	printf("1..36\n");
	fflush(stdout);
	slow = factor && atoi(factor) > 0 ? atoi(factor) : 1;
	snprintf(name, sizeof(name), "top-%d", getpid());

	result(aerie("create -q %s -m 64M -c 2 -k /guest/vmlinuz") == 0, "a VM");
	keys();
	sizes();
	come_and_go();
	ended_by(SIGINT, "Ctrl-C");
	ended_by(SIGTERM, "SIGTERM");
	ended_by(SIGHUP, "SIGHUP");
	ended_by(SIGQUIT, "SIGQUIT");
	suspended();
	hung_up();
	terminals();
	aerie("destroy -q %s");
	return failures ? 1 : 0;
}
