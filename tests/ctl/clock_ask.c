// SPDX-License-Identifier: GPL-2.0
/*
 * Asks a guest that runs clock.elf what time it is, some times, and says by how much its clock
 * is off the host's for certain, whatever the answers took:
 *
 *	clock_ask TTY TIMES	off FROM TO ns	(guest less host; what the guest says of itself)
 *	clock_ask slew PPM	the host's clocks go faster, or slower, from now on
 *
 * The status is 1 where that is a millisecond or more, where the guest's clock has gone
 * back, or where it knows that it has been off by as much; 2 where nobody answers.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define BOUND	1000000

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static int slew(const char *ppm)
{
	struct timex t = { .modes = ADJ_FREQUENCY, .freq = atol(ppm) * 65536 };

	if (adjtimex(&t) < 0) {
		perror("adjtimex");
		return 2;
	}
	return 0;
}

/* Nothing is echoed to the guest; what it has said before is not an answer. */
static void make_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct termios tio;
	char buf[4096];

	if (!tcgetattr(fd, &tio)) {
		cfmakeraw(&tio);
		tcsetattr(fd, TCSANOW, &tio);
	}
	while (poll(&p, 1, 300) == 1 && read(fd, buf, sizeof(buf)) > 0)
		;
}

/* A line of the guest's that begins with "# time ". */
static int answer(int fd, char *line, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	char c;

	while (poll(&p, 1, 60000) == 1 && read(fd, &c, 1) == 1) {
		if (c != '\n' && c != '\r') {
			if (len < size - 1)
				line[len++] = c;
			continue;
		}
		line[len] = 0;
		if (!strncmp(line, "# time ", 7))
			return 0;
		len = 0;
	}
	return -1;
}

int main(int argc, char **argv)
{
	long long from = LLONG_MIN, to = LLONG_MAX, before, guest, behind = 0, ahead = 0;
	unsigned int backward = 0;
	char line[256] = "";
	int fd, i;

	if (argc != 3)
		return 2;
	if (!strcmp(argv[1], "slew"))
		return slew(argv[2]);
	fd = open(argv[1], O_RDWR | O_NOCTTY);
	if (fd < 0) {
		perror(argv[1]);
		return 2;
	}
	make_ready(fd);
	for (i = 0; i < atoi(argv[2]); i++) {
		before = now();
		if (write(fd, "?", 1) != 1 || answer(fd, line, sizeof(line))) {
			fprintf(stderr, "%s: no answer\n", argv[1]);
			return 2;
		}
		if (sscanf(line, "# time %lld backward %u by %*u pairs %*u behind %lld ahead %lld",
			   &guest, &backward, &behind, &ahead) != 4) {
			fprintf(stderr, "%s: '%s'\n", argv[1], line);
			return 2;
		}
		if (guest - now() > from)
			from = guest - now();
		if (guest - before < to)
			to = guest - before;
		usleep(10000);
	}
	printf("# off %lld to %lld ns; %s\n", from, to, line + 2);
	return from >= BOUND || to <= -BOUND || backward || behind >= BOUND || ahead >= BOUND;
}
