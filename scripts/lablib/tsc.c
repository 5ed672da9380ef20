// SPDX-License-Identifier: GPL-2.0
/* Prints the rate of this machine's TSC, in kHz: what QEMU's TCG gives its machines. */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

struct moment {
	uint64_t tsc, ns;
};

/* Of many readings of both clocks the one that was done fastest. */
static struct moment now(void)
{
	struct moment best = {};
	uint64_t shortest = UINT64_MAX;

	for (int i = 0; i < 200; i++) {
		struct timespec t;
		uint64_t before = __rdtsc(), took;

		clock_gettime(CLOCK_MONOTONIC, &t);
		took = __rdtsc() - before;
		if (took < shortest) {
			shortest = took;
			best.tsc = before + took / 2;
			best.ns = t.tv_sec * 1000000000ull + t.tv_nsec;
		}
	}
	return best;
}

int main(void)
{
	struct moment from = now(), to;

	nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	to = now();
	printf("%.0f\n", (to.tsc - from.tsc) * 1e6 / (to.ns - from.ns));
	return 0;
}
