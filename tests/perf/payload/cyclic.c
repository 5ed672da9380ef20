// SPDX-License-Identifier: GPL-2.0
/*
 * A task in real time: in every period it is woken by the timer of the local APIC, set to a
 * TSC deadline, has a little work to do and halts until the next one. It waits for the word
 * before it begins. Of "periods=N" tells "cyclic N MISSED WORST MEAN": in how many the work was
 * not done before the next began, and how many nanoseconds after the deadline it was awake.
 */
#include "await.h"

#define VEC_DEADLINE	0x61
#define PERIOD_US	1000u
#define WORK		50000u		/* instructions */

#define FEATURE_DEADLINE BIT(24)	/* CPUID 1, ECX */

static volatile u64 awake;		/* since when, or 0 */

static void on_deadline(struct regs *regs)
{
	awake = rdtsc();
	apic_eoi();
}

static void work(u32 n)
{
	for (n /= 2; n; n--)
		barrier();
}

/* TSC cycles after @deadline, which may be over. */
static u64 sleep_until(u64 deadline)
{
	awake = 0;
	wrmsr(MSR_TSC_DEADLINE, deadline);
	while (!awake)
		sti_hlt_cli();
	return awake - deadline;
}

TEST(cyclic)
{
	u64 per_ms = tsc_per_ms(), period = per_ms * PERIOD_US / 1000;
	u64 deadline, late, worst = 0, sum = 0;
	u32 n, periods = boot_option("periods=", 1000), missed = 0;

	if (!(cpuid(1, 0).c & FEATURE_DEADLINE))
		die("no TSC deadlines");
	await_host("ready");
	set_handler(VEC_DEADLINE, on_deadline);
	apic_write(APIC_LVT_TIMER, LVT_DEADLINE | VEC_DEADLINE);
	deadline = rdtsc();
	for (n = 0; n < periods; n++) {
		deadline += period;
		late = sleep_until(deadline);
		sum += late;
		if (late > worst)
			worst = late;
		work(WORK);
		missed += rdtsc() - deadline > period;
	}
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	printf("cyclic %u %u %lu %lu\n", periods, missed, worst * 1000000 / per_ms,
	       sum * 1000000 / per_ms / periods);
}
