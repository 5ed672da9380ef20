// SPDX-License-Identifier: GPL-2.0
/*
 * Has a guest's kernel take its locks: as many processes as there are processors do the same
 * for a while.
 *
 * usage: contend KIND MILLISECONDS
 *
 * "fork": a process that ends, and is waited for. "files": a file in the one directory, which
 * should be on tmpfs, made and removed. "messages": a small message over a socket pair, in a
 * group of processes of which each sender writes to all receivers.
 * "figure KIND COUNT NANOSECONDS" is printed: how often all together have done it.
 */
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_CPUS	64
#define MEMBERS		4	/* of a group: senders, and receivers */
#define MESSAGE		100	/* bytes */

/* What one process has done, in a line of cache of its own. */
static volatile struct {
	uint64_t nr;
	char pad[64 - sizeof(uint64_t)];
} *done;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static pid_t child(void)
{
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	return pid;
}

static void do_fork(int n)
{
	for (;; done[n].nr++) {
		if (!child())
			_exit(0);
		if (wait(NULL) < 0)
			err(1, "wait");
	}
}

static void do_files(int n)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "contend-%d", n);
	for (;; done[n].nr++) {
		fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);
		if (fd < 0 || close(fd) || unlink(name))
			err(1, "%s", name);
	}
}

static void receive(int n, int fd)
{
	char message[MESSAGE];

	for (;; __atomic_fetch_add(&done[n].nr, 1, __ATOMIC_RELAXED)) {
		if (recv(fd, message, MESSAGE, MSG_WAITALL) != MESSAGE)
			err(1, "recv");
	}
}

static void send_to_all(const int *fds)
{
	static const char message[MESSAGE];

	for (int i = 0;; i = (i + 1) % MEMBERS) {
		if (write(fds[i], message, MESSAGE) != MESSAGE)
			err(1, "write");
	}
}

/* All of a group are in the process group of the one that makes them, and last as long. */
static void do_messages(int n)
{
	int fds[MEMBERS], pair[2];

	for (int i = 0; i < MEMBERS; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
			err(1, "socketpair");
		if (!child())
			receive(n, pair[0]);
		close(pair[0]);
		fds[i] = pair[1];
	}
	for (int i = 1; i < MEMBERS; i++) {
		if (!child())
			send_to_all(fds);
	}
	send_to_all(fds);
}

static const struct kind {
	const char *name;
	void (*run)(int n);
} kinds[] = {
	{ "fork", do_fork },
	{ "files", do_files },
	{ "messages", do_messages },
};

static const struct kind *find(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	}
	errx(2, "%s: no such kind", name);
}

static uint64_t all_done(int cpus)
{
	uint64_t sum = 0;

	for (int n = 0; n < cpus; n++)
		sum += done[n].nr;
	return sum;
}

int main(int argc, char **argv)
{
	int cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pid_t pids[MAX_CPUS];
	const struct kind *kind;
	uint64_t start, count;

	if (argc != 3 || cpus > MAX_CPUS)
		errx(2, "usage: contend KIND MILLISECONDS");
	kind = find(argv[1]);
	done = mmap(NULL, MAX_CPUS * sizeof(*done), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (done == MAP_FAILED)
		err(1, "mmap");
	for (int n = 0; n < cpus; n++) {
		pids[n] = child();
		if (!pids[n]) {
			setpgid(0, 0);
			kind->run(n);
		}
		setpgid(pids[n], pids[n]);
	}
	start = now_ns();
	count = all_done(cpus);
	usleep(atoi(argv[2]) * 1000);
	count = all_done(cpus) - count;
	printf("figure %s %llu %llu\n", kind->name, (unsigned long long)count,
	       (unsigned long long)(now_ns() - start));
	for (int n = 0; n < cpus; n++)
		kill(-pids[n], SIGKILL);
	while (wait(NULL) > 0)
		;
	return 0;
}
