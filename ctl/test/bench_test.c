// SPDX-License-Identifier: GPL-2.0
/* Figures out of the payload's lines: medians, what is none, both hypervisors side by side. */
// sources: bench.c out.c json.c text.c
#include "ktap.h"
#include "bench.h"

static struct bench b;

static void take(enum bench_engine engine, const char *line)
{
	bench_line(&b, engine, line);
}

TEST(figures)
{
	take(BENCH_AERIE, "exits cpuid 256: 256000 512000 256256 255744\r\n");
	take(BENCH_AERIE, "exits hlt-wake 10: 30 10 20");
	EXPECT_EQ(b.nr, 2);
	EXPECT(!strcmp(b.kind[0].name, "cpuid"));
	/* Of an even number the mean of the two in the middle. */
	EXPECT(b.kind[0].cycles[BENCH_AERIE] == 256128.0 / 256);
	EXPECT(b.kind[1].cycles[BENCH_AERIE] == 2);
	take(BENCH_KVM, "exits hlt-wake 10: 80");
	EXPECT_EQ(b.nr, 2);
	EXPECT(b.kind[1].cycles[BENCH_KVM] == 8);
	EXPECT(b.kind[0].cycles[BENCH_KVM] == 0);
	bench_free(&b);
}

TEST(no_figures)
{
	static const char * const lines[] = {
		"", "\n", "ok 1 exits\n", "exits", "exits cpuid", "exits cpuid 256", "exits cpuid 256:",
		"exits cpuid 256: \r\n", "exits cpuid 0: 1 2 3", "exits cpuid 256: many",
		"exits cpuid 256: 1 2 x", "exits nop 256: 1", "exits loop 512: 1", "exits clear 512: 1",
		"exits a-name-that-is-much-too-long 1: 1", "skip tsc-deadline: CPUID offers none",
	};
	char many[1024] = "exits cpuid 1:";
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		take(BENCH_AERIE, lines[i]);
	for (i = 0; i < 100; i++)
		strcat(many, " 1");
	take(BENCH_AERIE, many);
	EXPECT_EQ(b.nr, 0);
	bench_free(&b);
}

static void expect_text(bool kvm, const char *expected)
{
	struct out_table *t = bench_table(&b, 2000000000, kvm);
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	out_table_text(t, f);
	fclose(f);
	out_table_free(t);
	if (strcmp(text, expected))
		printf("# got:\n%s", text);
	EXPECT(!strcmp(text, expected));
	free(text);
}

TEST(tables)
{
	take(BENCH_AERIE, "exits cpuid 1: 1000");
	take(BENCH_AERIE, "exits ipi 1: 4000");
	take(BENCH_KVM, "exits cpuid 1: 4000");
	expect_text(false, "EXIT  CYCLES  TIME EXITS/S\n"
			   "cpuid   1000 500ns 2000000\n"
			   "ipi     4000 2.0us  500000\n");
	expect_text(true, "EXIT  CYCLES  TIME EXITS/S KVM_CYCLES KVM_TIME KVM_EXITS/S RATIO\n"
			  "cpuid   1000 500ns 2000000       4000    2.0us      500000  0.25\n"
			  "ipi     4000 2.0us  500000          -        -           -     -\n");
	bench_free(&b);
}
