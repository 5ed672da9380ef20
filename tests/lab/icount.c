// SPDX-License-Identifier: GPL-2.0
/* With scripts/lab --icount a loop of so many instructions takes as many nanoseconds. */
#include <stdio.h>
#include <time.h>

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

int main(void)
{
	const long loops = 20000000;
	long n = loops;
	long long ns = now();

	asm volatile("1: dec %0; jnz 1b" : "+r" (n));
	ns = now() - ns;
	printf("%ld instructions took %lld ns\n", 2 * loops, ns);
	/* The host's own interrupts come on top. */
	return ns < 2 * loops || ns > 2 * loops / 100 * 105;
}
