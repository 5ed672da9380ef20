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
	const long loops = 100000;
	long long ns, best = -1;
	int round;

	/* The host has other things to do, so rounds are short and the shortest counts. */
	for (round = 0; round < 200; round++) {
		long n = loops;

		ns = now();
		asm volatile("1: dec %0; jnz 1b" : "+r" (n));
		ns = now() - ns;
		if (best < 0 || ns < best)
			best = ns;
	}
	printf("%ld instructions took %lld ns\n", 2 * loops, best);
	return best < 2 * loops || best > 2 * loops / 100 * 105;
}
