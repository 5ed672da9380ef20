/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What payloads measure in: batches, timed with the TSC, told as "exits NAME COUNT: TICKS...",
 * a batch of COUNT exits each.
 */
#ifndef BATCHES_H
#define BATCHES_H

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

/*
 * With stay=NAME on the command line that kind goes on for ever, for who looks at what it
 * executes (scripts/exit-profile).
 */
static inline bool stays(const char *name)
{
	bool stay = boot_says("stay=", name);

	if (stay)
		printf("# %s goes on\n", name);
	return stay;
}

/* The first batch comes twice: what is cold the first time is warm the second. */
#define MEASURE(name, count, ...) do {				\
	bool _stay = stays(name);				\
	u32 _b, _i;						\
	u64 _start;						\
								\
	for (_b = 0; _b <= BATCHES || _stay; _b++) {		\
		_start = rdtsc();				\
		for (_i = 0; _i < (count); _i++) {		\
			__VA_ARGS__;				\
		}						\
		ticks[_b % BATCHES] = rdtsc() - _start;		\
	}							\
	report(name, count);					\
} while (0)

/* Has no exits: it says how many ticks an instruction takes. */
static inline void measure_nop(void)
{
	MEASURE("nop", COUNT, asm volatile(".rept %c0; nop; .endr" :: "i"(NOPS)));
}

/* Addresses from @addr on, as many as that takes: a store, or a load, every @stride bytes. */
static inline void measure_stores(const char *name, u64 addr, u32 count, u64 stride)
{
	u64 end, start;
	u32 b;

	for (b = 0; b <= BATCHES; b++) {
		start = rdtsc();
		for (end = addr + count * stride; addr < end; addr += stride)
			WRITE_ONCE(*(u8 *)addr, 1);
		ticks[b % BATCHES] = rdtsc() - start;
	}
	report(name, count);
}

static inline void measure_loads(const char *name, u64 addr, u32 count, u64 stride)
{
	u64 end, start;
	u32 b;

	for (b = 0; b <= BATCHES; b++) {
		start = rdtsc();
		for (end = addr + count * stride; addr < end; addr += stride)
			READ_ONCE(*(u8 *)addr);
		ticks[b % BATCHES] = rdtsc() - start;
	}
	report(name, count);
}

/* Instruction by instruction what Linux does: clear_page_erms(), _rep(), _orig(). */
static inline void clear(void *to, u64 bytes, u64 unit)
{
	u64 n = bytes / unit;

	if (unit == 1)
		asm volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(0) : "memory");
	else if (unit == 8)
		asm volatile("rep stosq" : "+D"(to), "+c"(n) : "a"(0ull) : "memory");
	else
		asm volatile("1: dec %1; mov %2, (%0); mov %2, 8(%0); mov %2, 16(%0);"
			     "mov %2, 24(%0); mov %2, 32(%0); mov %2, 40(%0);"
			     "mov %2, 48(%0); mov %2, 56(%0); lea 64(%0), %0; jnz 1b"
			     : "+r"(to), "+r"(n) : "r"(0ull) : "memory", "cc");
}

/* Clearing memory as a kernel does, which no hypervisor is spared. */
static inline void measure_clear(void)
{
	u64 start, unit = boot_option("clear=", 8);
	u32 b;

	for (b = 0; b < BATCHES; b++) {
		start = rdtsc();
		clear((void *)FRESH, LARGE, unit);
		ticks[b] = rdtsc() - start;
	}
	report("clear", LARGE / PAGE);
}

#endif
