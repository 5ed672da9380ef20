// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest has the host write into its memory by KVM's interface (the end of interrupts,
 * steal time, clocks), where that memory is not there: it has gone into the balloon, has left
 * memory for the host's sake, or there never was any. No interrupt is lost, and the guest goes on.
 *
 * Command line: "press=MIB" has pages leave memory by writing so much beside them, which is
 * to be more than the guest may have; else they go into the balloon, and are zeroes then.
 */
#include "guest.h"
#include "virtio/driver.h"

#define MSR_WALL	0x4b564d00
#define MSR_SYSTEM	0x4b564d01
#define MSR_STEAL	0x4b564d03
#define MSR_PV_EOI	0x4b564d04
#define ENABLE		1
#define HC_PAIRING	9
#define EOPNOTSUPP	95
#define EFAULT		14
#define BALLOON		5
#define LOW		0x48
#define LOWER		0x42
#define AT_ONCE_MS	5000
#define TIMES		5
#define PRESSED		0x1000000ull	/* memory that is written */

struct steal {
	u64 ns;
	u32 version, flags;
	u8 preempted;
};

struct clock {
	u32 version, pad;
	u64 tsc, ns;
	u32 mul;
};

struct wall {
	u32 version, sec, nsec;
};

struct pairing {
	s64 sec, nsec;
	u64 tsc;
};

/* Addresses of no memory: device registers, a hole, the end of RAM, beyond all addresses. */
static const u64 nowhere[] = {
	LAPIC, IOAPIC, ECAM, 0xc0000000, 0xfffff000, BIT(33), BIT(51) - 4096, BIT(63) - 4096,
	~0ull << 12,
};

static struct device balloon;
static u32 pfn;
static u16 given;
static u64 press;		/* bytes */
static volatile u32 *flag;
static volatile u32 came[256], by_bit, by_register;
static void (*meanwhile)(void);

static void end(void)
{
	if (*flag & 1) {
		*flag &= ~1u;
		by_bit++;
	} else {
		apic_eoi();
		by_register++;
	}
}

static void on_irq(struct regs *r)
{
	void (*what)(void) = meanwhile;

	came[r->vector]++;
	meanwhile = NULL;
	if (what)
		what();
	end();
}

static bool ready(void)
{
	static bool found;

	if (cpuid(0x40000000, 0).b != 0x4b4d564b)	/* "KVMK" */
		return false;
	if (!found) {
		pic_mask(0xffff);
		apic_enable();
		ring = page_alloc();
		press = boot_option("press=", 0) << 20;
		found = press || (probe(&balloon, BALLOON, 0) && start(&balloon, 0, NO_VECTOR));
		set_handler(LOW, on_irq);
		set_handler(LOWER, on_irq);
	}
	came[LOW] = came[LOWER] = by_bit = by_register = 0;
	return found;
}

#define READY()	do { if (!ready()) SKIP("no such hypervisor, or no balloon"); } while (0)

/* More than there may be, twice: what was not touched meanwhile is what leaves. */
static void write_much(void)
{
	static u64 value;
	u64 at;

	for (at = PRESSED; at < PRESSED + 2 * press; at += 4096)
		*(volatile u64 *)(at < PRESSED + press ? at : at - press) = ++value;
}

/* The host has nothing of the page in memory any more. */
static void leave(volatile void *page)
{
	if (press) {
		write_much();
		return;
	}
	pfn = (u64)page >> 12;
	describe(0, &pfn, sizeof(pfn), 0, 0);
	submit(&balloon, 0);
	given++;
	EXPECT(WAIT_FOR(({ get8(&balloon, STATUS); READ_ONCE(ring->used.idx) == given; }), AT_ONCE_MS));
}

static void *page_that_left(void)
{
	u64 *page = page_alloc();

	page[511] = 1;
	leave(page);
	EXPECT_EQ(READ_ONCE(page[511]), !!press);
	page[511] = 1;
	leave(page);
	return page;
}

static void self(u8 vector)
{
	apic_icr(apic_id(), ICR_ASSERT | vector);
}

/* ---- The end of interrupts ------------------------------------------------------ */

TEST(no_offer_is_made_where_there_is_nothing)
{
	READY();
	flag = page_that_left();
	wrmsr(MSR_PV_EOI, (u64)flag | ENABLE);
	self(LOW);
	sti_nop_cli();
	EXPECT_EQ(came[LOW], 1);
	EXPECT_EQ(by_register, 1);
	EXPECT(!apic_bit(APIC_ISR, LOW));
	/* As soon as the guest has written there. */
	*flag = 0;
	self(LOW);
	sti_nop_cli();
	EXPECT_EQ(came[LOW], 2);
	EXPECT_EQ(by_bit, 1);
	wrmsr(MSR_PV_EOI, 0);
}

/* The offer goes with its page, and another one asks what has become of it. */
static void offer_goes(void)
{
	EXPECT(*flag & 1);
	leave(flag);
	self(LOWER);
}

TEST(an_offer_goes_with_its_page)
{
	u32 i;

	READY();
	flag = page_alloc();
	wrmsr(MSR_PV_EOI, (u64)flag | ENABLE);
	for (i = 1; i <= TIMES; i++) {
		meanwhile = offer_goes;
		*flag = 0;
		self(LOW);
		sti_nop_cli();
		sti_nop_cli();
		EXPECT_EQ(came[LOW], i);
		EXPECT_EQ(came[LOWER], i);
		EXPECT_EQ(by_bit + by_register, 2 * i);
		EXPECT(!apic_bit(APIC_ISR, LOW) && !apic_bit(APIC_ISR, LOWER));
	}
	wrmsr(MSR_PV_EOI, 0);
}

