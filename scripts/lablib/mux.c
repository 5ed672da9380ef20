// SPDX-License-Identifier: GPL-2.0
/*
 * The host's end of the one channel between a test host and scripts/lab.
 *
 *	mux PORT [-t] COMMAND...	run COMMAND with its descriptors carried
 *	mux --changed DIR SINCE		list files of DIR changed after file SINCE
 *
 * The channel carries frames, a header of one byte kind and two bytes length
 * (little endian) and then that many bytes. Towards the lab a frame's kind is
 * the descriptor it was written to: 1 and 2 as ever, 3 control lines, 4 the
 * kernel log, 5 a cpio archive; kind 0 says hello, kind 7 goodbye. Towards the
 * host 0 is standard input, 1 its end, 2 the terminal's size as two
 * 16-bit numbers, rows and columns, 3 nothing, but an interrupt for the host.
 * With -t the command has a terminal for descriptors 0, 1 and 2, without it pipes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { HELLO = 0, BYE = 7, NFDS = 6 };
enum { IN_DATA = 0, IN_EOF = 1, IN_SIZE = 2, IN_NOTHING = 3 };

static int port;

static void fail(const char *what)
{
	perror(what);
	exit(125);
}

static void send_frame(uint8_t kind, const void *data, uint16_t len)
{
	uint8_t buf[3 + 4096] = { kind, len & 0xff, len >> 8 };
	size_t done = 0, size = 3 + len;

	memcpy(buf + 3, data, len);
	while (done < size) {
		ssize_t n = write(port, buf + done, size - done);

		if (n > 0)
			done += n;
		else if (n < 0 && errno == EAGAIN)
			poll(&(struct pollfd){ port, POLLOUT, 0 }, 1, -1);
		else if (n < 0 && errno != EINTR)
			fail("mux: write");
	}
}

/* Input waits here until the command reads it; the port is always drained. */
static struct {
	uint8_t *data;
	size_t len;
	int fd;
	int eof;
} input;

static void input_flush(void)
{
	ssize_t n;

	while (input.fd >= 0 && input.len) {
		n = write(input.fd, input.data, input.len);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0)
			n = input.len;
		memmove(input.data, input.data + n, input.len - n);
		input.len -= n;
	}
	if (input.fd >= 0 && input.eof) {
		close(input.fd);
		input.fd = -1;
	}
}

static void input_frame(uint8_t kind, const uint8_t *data, uint16_t len, int tty)
{
	switch (kind) {
	case IN_DATA:
		input.data = realloc(input.data, input.len + len + 1);
		memcpy(input.data + input.len, data, len);
		input.len += len;
		break;
	case IN_EOF:
		if (tty >= 0)
			input_frame(IN_DATA, (const uint8_t *)"\4", 1, tty);
		else
			input.eof = 1;
		break;
	case IN_SIZE:
		if (tty >= 0 && len == 4) {
			struct winsize ws = {
				.ws_row = data[0] | data[1] << 8,
				.ws_col = data[2] | data[3] << 8,
			};

			ioctl(tty, TIOCSWINSZ, &ws);
		}
		break;
	case IN_NOTHING:
		break;
	}
	input_flush();
}

static void input_read(int tty)
{
	static uint8_t buf[3 + 65535];
	static size_t have;
	ssize_t n = read(port, buf + have, sizeof(buf) - have);
	size_t at = 0, len;

	if (n <= 0)
		return;
	have += n;
	while (have - at >= 3) {
		len = buf[at + 1] | buf[at + 2] << 8;
		if (have - at < 3 + len)
			break;
		input_frame(buf[at], buf + at + 3, len, tty);
		at += 3 + len;
	}
	memmove(buf, buf + at, have - at);
	have -= at;
}

static int child_gone;

static void on_child(int sig)
{
	(void)sig;
	child_gone = 1;
}

/* Returns 0 when the descriptor is at its end. */
static int output_read(int fd, int kind)
{
	char buf[4096];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n > 0)
		send_frame(kind, buf, n);
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

static void open_port(const char *path)
{
	struct termios t;

	port = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (port < 0)
		fail(path);
	if (tcgetattr(port, &t) == 0) {
		cfmakeraw(&t);
		cfsetspeed(&t, B115200);
		t.c_cflag |= CLOCAL | CREAD;
		tcsetattr(port, TCSANOW, &t);
	}
}

