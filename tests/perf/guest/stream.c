// SPDX-License-Identifier: GPL-2.0
/*
 * What is sent over a network when networks are measured: bytes one way over TCP, and one
 * byte there and back again and again. Both ends are this program, in guests and in the host.
 *
 * usage: stream serve PORT
 *        stream NAME ADDRESS PORT [KIND COUNT]...
 *
 * The latter asks the former for each KIND: "send" or "receive" COUNT MiB, or "ping" COUNT
 * times. "figure NAME/KIND COUNT NANOSECONDS" is printed when the last byte has arrived.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK		(64u << 10)
#define MIB		(1ull << 20)
#define PATIENCE	10	/* seconds for somebody to answer */

static char chunk[CHUNK];

struct ask {
	char kind[16];
	uint64_t count;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void put(int fd, const void *buf, size_t len)
{
	for (ssize_t n; len; len -= n, buf = (const char *)buf + n) {
		n = send(fd, buf, len, MSG_NOSIGNAL);
		if (n <= 0)
			err(1, "send");
	}
}

static void get(int fd, void *buf, size_t len)
{
	if (recv(fd, buf, len, MSG_WAITALL) != (ssize_t)len)
		err(1, "the other end has gone");
}

static void send_bytes(int fd, uint64_t bytes)
{
	char end;

	for (; bytes; bytes -= CHUNK)
		put(fd, chunk, CHUNK);
	get(fd, &end, 1);
}

static void receive_bytes(int fd, uint64_t bytes)
{
	for (ssize_t n; bytes; bytes -= n) {
		n = recv(fd, chunk, bytes < CHUNK ? bytes : CHUNK, 0);
		if (n <= 0)
			err(1, "the other end has gone");
	}
	put(fd, "", 1);
}

static void ping(int fd, uint64_t count)
{
	char c = 0;

	while (count--) {
		put(fd, &c, 1);
		get(fd, &c, 1);
	}
}

static void pong(int fd, uint64_t count)
{
	char c;

	while (count--) {
		get(fd, &c, 1);
		put(fd, &c, 1);
	}
}

static void set(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)))
		err(1, "setsockopt");
}

static void answer(int fd)
{
	struct ask ask;

	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	get(fd, &ask, sizeof(ask));
	if (!strcmp(ask.kind, "send"))
		receive_bytes(fd, ask.count * MIB);
	else if (!strcmp(ask.kind, "receive"))
		send_bytes(fd, ask.count * MIB);
	else if (!strcmp(ask.kind, "ping"))
		pong(fd, ask.count);
}

static void serve(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;

	if (listener < 0)
		err(1, "socket");
	set(listener, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 8))
		err(1, "port %u", port);
	signal(SIGCHLD, SIG_IGN);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		if (!fork()) {
			answer(fd);
			exit(0);
		}
		close(fd);
	}
	err(1, "accept");
}

/* Whoever answers may not be up yet. */
static int dial(const char *address, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	uint64_t until = now_ns() + PATIENCE * 1000000000ull;
	int fd;

	if (!inet_pton(AF_INET, address, &to.sin_addr))
		errx(2, "%s: no address", address);
	for (;;) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (fd < 0)
			err(1, "socket");
		if (!connect(fd, (struct sockaddr *)&to, sizeof(to)))
			break;
		if (now_ns() > until)
			err(1, "%s", address);
		close(fd);
		usleep(100000);
	}
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	return fd;
}

static void begin(int fd, const struct ask *ask)
{
	put(fd, ask, sizeof(*ask));
	if (!strcmp(ask->kind, "send"))
		send_bytes(fd, ask->count * MIB);
	else if (!strcmp(ask->kind, "receive"))
		receive_bytes(fd, ask->count * MIB);
	else if (!strcmp(ask->kind, "ping"))
		ping(fd, ask->count);
	else
		errx(2, "%s: no such kind", ask->kind);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve(atoi(argv[2]));
	if (argc < 6 || argc % 2)
		errx(2, "usage: stream serve PORT | NAME ADDRESS PORT [KIND COUNT]...");
	for (int i = 4; i < argc; i += 2) {
		struct ask ask = { .count = strtoull(argv[i + 1], NULL, 0) };
		uint64_t start;
		int fd;

		snprintf(ask.kind, sizeof(ask.kind), "%s", argv[i]);
		fd = dial(argv[2], atoi(argv[3]));
		start = now_ns();
		begin(fd, &ask);
		printf("figure %s/%s %llu %llu\n", argv[1], ask.kind,
		       (unsigned long long)ask.count, (unsigned long long)(now_ns() - start));
		close(fd);
	}
	return 0;
}
