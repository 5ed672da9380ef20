// SPDX-License-Identifier: GPL-2.0
/* Figures of exits, out of what tests/perf/payload/exits.c prints. */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "mem.h"

#define BATCHES_MAX	64

/* What an instruction, the loop, clearing memory take: no exits. */
static bool is_yardstick(const char *name)
{
	return !strcmp(name, "nop") || !strcmp(name, "loop") || !strcmp(name, "clear");
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The middle of the numbers in @text, which is nothing but those; 0 where it is not. */
static double median(const char *text)
{
	uint64_t ticks[BATCHES_MAX];
	size_t nr = 0;
	char *end;

	while (text[strspn(text, " \r\n")]) {
		if (nr == BATCHES_MAX)
			return 0;
		ticks[nr++] = strtoull(text, &end, 10);
		if (end == text)
			return 0;
		text = end;
	}
	if (!nr)
		return 0;
	qsort(ticks, nr, sizeof(ticks[0]), by_size);
	return ((double)ticks[(nr - 1) / 2] + (double)ticks[nr / 2]) / 2;
}

static struct bench_kind *find_kind(struct bench *b, const char *name)
{
	size_t i;

	for (i = 0; i < b->nr; i++) {
		if (!strcmp(b->kind[i].name, name))
			return &b->kind[i];
	}
	b->kind = xrealloc(b->kind, b->nr + 1, sizeof(*b->kind));
	b->kind[b->nr] = (struct bench_kind){};
	strcpy(b->kind[b->nr].name, name);
	return &b->kind[b->nr++];
}

void bench_line(struct bench *b, enum bench_engine engine, const char *line)
{
	char name[sizeof(b->kind->name)];
	unsigned int count = 0;
	int at = 0;
	double ticks;

	if (sscanf(line, "exits %23s %u:%n", name, &count, &at) != 2 || !at || !count ||
	    is_yardstick(name))
		return;
	ticks = median(line + at);
	if (ticks > 0)
		find_kind(b, name)->cycles[engine] = ticks / count;
}

struct out_table *bench_table(const struct bench *b, uint64_t hz, bool kvm)
{
	static const struct out_col cols[] = {
		{ "EXIT", OUT_STR },
		{ "CYCLES", OUT_U64 }, { "TIME", OUT_TIME }, { "EXITS/S", OUT_U64 },
		{ "KVM_CYCLES", OUT_U64 }, { "KVM_TIME", OUT_TIME }, { "KVM_EXITS/S", OUT_U64 },
		{ "RATIO", OUT_REAL },
	};
	struct out_table *table = out_table_new(cols, kvm ? 8 : 4);
	size_t i;

	for (i = 0; i < b->nr; i++) {
		const double *cycles = b->kind[i].cycles;
		double ours = cycles[BENCH_AERIE], theirs = cycles[BENCH_KVM];
		double ghz = (double)hz / 1e9;

		out_table_row(table, (struct out_val[]){
			{ .str = b->kind[i].name },
			{ .u64 = (uint64_t)(ours + 0.5), .none = !ours },
			{ .u64 = (uint64_t)(ours / ghz + 0.5), .none = !ours },
			{ .u64 = ours ? (uint64_t)((double)hz / ours + 0.5) : 0, .none = !ours },
			{ .u64 = (uint64_t)(theirs + 0.5), .none = !theirs },
			{ .u64 = (uint64_t)(theirs / ghz + 0.5), .none = !theirs },
			{ .u64 = theirs ? (uint64_t)((double)hz / theirs + 0.5) : 0,
			  .none = !theirs },
			{ .real = theirs ? ours / theirs : 0, .none = !ours || !theirs },
		});
	}
	return table;
}

void bench_free(struct bench *b)
{
	free(b->kind);
	*b = (struct bench){};
}
