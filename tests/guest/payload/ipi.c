// SPDX-License-Identifier: GPL-2.0
/*
 * Interprocessor interrupts: all destinations, modes and shorthands, in xAPIC and
 * x2APIC mode, INIT and start-up included. Runs with 4 processors, and with 64.
 */
#include "guest.h"

#define VEC	0xa0
#define VEC_LOW	0x50

static volatile u32 count[MAX_CPUS], order[8], nr_order;
static volatile bool stop;
static u32 nr;

static void on_ipi(struct regs *r)
{
	count[this_cpu()->id]++;
	apic_eoi();
}

static void on_nmi(struct regs *r)
{
	count[this_cpu()->id]++;
}

static void take_interrupts(void *arg)
{
	while (!stop)
		sti_nop_cli();
}

static void halt_for_interrupts(void *arg)
{
	while (!stop)
		sti_hlt_cli();
}

/* Many spin on few processors, where one may wait for its turn for very long. */
static u64 patience_ms(void)
{
	return nr > 8 ? 120000 : 10000;
}

/* Others wait, spinning or halted; all or some of @want should get it. Who did? */
static u64 arrives(u32 dest, u32 icr, u64 want, bool all, bool halted)
{
	u64 mask;
	u32 i;

	stop = false;
	for (i = 0; i < nr; i++)
		count[i] = 0;
	for (i = 1; i < nr; i++)
		cpu_start(i, halted ? halt_for_interrupts : take_interrupts, NULL);
	apic_icr(dest, icr | ICR_ASSERT);
	WAIT_FOR(({ sti_nop_cli();
		for (mask = 0, i = 0; i < nr; i++)
			mask |= (u64)!!count[i] << i;
		all ? (mask & want) == want : mask & want; }), patience_ms());
	delay_us(1000);			/* for those that should not have it */
	stop = true;
	if (halted)
		apic_icr(0, ICR_OTHERS | ICR_ASSERT | 0xa1);
	for (i = 1; i < nr; i++)
		cpu_wait(i);
	for (mask = 0, i = 0; i < nr; i++) {
		EXPECT(count[i] <= 1);
		mask |= (u64)!!count[i] << i;
	}
	return mask;
}

#define EXPECT_ARRIVES(dest, icr, want) do {					\
	EXPECT_EQ(arrives(dest, icr, want, true, false), want);			\
	EXPECT_EQ(arrives(dest, icr, want, true, true), want);			\
} while (0)

static void nothing(struct regs *r)
{
	apic_eoi();
}

static bool setup(void)
{
	nr = smp_start();
	set_handler(VEC, on_ipi);
	set_handler(VEC_LOW, on_ipi);
	set_handler(0xa1, nothing);
	return nr >= 2;
}

static u64 everybody(void)
{
	return nr < 64 ? BIT(nr) - 1 : ~0ull;
}

/* Of many processors some will do, the last among them: each arrival takes them all. */
static u32 stride(void)
{
	return nr > 8 ? 21 : 1;
}

static void physical(void)
{
	u64 all = everybody();
	u32 i;

	for (i = 0; i < nr; i += stride())
		EXPECT_ARRIVES(cpus[i].apic_id, VEC, BIT(i));
	EXPECT_ARRIVES(0, VEC | ICR_SELF, BIT(0));
	EXPECT_ARRIVES(0, VEC | ICR_ALL, all);
	EXPECT_ARRIVES(0, VEC | ICR_OTHERS, all & ~1ull);
	/* To nobody: an ID that is not there */
	EXPECT_ARRIVES(0x77, VEC, 0);
}

TEST(xapic_physical)
{
	if (!setup())
		SKIP("one processor");
	physical();
	EXPECT_ARRIVES(0xff, VEC, everybody());
}

static void set_flat(void *arg)
{
	apic_write(APIC_DFR, ~0u);
	apic_write(APIC_LDR, 1u << (24 + this_cpu()->id));
}

