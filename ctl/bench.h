/* SPDX-License-Identifier: GPL-2.0 */
/* Figures of exits, out of what tests/perf/payload/exits.c prints. */
#ifndef CTL_BENCH_H
#define CTL_BENCH_H

#include "out.h"

enum bench_engine { BENCH_AERIE, BENCH_KVM, BENCH_ENGINES };

/* Cycles of the time-stamp counter an exit, 0 where that has not been measured. */
struct bench_kind {
	char name[24];
	double cycles[BENCH_ENGINES];
};

struct bench {
	struct bench_kind *kind;
	size_t nr;
};

/**
 * bench_line() - take in a line of the payload's
 * @b: figures so far
 * @engine: the hypervisor it ran under
 * @line: "exits NAME COUNT: TICKS..." is a figure, the median of the batches; what is
 *	not one, or measures the processor alone, is passed over
 */
void bench_line(struct bench *b, enum bench_engine engine, const char *line);

/**
 * bench_table() - the figures as a table
 * @b: figures
 * @hz: of the time-stamp counter
 * @kvm: with KVM's beside
 */
struct out_table *bench_table(const struct bench *b, uint64_t hz, bool kvm);
void bench_free(struct bench *b);

#endif
