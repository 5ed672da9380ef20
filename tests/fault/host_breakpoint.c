// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a command while a hardware breakpoint of the host is active on every
 * processor, on an address that nobody touches, and says how often it hit.
 *
 *   host_breakpoint COMMAND...    exit status: the command's, 125 for trouble,
 *				    4 where the host cannot do it
 *
 * Then touches the address itself: "hits N then M", where M - N should be 1.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SKIP		4
#define TROUBLE		125
#define MAX_CPUS	64
#define PLACE		0x10000000ul	/* not where programs are */

static int events[MAX_CPUS];
static long nr_cpus;

static int trouble(const char *what)
{
	fprintf(stderr, "host_breakpoint: %s: %s\n", what, strerror(errno));
	return TROUBLE;
}

/*
 * TCG's VMRUN and #VMEXIT change DR7, but not the breakpoints it has set up for it;
 * it then frees those of one kind as of the other, and dies of that.
 */
static int on_tcg(void)
{
	unsigned int a, b, c, d;

	__cpuid(0x40000000, a, b, c, d);
	return b == 0x54474354 && c == 0x43544743 && d == 0x47435447;
}

static uint64_t hits(void)
{
	uint64_t n, sum = 0;
	long i;

	for (i = 0; i < nr_cpus; i++)
		if (read(events[i], &n, sizeof(n)) == sizeof(n))
			sum += n;
	return sum;
}

int main(int argc, char **argv)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_BREAKPOINT,
		.bp_type = HW_BREAKPOINT_RW,
		.bp_addr = PLACE,
		.bp_len = HW_BREAKPOINT_LEN_8,
	};
	uint64_t before;
	int status;
	char *place;
	pid_t pid;
	long i;

	if (argc < 2)
		return TROUBLE;
	if (on_tcg())
		return SKIP;
	place = mmap((void *)PLACE, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (place == MAP_FAILED)
		return trouble("mmap");
	nr_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	for (i = 0; i < nr_cpus && i < MAX_CPUS; i++) {
		events[i] = (int)syscall(SYS_perf_event_open, &attr, -1, i, -1, 0);
		if (events[i] < 0)
			return trouble("perf_event_open");
	}
	pid = fork();
	if (!pid) {
		execvp(argv[1], argv + 1);
		_exit(trouble(argv[1]));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return trouble("fork");
	before = hits();
	*(volatile char *)place = 1;
	printf("hits %llu then %llu\n", (unsigned long long)before, (unsigned long long)hits());
	return WIFEXITED(status) ? WEXITSTATUS(status) : TROUBLE;
}