TEST(xapic_logical_flat)
{
	u64 mask, all;
	u32 i;

	if (!setup())
		SKIP("one processor");
	if (nr > 7)
		SKIP("flat mode has eight IDs");
	smp_run(set_flat, NULL);
	all = everybody();
	for (i = 0; i < nr; i++)
		EXPECT_ARRIVES(1u << i, VEC | ICR_LOGICAL, BIT(i));
	EXPECT_ARRIVES(3, VEC | ICR_LOGICAL, 3);
	EXPECT_ARRIVES(0xff, VEC | ICR_LOGICAL, all);
	EXPECT_ARRIVES(0x80, VEC | ICR_LOGICAL, 0);
	mask = arrives(0xff, VEC | ICR_LOGICAL | ICR_LOWEST, all, false, false);
	EXPECT(mask && !(mask & (mask - 1)));
}

/* Two processors a cluster */
static void set_cluster(void *arg)
{
	u32 id = this_cpu()->id;

	apic_write(APIC_DFR, 0x0fffffff);
	apic_write(APIC_LDR, (id / 2) << 28 | 1u << (24 + id % 2));
}

TEST(xapic_logical_cluster)
{
	u32 i;

	if (!setup())
		SKIP("one processor");
	if (nr > 30)
		SKIP("there are fifteen clusters");
	smp_run(set_cluster, NULL);
	for (i = 0; i < nr; i++)
		EXPECT_ARRIVES((i / 2) << 4 | 1u << i % 2, VEC | ICR_LOGICAL, BIT(i));
	EXPECT_ARRIVES(0x03, VEC | ICR_LOGICAL, 3);
	if (nr >= 4)
		EXPECT_ARRIVES(0x13, VEC | ICR_LOGICAL, 0xc);
	smp_run(set_flat, NULL);
}

TEST(nmi_to_others)
{
	if (!setup())
		SKIP("one processor");
	set_handler(NMI, on_nmi);
	EXPECT_ARRIVES(cpus[1].apic_id, ICR_NMI, 2);
	EXPECT_ARRIVES(0, ICR_NMI | ICR_OTHERS, everybody() & ~1ull);
	set_handler(NMI, NULL);
}

/* Priorities: the higher class first, the task priority holds back. */
static void on_ordered(struct regs *r)
{
	order[nr_order++ % 8] = r->vector;
	apic_eoi();
}

TEST(priorities)
{
	setup();
	set_handler(VEC, on_ordered);
	set_handler(VEC_LOW, on_ordered);
	nr_order = 0;
	apic_icr(0, ICR_SELF | ICR_ASSERT | VEC_LOW);
	apic_icr(0, ICR_SELF | ICR_ASSERT | VEC);
	EXPECT(apic_bit(APIC_IRR, VEC));
	EXPECT(apic_bit(APIC_IRR, VEC_LOW));
	/* Twice pending is once. */
	apic_icr(0, ICR_SELF | ICR_ASSERT | VEC);
	set_tpr(VEC_LOW >> 4);
	sti_nop_cli();
	sti_nop_cli();
	EXPECT_EQ(nr_order, 1);
	EXPECT_EQ(order[0], VEC);
	EXPECT_EQ(apic_read(APIC_PPR), VEC_LOW & 0xf0);
	set_tpr(0);
	sti_nop_cli();
	EXPECT_EQ(nr_order, 2);
	EXPECT_EQ(order[1], VEC_LOW);
	/* Disabled: nothing is taken. */
	set_handler(VEC, on_ipi);
	set_handler(VEC_LOW, on_ipi);
}

/* A handler that is interrupted by a higher one, and not by its own class. */
static volatile u32 depth, deepest;

static void on_nested(struct regs *r)
{
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (r->vector == VEC_LOW) {
		apic_icr(0, ICR_SELF | ICR_ASSERT | (VEC_LOW + 1));
		apic_icr(0, ICR_SELF | ICR_ASSERT | VEC);
		sti_nop_cli();
		EXPECT_EQ(nr_order, 1);
		EXPECT_EQ(order[0], VEC);
	}
	order[nr_order++ % 8] = r->vector;
	apic_eoi();
	depth--;
}