static int run(char **argv, int use_tty)
{
	int pipes[NFDS][2], tty = -1, slave = -1, from = 1, status, fd;
	struct pollfd p[NFDS + 1];
	sigset_t block, old;
	pid_t child;

	if (use_tty) {
		tty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (tty < 0 || grantpt(tty) || unlockpt(tty))
			fail("mux: terminal");
		slave = open(ptsname(tty), O_RDWR | O_NOCTTY);
		if (slave < 0)
			fail("mux: terminal");
		from = 3;
	}
	for (fd = 0; fd < NFDS; fd++)
		if ((!use_tty || fd >= from) && pipe2(pipes[fd], O_CLOEXEC))
			fail("mux: pipe");

	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, on_child);
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &old);

	child = fork();
	if (child < 0)
		fail("mux: fork");
	if (!child) {
		/* High numbers first, so that no dup2 hits a pipe still needed. */
		for (fd = 0; fd < NFDS; fd++)
			if (!use_tty || fd >= from)
				pipes[fd][fd != 0] = fcntl(pipes[fd][fd != 0], F_DUPFD_CLOEXEC, 64);
		for (fd = 0; fd < NFDS; fd++)
			dup2(use_tty && fd < from ? slave : pipes[fd][fd != 0], fd);
		setsid();
		if (use_tty)
			ioctl(0, TIOCSCTTY, 0);
		signal(SIGPIPE, SIG_DFL);
		sigprocmask(SIG_SETMASK, &old, NULL);
		execvp(argv[0], argv);
		fail(argv[0]);
	}

	p[0] = (struct pollfd){ port, POLLIN, 0 };
	for (fd = 1; fd < NFDS; fd++) {
		int mine = fd >= from ? pipes[fd][0] : fd == 1 ? tty : -1;

		if (fd >= from)
			close(pipes[fd][1]);
		p[fd] = (struct pollfd){ mine, POLLIN, 0 };
	}
	p[NFDS] = (struct pollfd){ -1, POLLOUT, 0 };
	if (use_tty) {
		close(slave);
		input.fd = tty;
	} else {
		close(pipes[0][0]);
		input.fd = pipes[0][1];
		fcntl(input.fd, F_SETFL, O_NONBLOCK);
	}

	for (;;) {
		const struct timespec no_wait = { 0, 0 };
		int n;

		p[NFDS].fd = input.len ? input.fd : -1;
		n = ppoll(p, NFDS + 1, child_gone ? &no_wait : NULL, &old);
		if (child_gone && n <= 0)
			break;
		if (n <= 0)
			continue;
		if (p[0].revents & POLLIN)
			input_read(tty);
		else if (p[0].revents && child_gone)
			break;
		if (p[NFDS].revents)
			input_flush();
		n = 0;
		for (fd = 1; fd < NFDS; fd++) {
			if (!p[fd].revents)
				continue;
			n = 1;
			if (!output_read(p[fd].fd, fd))
				p[fd].fd = -1;
		}
		if (child_gone && !n)
			break;
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static struct timespec since;

static int changed(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	if ((type == FTW_F || type == FTW_SL || type == FTW_D) &&
	    (st->st_ctim.tv_sec > since.tv_sec ||
	     (st->st_ctim.tv_sec == since.tv_sec && st->st_ctim.tv_nsec > since.tv_nsec)))
		puts(path);
	return 0;
}

int main(int argc, char **argv)
{
	int use_tty, status;
	struct stat st;

	if (argc == 4 && !strcmp(argv[1], "--changed")) {
		if (stat(argv[3], &st) || chdir(argv[2]))
			fail(argv[2]);
		since = st.st_ctim;
		return nftw(".", changed, 16, FTW_PHYS) ? 1 : 0;
	}
	if (argc < 3)
		return 125;
	open_port(argv[1]);
	use_tty = !strcmp(argv[2], "-t");
	send_frame(HELLO, "aerie", 5);
	status = run(argv + 2 + use_tty, use_tty);
	send_frame(BYE, &(uint8_t){ status }, 1);
	tcdrain(port);
	pause();
	return 0;
}
