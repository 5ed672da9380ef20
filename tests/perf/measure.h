/* SPDX-License-Identifier: GPL-2.0 */
/* What the two programs of the benchmark have in common, for figures taken from outside. */
#ifndef MEASURE_H
#define MEASURE_H

#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

/* Few: in between the host is idle, and Bochs sleeps then. */
#define REPEATS		8
/*
 * So many guests at a time that what one needs shows beside what the host does
 * meanwhile. The first lot takes up what the allocators still had, the others count.
 */
#define GUESTS		8
#define ALL_GUESTS	(4 * GUESTS)
#define GUEST_BYTES	(128ull << 20)

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) :: "memory");
	return (uint64_t)hi << 32 | lo;
}

/* As the payload does it: @value is that of @count exits, or whatever it is. */
static inline void report(const char *name, unsigned int count, int64_t value)
{
	printf("exits %s %u: %lld\n", name, count, (long long)value);
	fflush(stdout);
}

/* Let others run: a guest that has been let go gets where it halts. */
static inline void nap_ms(long ms)
{
	struct timespec ts = { .tv_nsec = ms * 1000000 };

	nanosleep(&ts, NULL);
}

/* The sum of what "NAME NUMBER" lines of a file say; stat_refresh makes that exact. */
static inline uint64_t sum_of(const char *path, const char *name)
{
	unsigned long long sum = 0, n;
	char line[128], format[32];
	FILE *f = fopen("/proc/sys/vm/stat_refresh", "w");

	if (!f || fputs("1", f) < 0 || fclose(f))
		err(1, "stat_refresh");
	snprintf(format, sizeof(format), " %s %%llu", name);
	f = fopen(path, "r");
	if (!f)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, format, &n) == 1)
			sum += n;
	fclose(f);
	return sum;
}

/* With the free pages that each processor has put aside, which may be thousands. */
static inline uint64_t available_kib(void)
{
	return sum_of("/proc/meminfo", "MemAvailable:") + 4 * sum_of("/proc/zoneinfo", "count:");
}

/* Call it for each of ALL_GUESTS once it runs; it holds @bytes of its own. */
static inline void count_guest(uint64_t bytes)
{
	static uint64_t before, resident;
	static unsigned int n;

	resident += bytes;
	if (++n % GUESTS)
		return;
	if (n > GUESTS)
		report("guest-memory", GUESTS, before - available_kib() - resident / 1024);
	before = available_kib();
	resident = 0;
}

#endif