TEST(nesting)
{
	setup();
	set_handler(VEC, on_nested);
	set_handler(VEC_LOW, on_nested);
	set_handler(VEC_LOW + 1, on_nested);
	nr_order = depth = deepest = 0;
	apic_icr(0, ICR_SELF | ICR_ASSERT | VEC_LOW);
	sti_nop_cli();
	sti_nop_cli();
	EXPECT_EQ(deepest, 2);
	EXPECT_EQ(nr_order, 3);
	EXPECT_EQ(order[1], VEC_LOW);
	EXPECT_EQ(order[2], VEC_LOW + 1);
	set_handler(VEC, on_ipi);
	set_handler(VEC_LOW, on_ipi);
	set_handler(VEC_LOW + 1, NULL);
}

TEST(illegal_vectors_are_noted)
{
	setup();
	if (on_tcg())
		SKIP("TCG notes nothing");
	apic_write(APIC_ESR, 0);
	apic_write(APIC_ESR, 0);
	EXPECT_EQ(apic_read(APIC_ESR), 0);
	apic_icr(0, ICR_SELF | ICR_ASSERT | 5);
	apic_write(APIC_ESR, 0);
	EXPECT(apic_read(APIC_ESR) & 0x60);
	apic_write(APIC_ESR, 0);
	EXPECT_EQ(apic_read(APIC_ESR), 0);
}

/*
 * Two processors call each other as fast as they can; nothing gets lost. Where they
 * share a slow processor with others each call takes a turn of the scheduler, hence
 * the end after half a second.
 */
#define PINGS_MOST	2000
#define PINGS_LEAST	20
static volatile u32 pings, pongs;

static void on_ping(struct regs *r)
{
	pings++;
	apic_eoi();
}

static void pong(void *arg)
{
	while (!stop) {
		sti_nop_cli();
		pongs = pings;
	}
}

TEST(ping_pong)
{
	u64 end = rdtsc() + 500 * tsc_per_ms();
	u32 i;

	if (!setup())
		SKIP("one processor");
	set_handler(VEC, on_ping);
	pings = pongs = 0;
	stop = false;
	cpu_start(1, pong, NULL);
	for (i = 0; i < PINGS_MOST && (i < PINGS_LEAST || rdtsc() < end); i++) {
		apic_icr(cpus[1].apic_id, VEC | ICR_ASSERT);
		if (!WAIT_FOR(pongs == i + 1, 5000))
			break;
	}
	EXPECT(i >= PINGS_LEAST);
	EXPECT_EQ(pongs, i);
	stop = true;
	cpu_wait(1);
	set_handler(VEC, on_ipi);
}

/* INIT stops a processor for good; only a start-up IPI gets it going. */
static void count_up(void *arg)
{
	wrmsr(MSR_LSTAR, 0x123456789000);
	for (;;)
		atomic_inc(&pings);
}

static u64 lstar;

static void read_lstar(void *arg)
{
	lstar = rdmsr(MSR_LSTAR);
}

TEST(init_and_startup)
{
	extern volatile u32 ap_count;
	u32 before, i;

	if (!setup())
		SKIP("one processor");
	pings = 0;
	cpu_start(1, count_up, NULL);
	EXPECT(WAIT_FOR(pings > 100, 2000));
	/* A start-up IPI to a running processor is ignored. */
	apic_icr(cpus[1].apic_id, ICR_SIPI | ICR_ASSERT | 8);
	before = pings;
	EXPECT(WAIT_FOR(pings > before + 100, 2000));
	apic_icr(cpus[1].apic_id, ICR_INIT | ICR_ASSERT);
	delay_us(100000);
	before = pings;
	delay_us(100000);
	EXPECT_EQ(pings, before);
	/* An ordinary interrupt does not wake it. */
	apic_icr(cpus[1].apic_id, VEC | ICR_ASSERT);
	delay_us(50000);
	EXPECT_EQ(pings, before);
	/* It comes back as number 1, in real mode at 0x8000. */
	cpus[1].online = false;
	cpus[1].work = NULL;
	ap_count = 0;
	apic_icr(cpus[1].apic_id, ICR_SIPI | ICR_ASSERT | 8);
	EXPECT(WAIT_FOR(cpus[1].online, 5000));
	/* MSRs are as they were. */
	cpu_start(1, read_lstar, NULL);
	cpu_wait(1);
	EXPECT(lstar == 0x123456789000 || on_tcg());
	for (i = 0; i < 2; i++)
		EXPECT_ARRIVES(cpus[1].apic_id, VEC, 2);
	ap_count = nr - 1;
}

