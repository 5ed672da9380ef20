// SPDX-License-Identifier: GPL-2.0
/*
 * What exits cost: for each kind a loop of instructions that exit, timed with the
 * TSC in batches. One line a kind: "exits NAME COUNT: TICKS...", a batch of COUNT
 * exits each; scripts/bench makes figures of them. "nop" has no exits: it says how
 * many ticks an instruction takes, which is 1 where the TSC counts instructions.
 */
#include "guest.h"

#define BATCHES		16
#define COUNT		256
#define NOPS		100
#define PAGE		4096ull
#define LARGE		(2ull << 20)
/* Memory that nobody has touched; the payload itself lies far below. */
#define FRESH		(32ull << 20)

static u64 ticks[BATCHES];

static void report(const char *name, u32 count)
{
	u32 b;

	printf("exits %s %u:", name, count);
	for (b = 0; b < BATCHES; b++)
		printf(" %lu", ticks[b]);
	printf("\n");
}

/* The first batch comes twice: what is cold the first time is warm the second. */
#define MEASURE(name, count, stmt) do {				\
	u32 _b, _i;						\
	u64 _start;						\
								\
	for (_b = 0; _b <= BATCHES; _b++) {			\
		_start = rdtsc();				\
		for (_i = 0; _i < (count); _i++)		\
			stmt;					\
		ticks[_b % BATCHES] = rdtsc() - _start;		\
	}							\
	report(name, count);					\
} while (0)

/* An unknown one; the kinds of processor have an instruction each. */
static void hypercall(bool intel)
{
	s64 ret = 9999;

	if (intel)
		asm volatile("vmcall" : "+a"(ret) :: "memory");
	else
		asm volatile("vmmcall" : "+a"(ret) :: "memory");
}

TEST(exits)
{
	bool intel = cpuid(0, 0).b == 0x756e6547;	/* "Genu" */

	MEASURE("nop", COUNT, asm volatile(".rept %c0; nop; .endr" :: "i"(NOPS)));
	MEASURE("cpuid", COUNT, cpuid(0, 0));
	MEASURE("rdmsr", COUNT, rdmsr(MSR_APIC_BASE));
	/* A new value every time, the old one in the end. */
	MEASURE("wrmsr", COUNT, wrmsr(MSR_TSC_ADJUST, ~_i & 1));
	MEASURE("hypercall", COUNT, hypercall(intel));
	MEASURE("pio", COUNT, inb(0x21));
	MEASURE("lapic-mmio", COUNT, mmio_read32(LAPIC + APIC_VERSION));
	MEASURE("wbinvd", COUNT, asm volatile("wbinvd" ::: "memory"));
}

/* A batch is the pages of 2 MiB, which is one exit if the host has large pages for it. */
TEST(first_touch)
{
	u32 b, count = LARGE / PAGE;
	u64 addr = FRESH, end, start;

	for (b = 0; b <= BATCHES; b++) {
		start = rdtsc();
		for (end = addr + LARGE; addr < end; addr += PAGE)
			WRITE_ONCE(*(u8 *)addr, 1);
		ticks[b % BATCHES] = rdtsc() - start;
	}
	report("touch", count);
}
