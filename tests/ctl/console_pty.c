// SPDX-License-Identifier: GPL-2.0
/*
 * aerie console on a terminal: what it says on attach, that keys reach the guest and
 * Ctrl-] does not, that the terminal is given back as it was, that two can be attached
 * at once, that a name's prefix will do. The guest is the one of the other tests; the terminal is a pty.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define SKIP	4

static int tests, failures;
static char name[32];
static int slow = 1;

static void result(bool pass, const char *what)
{
	printf("%sok %d %s\n", pass ? "" : "not ", ++tests, what);
	fflush(stdout);
	failures += !pass;
}

/* aerie with @arguments, of which "%s" is the VM's name: its exit status. */
static int aerie(const char *arguments)
{
	char command[512];
	int status, n;

	n = snprintf(command, sizeof(command), "exec aerie ");
	snprintf(command + n, sizeof(command) - (size_t)n, arguments, name);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

struct terminal {
	int fd;
	pid_t pid;
	size_t nr_seen;
	char *seen;
};

#define SEEN_MAX	(1 << 18)

/* Two terminals at most: number 0 and 1. */
static struct terminal attach_at(int number, const char *vm)
{
	static char seen[2][SEEN_MAX];
	struct terminal t = { .seen = seen[number] };

	t.pid = forkpty(&t.fd, NULL, NULL, NULL);
	if (!t.pid) {
		execlp("aerie", "aerie", "console", vm, NULL);
		_exit(127);
	}
	return t;
}

static struct terminal attach(const char *vm)
{
	return attach_at(0, vm);
}

/* Read the terminal until @text has come, for @seconds at most. */
static bool wait_for(struct terminal *t, const char *text, int seconds)
{
	struct pollfd pfd = { .fd = t->fd, .events = POLLIN };
	time_t end = time(NULL) + (time_t)seconds * slow;
	ssize_t n;

	for (;;) {
		t->seen[t->nr_seen] = '\0';
		if (strstr(t->seen, text))
			return true;
		if (time(NULL) > end)
			return false;
		if (poll(&pfd, 1, 500) <= 0)
			continue;
		if (t->nr_seen > SEEN_MAX / 2)
			t->nr_seen = 0;
		n = read(t->fd, t->seen + t->nr_seen, SEEN_MAX - 1 - t->nr_seen);
		if (n <= 0)
			return false;
		t->nr_seen += (size_t)n;
	}
}

static bool type(const struct terminal *t, const char *keys)
{
	return write(t->fd, keys, strlen(keys)) == (ssize_t)strlen(keys);
}

/* The exit status of a tool that is about to end, -1 if it does not. */
static int ended(struct terminal *t)
{
	int status = -1, i;

	for (i = 0; i < 100 * slow; i++) {
		if (waitpid(t->pid, &status, WNOHANG) == t->pid) {
			close(t->fd);
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		}
		/* What it still has to say must not block it. */
		wait_for(t, "\xff no such text", 0);
		usleep(100000);
	}
	kill(t->pid, SIGKILL);
	waitpid(t->pid, NULL, 0);
	close(t->fd);
	return -1;
}

static bool is_raw(const struct terminal *t)
{
	struct termios tio;

	return !tcgetattr(t->fd, &tio) && !(tio.c_lflag & (ICANON | ECHO | ISIG));
}

static void attached_and_back(void)
{
	struct terminal t = attach(name);
	struct termios tio;

	result(wait_for(&t, "detach with Ctrl-]", 10), "it says how to detach");
	result(wait_for(&t, "aerie guest ready", 10), "what was printed before comes first");
	result(is_raw(&t), "the terminal is raw");
	type(&t, "echo sum $((40 + 2))\r");
	result(wait_for(&t, "sum 42", 20), "keys reach the guest");
	type(&t, "sleep 1000\r");
	wait_for(&t, "sleep 1000", 10);
	sleep(1);
	type(&t, "\003");
	type(&t, "echo sum $((40 + 3))\r");
	result(wait_for(&t, "sum 43", 20), "so does Ctrl-C");
	/* The pty's other end stays ours: look at its settings when the tool is gone. */
	type(&t, "\035");
	result(wait_for(&t, "detached from", 10), "Ctrl-] detaches");
	result(!tcgetattr(t.fd, &tio) && (tio.c_lflag & (ICANON | ECHO)) == (ICANON | ECHO),
	       "the terminal is as it was");
	result(ended(&t) == 0, "with exit status 0");
	result(aerie("show %s | grep -q '^state  *running'") == 0, "the guest runs on");
}

static void by_prefix_to_the_end(void)
{
	char prefix[32];
	struct terminal t;

	snprintf(prefix, sizeof(prefix), "%.*s", (int)strlen(name) - 2, name);
	t = attach(prefix);
	result(wait_for(&t, name, 10), "on a terminal a prefix will do");
	result(aerie("stop -q --force %s") == 0, "power cut while attached");
	result(wait_for(&t, "stopped, power cut", 20), "it says that the guest has stopped");
	result(ended(&t) == 0, "and ends");
}

/* Both show all of the output, whoever typed; one that leaves takes nothing along. */
static void two_at_once(void)
{
	struct terminal a = attach_at(0, name), b = attach_at(1, name);

	result(wait_for(&a, "detach with Ctrl-]", 10) && wait_for(&b, "detach with Ctrl-]", 10),
	       "two terminals at once");
	type(&a, "echo sum $((50 + 1))\r");
	result(wait_for(&a, "sum 51", 20) && wait_for(&b, "sum 51", 20),
	       "both see what came of the first one's keys");
	type(&b, "echo sum $((50 + 2))\r");
	result(wait_for(&a, "sum 52", 20) && wait_for(&b, "sum 52", 20),
	       "and of the second one's");
	/* The second one's keys only when the first one's have arrived, as their echo tells. */
	type(&a, "echo total ");
	wait_for(&b, "echo total ", 10);
	type(&b, "$((50 + 3))\r");
	result(wait_for(&a, "total 53", 20) && wait_for(&b, "total 53", 20),
	       "they can type one line together");
	type(&a, "\035");
	result(ended(&a) == 0, "the first detaches");
	type(&b, "echo sum $((50 + 4))\r");
	result(wait_for(&b, "sum 54", 20), "the second stays attached");
	type(&b, "\035");
	ended(&b);
}

static void killed(void)
{
	struct terminal t = attach(name);
	struct termios tio;

	wait_for(&t, "detach with Ctrl-]", 10);
	kill(t.pid, SIGTERM);
	ended(&t);
	t = attach(name);
	wait_for(&t, "detach with Ctrl-]", 10);
	wait_for(&t, "\xff no such text", 1);
	result(is_raw(&t), "attached once more");
	kill(t.pid, SIGTERM);
	usleep(500000);
	result(!tcgetattr(t.fd, &tio) && (tio.c_lflag & ICANON),
	       "killed, it gives the terminal back");
	ended(&t);
}

int main(void)
{
	const char *factor = getenv("GUEST_SLOW");
	struct terminal t;

	printf("KTAP version 1\n");
	if (access("/sys/module/aerie", F_OK) || access("/guest/vmlinuz", R_OK) || getuid()) {
		printf("1..0 # SKIP it takes root, module aerie and a guest in /guest\n");
		return SKIP;
	}
	printf("1..23\n");
	fflush(stdout);
	slow = factor && atoi(factor) > 0 ? atoi(factor) : 1;
	snprintf(name, sizeof(name), "pty-%d", getpid());

	result(aerie("run -q %s -m 256M -k /guest/vmlinuz -i /guest/initrd.img "
		     "-a 'console=ttyS0 quiet'") == 0, "a guest");
	t = attach(name);
	result(wait_for(&t, "aerie guest ready", 120), "it boots while attached");
	type(&t, "\035");
	ended(&t);

	attached_and_back();
	two_at_once();
	killed();
	by_prefix_to_the_end();
	aerie("destroy -q %s");
	return failures ? 1 : 0;
}