static void to_x2(void *arg)
{
	apic_to_x2();
}

TEST(x2apic_physical_and_self)
{
	if (!setup())
		SKIP("one processor");
	if (!has_x2apic())
		SKIP("no x2APIC");
	smp_run(to_x2, NULL);
	EXPECT_EQ(apic_id(), cpus[0].apic_id);
	physical();
	EXPECT_ARRIVES(~0u, VEC, everybody());
	/* The self-IPI register */
	count[0] = 0;
	wrmsr(0x83f, VEC);
	sti_nop_cli();
	EXPECT_EQ(count[0], 1);
}

TEST(x2apic_clusters)
{
	u64 pair = 0, mask;
	u32 i, ldr;

	if (!has_x2apic() || !apic_is_x2())
		SKIP("no x2APIC");
	ldr = apic_read(APIC_LDR);
	EXPECT_EQ(ldr, (cpus[0].apic_id >> 4) << 16 | 1u << (cpus[0].apic_id & 15));
	for (i = 0; i < nr; i += stride())
		EXPECT_ARRIVES((cpus[i].apic_id >> 4) << 16 | 1u << (cpus[i].apic_id & 15),
			       VEC | ICR_LOGICAL, BIT(i));
	/* Two of a cluster: APIC IDs 0 and 1, whatever their number here */
	for (i = 0; i < nr; i++)
		pair |= cpus[i].apic_id < 2 ? BIT(i) : 0;
	EXPECT_ARRIVES(3, VEC | ICR_LOGICAL, pair);
	/* Lowest priority: any one of those addressed, and only one */
	mask = arrives(3, VEC | ICR_LOGICAL | ICR_LOWEST, pair, false, false);
	EXPECT(mask && !(mask & (mask - 1)) && !(mask & ~pair));
	mask = arrives(3, VEC | ICR_LOGICAL | ICR_LOWEST, pair, false, true);
	EXPECT(mask && !(mask & (mask - 1)) && !(mask & ~pair));
	EXPECT_ARRIVES(2, VEC | ICR_LOGICAL | ICR_LOWEST, pair & ~1ull);
	EXPECT_ARRIVES(0x70001, VEC | ICR_LOGICAL, 0);
}

TEST(x2apic_reserved)
{
	if (!has_x2apic() || !apic_is_x2())
		SKIP("no x2APIC");
	if (on_tcg())
		SKIP("TCG does not check");
	EXPECT_EQ(TRY(rdmsr(0x800 + APIC_DFR / 16)), GP);
	EXPECT_EQ(TRY(rdmsr(0x800 + APIC_ICR2 / 16)), GP);
	EXPECT_EQ(TRY(rdmsr(0x83f)), GP);		/* self-IPI is write-only */
	EXPECT_EQ(TRY(wrmsr(0x802, 1)), GP);		/* ID is read-only */
	EXPECT_EQ(TRY(wrmsr(0x80b, 1)), GP);		/* EOI takes only 0 */
	EXPECT_EQ(TRY(wrmsr(0x808, 0x100)), GP);
	EXPECT_EQ(TRY(rdmsr(0x840)), GP);
	/* From x2APIC straight to xAPIC there is no way. */
	EXPECT_EQ(TRY(wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) & ~BIT(10))), GP);
}
