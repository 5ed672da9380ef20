// SPDX-License-Identifier: GPL-2.0
/*
 * aerie console on a terminal: what it says on attach, that keys reach the guest and
 * Ctrl-] does not, that the terminal is given back as it was, that two can be attached
 * at once, that a name's prefix will do. The guest is the one of the other tests; the terminal is a pty.
 */
#define _GNU_SOURCE
#include "pty.h"

static struct terminal attach_at(int number, const char *vm)
{
	return start_at(number, NULL, (char *[]){ "aerie", "console", (char *)vm, NULL });
}

static struct terminal attach(const char *vm)
{
	return attach_at(0, vm);
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
		     "-a 'console=ttyS0 quiet cryptomgr.notests'") == 0, "a guest");
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
