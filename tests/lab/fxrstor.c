// SPDX-License-Identifier: GPL-2.0
/* Restores its FPU state without end, on the processor that it is told to use. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>

static char state[512] __attribute__((aligned(16)));

int main(int argc, char **argv)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(argc > 1 ? atoi(argv[1]) : 0, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		return 1;
	asm volatile("fxsave64 %0" : "+m" (state));
	for (;;)
		asm volatile("fxrstor64 %0" : : "m" (state));
}
