/* SPDX-License-Identifier: GPL-2.0 */
/* Programs on a terminal, which is a pty: started, typed at, read, and waited for. */
#ifndef TESTS_CTL_PTY_H
#define TESTS_CTL_PTY_H

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
static char name[32];		/* of the test's VM */
static int slow = 1;

static inline void result(bool pass, const char *what)
{
	printf("%sok %d %s\n", pass ? "" : "not ", ++tests, what);
	fflush(stdout);
	failures += !pass;
}

/* aerie with @arguments, of which "%s" is the VM's name: its exit status. */
static inline int aerie(const char *arguments)
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

/* Two terminals at most: number 0 and 1. @argv ends with NULL. */
static inline struct terminal start_at(int number, const struct winsize *size, char **argv)
{
	static char seen[2][SEEN_MAX];
	struct terminal t = { .seen = seen[number] };

	t.pid = forkpty(&t.fd, NULL, NULL, size);
	if (!t.pid) {
		execvp(argv[0], argv);
		_exit(127);
	}
	return t;
}

/* Read the terminal until @text has come, for @seconds at most. */
static inline bool wait_for(struct terminal *t, const char *text, int seconds)
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

static inline bool type(const struct terminal *t, const char *keys)
{
	return write(t->fd, keys, strlen(keys)) == (ssize_t)strlen(keys);
}

/* The exit status of a tool that is about to end, -1 if it does not. */
static inline int ended(struct terminal *t)
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

#endif