/* That it was taken is known by the page alone: else the interrupt would be in service for ever. */
TEST(an_offer_that_was_taken_goes_with_its_page)
{
	u32 i, was;

	READY();
	flag = page_alloc();
	wrmsr(MSR_PV_EOI, (u64)flag | ENABLE);
	for (i = 1; i <= TIMES; i++) {
		was = by_bit;
		*flag = 0;
		self(LOW);
		sti_nop_cli();
		EXPECT_EQ(by_bit, was + 1);
		leave(flag);
		self(LOWER);
		sti_nop_cli();
		EXPECT_EQ(came[LOW], i);
		EXPECT_EQ(came[LOWER], i);
		EXPECT(!apic_bit(APIC_ISR, LOW) && !apic_bit(APIC_ISR, LOWER));
	}
	wrmsr(MSR_PV_EOI, 0);
}

TEST(no_offer_is_made_outside_of_memory)
{
	u32 i;

	READY();
	flag = page_alloc();
	for (i = 0; i < ARRAY_SIZE(nowhere); i++) {
		wrmsr(MSR_PV_EOI, nowhere[i] | ENABLE);
		self(LOW);
		sti_nop_cli();
		EXPECT_EQ(came[LOW], i + 1);
		EXPECT_EQ(by_register, i + 1);
	}
	EXPECT_EQ(TRY(wrmsr(MSR_PV_EOI, (u64)flag | 2 | ENABLE)), GP);
	EXPECT_EQ(rdmsr(MSR_PV_EOI), nowhere[i - 1] | ENABLE);
	wrmsr(MSR_PV_EOI, 0);
}

/* ---- Steal time --------------------------------------------------------------- */

/* The vCPU has waited for a processor by now, if only before its first instruction. */
TEST(steal_time_is_told_where_there_is_nothing)
{
	volatile struct steal *s;
	u32 i;

	READY();
	s = page_that_left();
	for (i = 0; i < 3; i++) {
		wrmsr(MSR_STEAL, (u64)s | ENABLE);
		EXPECT(s->ns > 0);
		EXPECT(s->version >= 2 && !(s->version & 1));
		EXPECT_EQ(s->preempted, 0);
		EXPECT_EQ(rdmsr(MSR_STEAL), (u64)s | ENABLE);
		leave(s);
	}
	wrmsr(MSR_STEAL, 0);
}

TEST(steal_time_is_off_outside_of_memory)
{
	u64 kept = (u64)page_alloc() | ENABLE;
	u32 i;

	READY();
	for (i = 0; i < ARRAY_SIZE(nowhere); i++) {
		wrmsr(MSR_STEAL, nowhere[i] | ENABLE);
		EXPECT_EQ(rdmsr(MSR_STEAL), 0);
	}
	wrmsr(MSR_STEAL, kept);
	for (i = 1; i < 6; i++)
		EXPECT_EQ(TRY(wrmsr(MSR_STEAL, kept | BIT(i))), GP);
	EXPECT_EQ(rdmsr(MSR_STEAL), kept);
	wrmsr(MSR_STEAL, 0);
}

/* ---- Clocks ------------------------------------------------------------------ */

TEST(clocks_are_told_where_there_is_nothing)
{
	volatile struct clock *c;
	volatile struct wall *w;

	READY();
	c = page_that_left();
	wrmsr(MSR_SYSTEM, (u64)c | ENABLE);
	EXPECT(c->mul && !(c->version & 1));
	w = page_that_left();
	wrmsr(MSR_WALL, (u64)w);
	EXPECT(w->version && !(w->version & 1));
	EXPECT(w->nsec < 1000000000);
	/* A page, half of it there: and the other half of what is in two. */
	w = page_that_left();
	c = (void *)((u64)w + 4096 - 16);
	page_alloc();
	leave((void *)((u64)w + 4096));
	wrmsr(MSR_SYSTEM, (u64)c | ENABLE);
	EXPECT(c->mul && !(c->version & 1));
	wrmsr(MSR_SYSTEM, 0);
}

TEST(clocks_are_told_nothing_outside_of_memory)
{
	u32 i;

	READY();
	for (i = 0; i < ARRAY_SIZE(nowhere); i++) {
		EXPECT_EQ(TRY(wrmsr(MSR_SYSTEM, nowhere[i] | ENABLE)), NO_TRAP);
		EXPECT_EQ(TRY(wrmsr(MSR_WALL, nowhere[i])), NO_TRAP);
	}
	EXPECT_EQ(cpuid(0x40000000, 0).b, 0x4b4d564b);
	wrmsr(MSR_SYSTEM, 0);
}

/* KVM's hypercall: the number in RAX, the answer there, too. */
static s64 pair(volatile void *to)
{
	s64 ret = HC_PAIRING;

	if (cpuid(0, 0).b == 0x756e6547)	/* "Genu" */
		asm volatile("vmcall" : "+a"(ret) : "b"(to), "c"(0) : "memory");
	else
		asm volatile("vmmcall" : "+a"(ret) : "b"(to), "c"(0) : "memory");
	return ret;
}

TEST(wall_clocks_are_paired_where_there_is_nothing)
{
	volatile struct pairing *p;
	s64 ret;
	u32 i;

	READY();
	p = page_that_left();
	ret = pair(p);
	if (ret == -EOPNOTSUPP)
		SKIP("the host's clock is not its TSC");
	EXPECT_EQ(ret, 0);
	EXPECT(p->tsc && p->tsc < rdtsc());
	for (i = 0; i < ARRAY_SIZE(nowhere); i++)
		EXPECT_EQ(pair((void *)nowhere[i]), -EFAULT);
}
