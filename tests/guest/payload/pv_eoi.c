// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that ends its interrupts by a bit in memory where it is offered that (Linux,
 * MSR_KVM_PV_EOI_EN), and by its local APIC where not. None is lost and none comes twice,
 * whatever comes meanwhile.
 */
#include "guest.h"

#define MSR_PV_EOI	0x4b564d04
#define FEATURE_PV_EOI	BIT(6)
#define LOW		0x48
#define LOWER		0x42
#define HIGH		0x62
#define TIMER		0x71
#define LEVEL		0x55
#define COM1		4
#define MANY		1000
#define LEVELS		20

static volatile u32 flag;
static volatile u32 came[256], by_bit, by_register;
static void (*meanwhile)(void);

static void end(void)
{
	if (flag & 1) {
		flag &= ~1u;
		by_bit++;
	} else {
		apic_eoi();
		by_register++;
	}
}

static void self(u8 vector)
{
	apic_icr(apic_id(), ICR_ASSERT | vector);
}

static void on_irq(struct regs *r)
{
	void (*what)(void) = meanwhile;

	came[r->vector]++;
	meanwhile = NULL;
	if (what)
		what();
	if (r->vector == LEVEL && came[LEVEL] == LEVELS)
		inb(0x3fa);	/* the source falls silent */
	end();
}

static bool setup(void)
{
	struct cpuid c = cpuid(0x40000000, 0);
	u32 i;

	if (c.b != 0x4b4d564b || !(cpuid(0x40000001, 0).a & FEATURE_PV_EOI))
		return false;
	pic_mask(0xffff);
	apic_enable();
	for (i = 0; i < 256; i++)
		came[i] = 0;
	by_bit = by_register = flag = 0;
	set_handler(LOW, on_irq);
	set_handler(LOWER, on_irq);
	set_handler(HIGH, on_irq);
	set_handler(LEVEL, on_irq);
	set_handler(TIMER, on_irq);
	wrmsr(MSR_PV_EOI, (u64)&flag | 1);
	return true;
}

#define SETUP()	do { if (!setup()) SKIP("no hypervisor that offers it"); } while (0)

TEST(the_register)
{
	SETUP();
	EXPECT_EQ(rdmsr(MSR_PV_EOI), (u64)&flag | 1);
	EXPECT_EQ(TRY(wrmsr(MSR_PV_EOI, (u64)&flag | 3)), GP);
	EXPECT_EQ(rdmsr(MSR_PV_EOI), (u64)&flag | 1);
}

TEST(offered)
{
	u32 i;

	SETUP();
	for (i = 0; i < MANY; i++) {
		self(LOW);
		sti_nop_cli();
	}
	EXPECT_EQ(came[LOW], MANY);
	EXPECT_EQ(by_bit + by_register, MANY);
	/* The host may have taken the page away for a moment. */
	EXPECT(by_bit > MANY * 9 / 10);
	EXPECT(!apic_bit(APIC_ISR, LOW));
	EXPECT_EQ(apic_read(APIC_PPR), 0);
}

TEST(not_offered_without_the_register)
{
	SETUP();
	wrmsr(MSR_PV_EOI, 0);
	self(LOW);
	sti_nop_cli();
	EXPECT_EQ(came[LOW], 1);
	EXPECT_EQ(by_register, 1);
}

/* The end of the one in service is what the other waits for: it has to be seen. */
static void another(void)
{
	u32 was = flag;

	self(LOWER);
	EXPECT(was & 1);
	EXPECT(!(flag & 1));
	sti_nop_cli();
	EXPECT_EQ(came[LOWER], 0);
}

TEST(taken_back_when_one_waits)
{
	SETUP();
	meanwhile = another;
	self(LOW);
	sti_nop_cli();
	sti_nop_cli();
	EXPECT_EQ(came[LOW], 1);
	EXPECT_EQ(came[LOWER], 1);
	EXPECT(by_register >= 1);
}

static void in_between(void)
{
	self(HIGH);
	sti_nop_cli();
	EXPECT_EQ(came[HIGH], 1);
	EXPECT(apic_bit(APIC_ISR, LOW));
	EXPECT(!apic_bit(APIC_ISR, HIGH));
}

TEST(nested)
{
	SETUP();
	meanwhile = in_between;
	self(LOW);
	sti_nop_cli();
	EXPECT_EQ(came[LOW], 1);
	EXPECT(!apic_bit(APIC_ISR, LOW));
	self(LOW);
	sti_nop_cli();
	EXPECT_EQ(came[LOW], 2);
}

/* Ended by the bit, and another of its class comes before anybody has looked. */
static void ended_and_again(void)
{
	if (!(flag & 1))
		return;
	flag &= ~1u;
	by_bit++;
	self(LOW);
	sti_nop_cli();
	EXPECT_EQ(came[LOW], 2);
	/* What is in service now ends behind this. */
	self(LOWER);
	sti_nop_cli();
	EXPECT_EQ(came[LOWER], 1);
}

TEST(again_at_once)
{
	SETUP();
	meanwhile = ended_and_again;
	self(LOW);
	sti_nop_cli();
	EXPECT_EQ(came[LOW], 2);
	EXPECT_EQ(came[LOWER], 1);
}

TEST(level_triggered_ones_are_the_io_apics)
{
	SETUP();
	ioapic_route(COM1, (u64)apic_id() << 56 | ICR_LEVEL | LEVEL);
	outb(2, 0x3f9);		/* the transmitter is empty, which is an interrupt */
	sti_nop_cli();
	outb(0, 0x3f9);
	ioapic_route(COM1, LVT_MASKED);
	EXPECT_EQ(came[LEVEL], LEVELS);
	EXPECT_EQ(by_bit, 0);
}

/* What ends a HLT depends on what is in service. */
TEST(halts)
{
	u32 i;

	SETUP();
	apic_write(APIC_TIMER_DIV, 0xb);
	apic_write(APIC_LVT_TIMER, TIMER);
	for (i = 0; i < 100; i++) {
		apic_write(APIC_TIMER_INIT, 100000);
		while (came[TIMER] == i)
			sti_hlt_cli();
	}
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	EXPECT_EQ(came[TIMER], 100);
	EXPECT(by_bit > 50);
}

TEST(an_address_of_nothing)
{
	u32 i;

	SETUP();
	wrmsr(MSR_PV_EOI, 0x7ffffffff001ull);
	for (i = 0; i < 10; i++) {
		self(LOW);
		sti_nop_cli();
	}
	EXPECT_EQ(came[LOW], 10);
	EXPECT_EQ(by_register, 10);
	wrmsr(MSR_PV_EOI, 0);
}
